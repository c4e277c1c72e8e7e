"""The tree of errors."""

from __future__ import annotations

import inspect

from gwfollow import errors
from gwfollow.errors import IllegalTransition, InputError, PermanentError, StaleVersion, TransientError


def test_the_docstring_draws_exactly_the_classes_that_there_are() -> None:
    classes = {name for name, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)}
    drawn = {
        word for word in (errors.__doc__ or "").replace("-", " ").replace("|", " ").replace("`", " ").split() if word in classes
    }
    assert drawn == classes


def test_an_input_error_names_place_found_and_expected() -> None:
    error = InputError("blueprint x.yaml, likelihood.sample rate", "fast", "a number in Hz")
    assert str(error) == "blueprint x.yaml, likelihood.sample rate: found 'fast', expected a number in Hz"


def test_what_was_found_is_shortened() -> None:
    assert len(str(InputError("x", "y" * 10_000, "z"))) < 200


def test_an_illegal_transition_names_what_is_allowed() -> None:
    assert str(IllegalTransition("E/a", "wait", "running", frozenset({"ready"}))) == (
        "E/a: status 'wait' may not become 'running' (allowed: ready)"
    )
    assert str(IllegalTransition("E/a", "finalised", "ready")) == "E/a: status 'finalised' may not become 'ready' (it is final)"


def test_no_error_is_both_transient_and_permanent() -> None:
    assert issubclass(StaleVersion, TransientError)
    assert not issubclass(TransientError, PermanentError)
    assert not issubclass(InputError, TransientError)

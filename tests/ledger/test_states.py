"""Statuses and which may follow which."""

from __future__ import annotations

import pytest

from gwfollow.errors import IllegalTransition, InputError
from gwfollow.ledger.states import (
    ALIASES,
    FINAL,
    IN_HAND,
    SATISFIES,
    STARTABLE,
    STATUSES,
    TRANSITIONS,
    check_status,
    check_transition,
)


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_exactly_the_transitions_of_the_table_are_legal(old: str, new: str) -> None:
    if new in TRANSITIONS[old]:
        check_transition("GW1/a", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"GW1/a: status '{old}' may not become '{new}'"):
            check_transition("GW1/a", old, new)


def test_every_status_can_be_reached_and_every_word_is_a_status() -> None:
    words = {new for allowed in TRANSITIONS.values() for new in allowed}
    assert words == set(STATUSES)
    assert set(STATUSES) >= STARTABLE | IN_HAND | SATISFIES | FINAL


def test_what_is_done_does_not_start_by_itself() -> None:
    assert not SATISFIES & STARTABLE
    assert not FINAL & (STARTABLE | IN_HAND)


@pytest.mark.parametrize("word", ["Ready", " READY ", "ready"])
def test_a_status_is_read_without_regard_to_case(word: str) -> None:
    assert check_status(word, "here") == "ready"


def test_words_of_asimov_and_olivaw_are_read_where_somebody_is_told() -> None:
    told: list[str] = []
    assert {word: check_status(word.title(), "here", told.append) for word in ALIASES} == ALIASES
    assert told[0] == "here: 'Start' is read as 'ready', which is its name here"
    assert set(ALIASES.values()) <= set(STATUSES)
    with pytest.raises(InputError):
        check_status("start", "here")


@pytest.mark.parametrize("word", ["done", "", None, 3, "review"])
def test_another_word_is_refused(word: object) -> None:
    with pytest.raises(InputError, match=r"here: found .* expected one of wait, ready"):
        check_status(word, "here")

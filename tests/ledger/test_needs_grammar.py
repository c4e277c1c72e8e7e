"""The grammar of needs: what is read, what is refused, what a condition holds for."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.needs.grammar import NeedsSettings, parse_needs, parse_settings


@pytest.mark.parametrize(
    ("need", "values", "holds"),
    [
        ({"a.b": "x"}, {"X".lower()}, True),
        ({"a.b": "!x"}, {"x"}, False),
        ({"a.b": "!x"}, set(), True),
        ({"a.b": "!=x"}, set(), False),
        ({"a.b": "!=x"}, {"y"}, True),
        ({"a.b": "==x"}, {"x"}, True),
        ({"a.b": "20.0"}, {"20"}, True),
        ({"a.b": ">=8"}, {"8"}, True),
        ({"a.b": "> 8"}, {"8"}, False),
        ({"a.b": "<8"}, {"7.99"}, True),
        ({"a.b": "<=8"}, {"nine"}, False),
        ({"a.b": ">=8"}, set(), False),
        ({"a.b": "!>=8"}, {"7"}, True),
        ({"a.b": True}, {"true"}, True),
        ("label: interesting", {"true"}, True),
        ("label: interesting", {"false"}, False),
        ("label: interesting", set(), False),
        ("label: !interesting", set(), True),
        ("label:interesting>=1", {"2"}, True),
        ("label: state==done", {"done"}, True),
        ({"labels.snr": ">8"}, {"8.1"}, True),
        ("status: !=stuck", {"stuck"}, False),
        ("pipeline: Bilby", {"bilby"}, True),
        ("name: 1", {"1.0"}, False),  # names are compared exactly
    ],
)
def test_a_condition_holds_for_these_values(need: Any, values: set[str], holds: bool) -> None:
    ((condition,),) = [entry.conditions for entry in parse_needs([need], "needs")]
    assert condition.holds(values) is holds


@pytest.mark.parametrize(
    ("need", "text"),
    [
        ("psd", "psd"),
        ("GW1/psd", "GW1/psd"),
        ("pipeline:bilby", "pipeline: bilby"),
        ("label: x>=1", "labels.x: >=1"),
        ("label: x", "label: x"),
        ({"labels.snr": "> 8"}, "labels.snr: >8"),
        ([{"pipeline": "a"}, {"review": "Approved"}], "pipeline: a and review: Approved"),
    ],
)
def test_an_entry_is_shown_as_it_is_understood(need: Any, text: str) -> None:
    assert [str(entry) for entry in parse_needs([need], "needs")] == [text]


@pytest.mark.parametrize(
    ("need", "what"),
    [
        ([{"pipeline": "a"}, {"pipeline": "b"}], r"needs\[0\]: pipeline: a and pipeline: b never hold together"),
        (["a", "b"], "a and b never hold together"),
        ([{"x.y": "v"}, {"x.y": "!v"}], "x.y: v and x.y: !v never hold"),
        ([{"labels.snr": ">=8"}, {"labels.snr": "<8"}], "never hold"),
        ([{"status": "stuck"}, {"status": "finished"}], "never hold"),
        ([{"review": "approved"}, {"review.status": "rejected"}], "never hold"),
        ({"status": "done"}, r"needs\[0\].status: found 'done', expected one of wait, ready"),
        ({"review": "good"}, r"needs\[0\].review: found 'good', expected review: one of approved, rejected"),
        ({"review.person": "alice"}, "expected review: one of"),
        ({"labels.snr": ">=high"}, "found '>=high', expected a number after the comparison"),
        ({"pipeline": ">bilby"}, "expected a pipeline, which has no order"),
        ("label: >=8", "a label, or a label with a comparison"),
        ("GW1/two words", "an analysis' name"),
    ],
)
def test_what_can_never_hold_is_refused_with_its_place(need: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        parse_needs([need], "needs")


@pytest.mark.parametrize(
    "need",
    [
        [{"waveform.modes": "22"}, {"waveform.modes": "33"}],  # a list may have both
        [{"status": "finished"}, {"status": "uploaded"}],  # what is uploaded has been finished
        [{"review": "approved"}, {"review": "preferred"}],
        [{"labels.snr": ">=8"}, {"labels.snr": "<=8"}],
        [{"x.y": "!a"}, {"x.y": "!b"}],
    ],
)
def test_what_may_hold_together_is_read(need: Any) -> None:
    assert len(parse_needs([need], "needs")) == 1


def test_settings_are_read_in_asimovs_words() -> None:
    asimovs = {"minimum": 2, "condition": "is_interesting", "logic": "add_priority", "extra priority": "RIFT"}
    assert parse_settings(asimovs, "here") == NeedsSettings(2, interesting=True)
    assert parse_settings("default", "here") == parse_settings(None, "here") == NeedsSettings()


@pytest.mark.parametrize("settings", [3, {"minimum": 0}, {"minimum": True}, {"minimum": "two"}, {"condition": "is_dull"}])
def test_other_settings_are_refused(settings: Any) -> None:
    with pytest.raises(InputError, match=r"^here"):
        parse_settings(settings, "here")

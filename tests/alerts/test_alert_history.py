"""The history of an event: one state from a set of alerts."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwfollow.alerts.alert import Alert, Skymap
from gwfollow.alerts.history import State, canonical, fold, prefixes

START = datetime(2025, 1, 1, tzinfo=UTC)


def at(minutes: float | None, kind: str = "update", form: str = "igwn-alert", **more: Any) -> Alert:
    issued = None if minutes is None else START + timedelta(minutes=minutes)
    if isinstance(more.get("labels"), list):
        more["labels"] = frozenset(more["labels"])
    return Alert(**{"form": form, "event": "S250101a", "superevent": True, "kind": kind, "issued": issued, **more})


def test_later_facts_win_and_silence_erases_nothing() -> None:
    state = fold(
        [
            at(1, facts={"far": 1e-9, "group": "CBC"}),
            at(0, "new", facts={"far": 1e-7, "pipeline": "pycbc"}),
            at(2, facts={"far": None}),
        ]
    )
    assert (state.far, state.group, state.pipeline) == (1e-9, "CBC", "pycbc")


def test_a_time_that_is_only_rounded_is_the_same_time() -> None:
    assert fold([at(0, facts={"t_0": 100.12345}), at(1, "initial", "public", facts={"t_0": 100.123})]).t_0 == 100.12345
    assert fold([at(0, facts={"t_0": 100.12345}), at(1, facts={"t_0": 100.126})]).t_0 == 100.126


def test_messages_without_a_time_come_before_all_others() -> None:
    late = at(None, "label_added", label="DQV")
    assert fold([at(0, "new", labels=["ADVREQ"]), late]).labels == ("ADVREQ",)
    assert fold([late]).labels == ("DQV",)
    assert canonical([at(0), late])[0] is late


def test_labels_are_set_as_a_whole_then_added_and_removed() -> None:
    story = [at(0, labels=["A"]), at(1, "label_added", label="B"), at(2, "label_removed", label="A"), at(3, labels=["C", "A"])]
    assert [state.labels for _, state in prefixes(story)] == [("A",), ("A", "B"), ("B",), ("A", "C")]


def test_at_one_moment_a_removal_follows_an_addition() -> None:
    assert fold([at(1, "label_removed", label="B"), at(1, "label_added", label="B")]).labels == ()


@pytest.mark.parametrize(
    ("story", "why"),
    [
        ([at(0, "new")], None),
        ([at(0, "new"), at(1, "retraction", "public", retracted=True)], "a public retraction"),
        ([at(0, "label_added", label="ADVNO")], "the label ADVNO"),
        ([at(0, "label_added", label="ADVNO"), at(1, "label_removed", label="ADVNO")], None),
        ([at(0, "label_added", label="ADVNO"), at(1, labels=["ADVOK"])], None),
        ([at(0, "signoff", signoff={"type": "ADV", "instrument": "", "status": "NO"})], "the label ADVNO"),
        ([at(0, "signoff", signoff={"type": "ADV", "status": "NO"}), at(1, "signoff", signoff={"type": "ADV", "status": "OK"})], None),
        ([at(0, "signoff", signoff={"type": "ADV", "status": "NO"}), at(1, "signoff", signoff={"type": "ADV", "status": "deleted"})], None),
        ([at(0, "signoff", signoff={"type": "OP", "instrument": "H1", "status": "NO"})], None),
        ([at(0, "retraction", "public", retracted=True), at(1, "initial", "public")], None),
        ([at(0, "retraction", "public", retracted=True), at(1, "update")], "a public retraction"),
        ([at(1, "retraction", "public", retracted=True), at(0, "initial", "public")], "a public retraction"),
        ([at(0, "voevent", retracted=True)], "a public retraction"),
    ],
)  # fmt: skip
def test_what_retracts_an_event_and_what_takes_that_back(story: list[Alert], why: str | None) -> None:
    for order in itertools.permutations(story):
        state = fold(order)
        assert (state.retracted, state.retracted_why) == (why is not None, why)


def test_an_operators_no_is_kept() -> None:
    assert fold([at(0, "signoff", signoff={"type": "OP", "instrument": "H1", "status": "NO"})]).signoffs == {"OP H1": "NO"}


def test_one_message_that_says_test_is_enough() -> None:
    for order in itertools.permutations([at(0, category="MDC", role="test"), at(1), at(2, "initial", "public")]):
        state = fold(order)
        assert (state.category, state.role) == ("MDC", "test")
    assert fold([at(0, event="MS250101a")]).category == "MDC"
    assert fold([at(0, event="TS250101a")]).category == "Test"


def test_graceDBs_own_label_makes_it_significant() -> None:
    assert fold([at(0)]).significant is None
    assert fold([at(0, labels=["SIGNIF_LOCKED"])]).significant is True
    assert (
        fold([at(0, "preliminary", "public", facts={"significant": False}), at(1, labels=["SIGNIF_LOCKED"])]).significant is True
    )


def test_every_order_and_any_number_of_times_gives_the_same_states() -> None:
    story = [
        at(0, "new", facts={"far": 1e-8, "t_0": 5.0, "instruments": ["L1", "H1"]}, labels=[]),
        at(1, "label_added", label="DQV"),
        at(1, "label_removed", label="DQV"),
        at(1, facts={"far": 2e-9}),
        at(1, facts={"far": 1e-9}),
        at(None, "log", skymap=Skymap("bayestar.fits", 0)),
    ]
    expected = fold(story)
    assert expected.instruments == ("H1", "L1")
    for order in itertools.permutations(story):
        assert fold([*order, order[0], order[3]]) == expected


def test_a_state_survives_the_ledger() -> None:
    state = fold(
        [at(0, "new", facts={"instruments": ["H1"], "classification": {"BBH": 0.9}}, labels=["A"], skymap=Skymap("a.fits", 1))]
    )
    assert State.from_json(json.loads(json.dumps({**state.as_json(), "followed": True}))) == state
    assert State.from_json({}) == State()


def test_prefixes_end_with_the_whole_and_nothing_is_told_of_nothing() -> None:
    assert prefixes([]) == []
    assert fold([]) == State()
    story = [at(2), at(0, "new"), at(1, "initial", "public")]
    assert [alert.kind for alert, _ in prefixes(story)] == ["new", "initial", "update"]
    assert prefixes(story)[-1][1] == fold(story)
    assert (fold(story).kind, fold(story).public) == ("update", "initial")

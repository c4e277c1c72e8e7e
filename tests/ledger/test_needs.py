"""What an analysis waits for."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import Blueprint
from gwfollow.ledger.needs import parse_needs, unmet, unmet_in_event
from gwfollow.ledger.schema import Need, Review
from gwfollow.ledger.store import Ledger, find_event

EVENT = Blueprint("event", "GW1", "event", {})
CONFIGURATION = Blueprint("configuration", "project", "c", {"pipelines": {"Bilby": {"waveform": {"approximant": "IMRPhenomD"}}}})


def analysis(name: str, pipeline: str = "bilby", status: str = "ready", **document: Any) -> Blueprint:
    return Blueprint("analysis", name, name, document, event="GW1", pipeline=pipeline, status=status)


def apply_all(ledger: Ledger, *blueprints: Blueprint, later: bool = True) -> None:
    with ledger.change(who="test") as change:
        apply(change, blueprints, later=later)


def edges(ledger: Ledger, name: str) -> list[str | None]:
    with ledger.read() as session:
        rows = session.scalars(select(Need).order_by(Need.position, Need.id)).all()
        return [need.needed.name if need.needed else None for need in rows if need.analysis.name == name]


def unmet_of(ledger: Ledger, name: str) -> list[str]:
    with ledger.read() as session:
        (row,) = [need.analysis for need in session.scalars(select(Need)) if need.analysis.name == name][:1]
        return unmet(session, row)


STAGE = (
    CONFIGURATION,
    EVENT,
    analysis("psd", "bayeswave", "finished", likelihood={"iterations": 1000}),
    analysis("a", "bilby", "running"),
    analysis("b", "Bilby", "uploaded", waveform={"approximant": "IMRPhenomXPHM", "modes": ["22", "33"]}),
)


@pytest.mark.parametrize(
    ("needs", "needed"),
    [
        (["psd"], ["psd"]),
        (["name: psd"], ["psd"]),
        ([{"pipeline": "BayesWave"}], ["psd"]),
        (["pipeline:bilby"], ["a", "b"]),
        ([{"pipeline": "!bilby"}], ["psd"]),
        ([{"waveform.approximant": "imrphenomd"}], ["a"]),  # from the pipeline's defaults
        ([{"waveform.modes": 33}], ["b"]),
        ([{"likelihood.iterations": 1000.0}], ["psd"]),
        ([[{"pipeline": "bilby"}, {"waveform.approximant": "IMRPhenomXPHM"}]], ["b"]),
        ([{"pipeline": "bilby", "waveform.approximant": "IMRPhenomXPHM"}], ["b"]),
        (["psd", {"pipeline": "bilby"}], ["psd", "a", "b"]),
        ([{"optional": True, "pipeline": "rift"}], [None]),
        (["nonexistent"], [None]),
        (["PSD"], [None]),  # names are compared exactly
        ([{"status": "finished"}], [None]),
        ([[{"pipeline": "bilby"}, {"status": "uploaded"}]], ["a", "b"]),
        ([{"pipeline": "bilby"}, "a"], ["a", "b", "a"]),
        (["x", {"pipeline": "gwdata"}], [None, None]),  # never itself
    ],
)
def test_the_static_part_of_needs_makes_edges(ledger: Ledger, needs: list[Any], needed: list[str | None]) -> None:
    apply_all(ledger, *STAGE, analysis("x", "gwdata", needs=needs))
    assert edges(ledger, "x") == needed


@pytest.mark.parametrize(
    ("needs", "sentences"),
    [
        (["psd"], []),
        (["psd", "a"], ["a is running"]),
        ([{"pipeline": "bilby"}], ["a is running"]),
        (["nonexistent"], ["nothing is called nonexistent"]),
        ([{"pipeline": "rift"}], ["nothing has pipeline: rift"]),
        ([{"optional": True, "pipeline": "rift"}], []),
        ([{"optional": True, "pipeline": "bilby"}], ["a is running"]),
        ([{"status": "uploaded"}], []),
        ([{"status": "finished"}], []),  # what is uploaded has been finished before
        ([[{"pipeline": "bilby"}, {"status": "uploaded"}]], []),
        ([[{"pipeline": "bayeswave"}, {"status": "uploaded"}]], ["psd is not yet status: uploaded"]),
        ([{"review.status": "approved"}], ["nothing has review.status: approved"]),
        ([[{"pipeline": "bilby"}, {"review": "approved"}]], ["a, b is not yet review: approved"]),
        (["psd", "psd", {"pipeline": "bayeswave"}], []),
        (["a", {"pipeline": "bilby"}], ["a is running"]),  # said once
    ],
)
def test_each_unmet_need_gets_a_sentence(ledger: Ledger, needs: list[Any], sentences: list[str]) -> None:
    apply_all(ledger, *STAGE, analysis("x", "gwdata", needs=needs))
    assert unmet_of(ledger, "x") == sentences


def test_the_newest_review_counts(ledger: Ledger) -> None:
    apply_all(ledger, *STAGE, analysis("x", "gwdata", needs=[[{"pipeline": "bayeswave"}, {"review.status": "approved"}]]))
    for verdict, expected in [("approved", []), ("rejected", ["psd is not yet review.status: approved"])]:
        with ledger.change(who="test") as change:
            change.session.add(Review(analysis_id=change.analysis("GW1", "psd").id, verdict=verdict, person="alice"))
        assert unmet_of(ledger, "x") == expected


def test_a_dangling_need_is_met_when_what_it_names_is_applied_later(ledger: Ledger) -> None:
    apply_all(ledger, EVENT, analysis("x", needs=["psd"]))
    assert edges(ledger, "x") == [None]
    apply_all(ledger, analysis("psd", status="finished"))
    assert edges(ledger, "x") == ["psd"]
    assert unmet_of(ledger, "x") == []


def test_a_circle_is_refused_and_named_in_order(ledger: Ledger) -> None:
    with pytest.raises(
        InputError,
        match=r"event GW1, needs: found '(a needs b needs c needs a|b needs c needs a needs b|c needs a needs b needs c)'",
    ):
        apply_all(ledger, EVENT, analysis("a", needs=["b"]), analysis("b", needs=["c"]), analysis("c", needs=["a"]))
    with ledger.read() as session:
        assert session.scalars(select(Need)).all() == []


def test_two_that_need_all_others_are_a_circle(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="no circle"):
        apply_all(ledger, EVENT, analysis("a", needs=[{"pipeline": "!psd"}]), analysis("b", needs=[{"pipeline": "!psd"}]))


def test_conditions_on_status_alone_make_no_edge_and_so_no_circle(ledger: Ledger) -> None:
    apply_all(ledger, EVENT, analysis("a", needs=[{"review.status": "approved"}]), analysis("b", needs=["a"]))
    with ledger.read() as session:
        assert [(need.dynamic, need.needed_id is None) for need in session.scalars(select(Need).order_by(Need.id))] == [
            (True, True),
            (False, False),
        ]


@pytest.mark.parametrize(
    "needs",
    ["psd", {"pipeline": "x"}, [3], [None], [[]], [{}], [["a", ["b"]]], [":x"], ["pipeline:"], ["../x"], ["two words"],
     [{"optional": 1, "pipeline": "x"}],
     [{"optional": True}], [{"pipeline": []}], [{"a..b": 1}], ["!x:"], [{"pipeline": "!"}]],
)  # fmt: skip
def test_what_is_no_need_is_refused_with_its_place(needs: object) -> None:
    with pytest.raises(InputError, match=r"^here, needs"):
        parse_needs(needs, "here, needs")


def test_a_whole_event_is_asked_with_the_same_number_of_queries(ledger: Ledger) -> None:
    def queries(name: str, count: int) -> int:
        psd = Blueprint("analysis", "psd", "psd", {}, event=name, pipeline="psd")
        others = [Blueprint("analysis", f"x{n}", "x", {"needs": ["psd"]}, event=name, pipeline="bilby") for n in range(count)]
        apply_all(ledger, Blueprint("event", name, "event", {}), psd, *others)
        seen: list[str] = []

        def note(*arguments: Any) -> None:
            seen.append(arguments[2])

        sa_event.listen(ledger.engine, "before_cursor_execute", note)
        with ledger.read() as session:
            found = unmet_in_event(session, find_event(session, name))
        sa_event.remove(ledger.engine, "before_cursor_execute", note)
        assert [found[f"x{n}"] for n in range(count)] == [["psd is ready"]] * count
        return len(seen)

    assert queries("MANY", 60) == queries("FEW", 3) < 10


def test_edges_follow_the_defaults_of_the_project(ledger: Ledger) -> None:
    apply_all(ledger, *STAGE, analysis("x", "gwdata", needs=[{"waveform.approximant": "IMRPhenomD"}]))
    assert edges(ledger, "x") == ["a"]
    defaults = {
        "pipelines": {
            "Bilby": {"waveform": {"approximant": "IMRPhenomNSBH"}},
            "bayeswave": {"waveform": {"approximant": "IMRPhenomD"}},
        }
    }
    with ledger.change(who="test") as change:
        report = apply(change, [Blueprint("configuration", "project", "c", defaults)], update=True)
    assert (edges(ledger, "x"), report.work) == (["psd"], ["GW1"])

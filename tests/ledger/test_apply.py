"""Applying blueprints to the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import select

from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.merge import merged_document
from gwfollow.ledger.schema import Analysis, Configuration, Event, Journal, Outbox
from gwfollow.ledger.store import Ledger, find_analysis, find_event

EVENT = "kind: event\nname: GW1\nevent time: 1126259462.4\n"
PSD = "kind: analysis\nname: psd\npipeline: psd\n"
BILBY = "kind: analysis\nname: bilby\npipeline: bilby\nneeds: [psd]\n"


def put(ledger: Ledger, *documents: str, **options: Any) -> Report:
    reading = read_text("\n---\n".join(documents), "f")
    return ledger.run(lambda change: apply(change, reading.blueprints, **options), who="alice", why="test")


def verdicts(report: Report) -> list[str]:
    return [f"{entry.verdict} {entry.name}" for entry in report.entries]


def revision(ledger: Ledger, event: str = "GW1") -> int:
    with ledger.read() as session:
        return find_event(session, event).revision


def names(ledger: Ledger) -> list[str]:
    with ledger.read() as session:
        return [f"{row.event.name}/{row.name}" for row in session.scalars(select(Analysis).order_by(Analysis.id))]


# ---- events and analyses ------------------------------------------------------------------------------------------------


def test_an_event_with_its_analyses_is_added_and_given_work_once(ledger: Ledger) -> None:
    assert verdicts(put(ledger, EVENT, PSD, BILBY)) == ["added GW1", "added GW1/psd", "added GW1/bilby"]
    assert revision(ledger) == 1
    with ledger.read() as session:
        assert session.scalars(select(Outbox.payload)).all() == [{"event": "GW1", "run_id": "rev-1"}]
        entries = session.execute(
            select(Journal.what, Journal.event, Journal.analysis, Journal.who, Journal.why).order_by(Journal.id)
        )
        assert [tuple(entry) for entry in entries] == [
            ("event added", "GW1", None, "alice", "test"),
            ("analysis added", "GW1", "psd", "alice", "test"),
            ("analysis added", "GW1", "bilby", "alice", "test"),
        ]


def test_an_event_in_the_file_serves_the_analyses_after_it(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD, EVENT.replace("GW1", "GW2"), PSD)
    assert names(ledger) == ["GW1/psd", "GW2/psd"]


def test_an_events_own_name_wins_over_the_option_and_the_option_over_the_file(ledger: Ledger) -> None:
    put(ledger, EVENT, EVENT.replace("GW1", "GW2"), EVENT.replace("GW1", "GW3"))
    put(ledger, EVENT, PSD + "event: GW2", PSD, event="GW3")
    assert names(ledger) == ["GW2/psd", "GW3/psd"]


def test_an_analysis_without_an_event_is_refused_with_the_ways_to_name_one(ledger: Ledger) -> None:
    with pytest.raises(InputError, match=r"f, document 1 \(analysis psd\), event: found None, expected .* -e EVENT"):
        put(ledger, PSD)


def test_an_analysis_of_an_unknown_event_is_refused_with_a_suggestion(ledger: Ledger) -> None:
    put(ledger, EVENT.replace("GW1", "GW150914"))
    with pytest.raises(NotFound, match="no event 'GW150915'; did you mean 'GW150914'"):
        put(ledger, PSD, event="GW150915")


def test_one_wrong_document_leaves_nothing_of_the_file(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        put(ledger, EVENT, PSD, BILBY + "event: GW9")
    with ledger.read() as session:
        assert [session.scalars(select(table)).all() for table in (Event, Analysis, Journal, Outbox)] == [[], [], [], []]


def test_the_same_file_again_changes_nothing(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD, BILBY)
    assert verdicts(put(ledger, EVENT, PSD, BILBY)) == ["unchanged GW1", "unchanged GW1/psd", "unchanged GW1/bilby"]
    assert revision(ledger) == 1


def test_another_content_is_refused_without_update(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD)
    with pytest.raises(InputError, match=r"\(analysis psd\): is in the ledger with another content \(likelihood\); --update"):
        put(ledger, PSD + "likelihood: {psd length: 8}", event="GW1")
    with pytest.raises(InputError, match=r"another content \(event time\)"):
        put(ledger, EVENT.replace("462.4", "463"))


def test_update_merges_and_gives_work(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD + "likelihood: {psd length: 4, sample rate: 1024}")
    report = put(ledger, PSD + "likelihood: {psd length: 8}", event="GW1", update=True)
    assert [(entry.verdict, entry.keys) for entry in report.entries] == [("changed", ("likelihood",))]
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "psd").document == {"likelihood": {"psd length": 8, "sample rate": 1024}}
    assert (report.work, revision(ledger)) == (["GW1"], 2)


def test_a_changed_event_gives_work_when_something_may_start(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD)
    assert put(ledger, EVENT + "interferometers: [H1]", update=True).work == ["GW1"]
    with ledger.change(who="test") as change:
        change.set_status(change.analysis("GW1", "psd"), "wait")
    assert put(ledger, EVENT + "interferometers: [L1]", update=True).work == []


def test_an_analysis_that_waits_gives_no_work(ledger: Ledger) -> None:
    assert put(ledger, EVENT, PSD + "status: wait").work == []


def test_what_another_analysis_was_waiting_for_gives_work_even_when_done(ledger: Ledger) -> None:
    put(ledger, EVENT, BILBY, later=True)
    assert put(ledger, PSD + "status: finished", event="GW1").work == ["GW1"]


def test_the_status_of_an_analysis_in_the_ledger_is_changed_by_a_blueprint_only_under_update(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD)
    assert verdicts(put(ledger, PSD + "status: cancelled", event="GW1")) == ["unchanged GW1/psd"]
    with ledger.read() as session:
        assert session.scalars(select(Analysis.status)).one() == "ready"


def test_the_pipeline_of_an_analysis_that_was_built_is_not_changed(ledger: Ledger) -> None:
    put(ledger, EVENT, PSD)
    put(ledger, PSD.replace("pipeline: psd", "pipeline: bayeswave"), event="GW1", update=True)
    with ledger.change(who="test") as change:
        change.analysis("GW1", "psd").attempt = 1
    with pytest.raises(InputError, match="'bayeswave': it has been built with that"):
        put(ledger, PSD, event="GW1", update=True)


def test_an_archived_event_is_active_again_with_new_work(ledger: Ledger) -> None:
    put(ledger, EVENT)
    with ledger.change(who="test") as change:
        change.event("GW1").active = False
    put(ledger, PSD, event="GW1")
    with ledger.read() as session:
        assert find_event(session, "GW1").active


def test_a_pipeline_that_is_not_installed_is_taken_with_one_warning(ledger: Ledger) -> None:
    other = PSD.replace("pipeline: psd", "pipeline: notyet")
    report = put(ledger, EVENT, other, other.replace("name: psd", "name: b"), PSD.replace("name: psd", "name: c"))
    assert report.warnings == ["pipeline 'notyet' of GW1/psd and 1 more is not installed; nothing is built with it until it is"]


# ---- configuration ------------------------------------------------------------------------------------------------------


def test_configurations_add_up_but_do_not_overwrite_each_other_unasked(ledger: Ledger) -> None:
    put(ledger, "kind: configuration\nlikelihood: {sample rate: 1024}\n")
    put(ledger, "kind: configuration\nlikelihood: {psd length: 8}\n")
    changed = "kind: configuration\nlikelihood: {sample rate: 2048}\n"
    with pytest.raises(InputError, match=r"likelihood.sample rate: found 2048, expected 1024 as in the ledger, or --update"):
        put(ledger, changed)
    put(ledger, changed, update=True)
    with ledger.read() as session:
        assert session.scalars(select(Configuration.document)).one() == {"likelihood": {"sample rate": 2048, "psd length": 8}}


def test_defaults_are_merged_project_then_pipeline_then_event_then_analysis(ledger: Ledger) -> None:
    put(
        ledger,
        "kind: configuration\nlikelihood: {a: project, b: project, c: project, d: project}\n"
        "pipelines: {BILBY: {likelihood: {b: pipeline, c: pipeline, d: pipeline}}}\n",
        EVENT + "gid: G1\nlikelihood: {c: event, d: event}\n",
        "kind: analysis\nname: bilby\npipeline: Bilby\nlikelihood: {d: analysis}\n",
    )
    with ledger.read() as session:
        merged = merged_document(session, find_analysis(session, "GW1", "bilby"))
    assert merged == {
        "likelihood": {"a": "project", "b": "pipeline", "c": "event", "d": "analysis"},
        "event time": 1126259462.4,
        "gid": "G1",
    }


# ---- size ---------------------------------------------------------------------------------------------------------------


def test_a_hundred_events_need_as_many_queries_as_ten(ledger: Ledger) -> None:
    def reads(first: int, count: int) -> int:
        documents = [text for n in range(first, first + count) for text in (EVENT.replace("GW1", f"S{n}"), PSD, BILBY)]
        seen: list[str] = []

        def note(*arguments: Any) -> None:
            seen.append(arguments[2])

        sa_event.listen(ledger.engine, "before_cursor_execute", note)
        put(ledger, *documents)
        sa_event.remove(ledger.engine, "before_cursor_execute", note)
        return sum(statement.startswith("SELECT") for statement in seen)

    assert reads(0, 10) == reads(100, 100)

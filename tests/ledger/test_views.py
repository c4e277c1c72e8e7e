"""Fast pictures of many events."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event as sa_event

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.views import AnalysisView, EventView, active_events

TEXT = """
kind: event
name: GW1
event time: 1126259462.391
gid: G190047
interferometers: [H1, L1]
---
{kind: analysis, name: psd, pipeline: psd, status: finished}
---
{kind: analysis, name: bilby, pipeline: bilby, needs: [psd, "pipeline:psd", nonexistent, {optional: true, pipeline: rift}, "status: uploaded"]}
---
{kind: event, name: GW2}
---
{kind: event, name: GW3}
---
{kind: analysis, name: old, pipeline: psd}
"""


def fill(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        apply(change, read_text(TEXT, "f").blueprints, later=True)
        change.event("GW3").active = False


def test_active_events_come_with_their_analyses_and_edges(ledger: Ledger) -> None:
    fill(ledger)
    with ledger.read() as session:
        assert active_events(session) == [
            EventView(
                "GW1",
                1126259462.391,
                "G190047",
                "blueprint",
                1,
                ("H1", "L1"),
                (AnalysisView("psd", "psd", "finished"), AnalysisView("bilby", "bilby", "ready", ("psd",), ("nonexistent",))),
            ),
            EventView("GW2", None, None, "blueprint", 0, (), ()),
        ]


def test_one_event_is_read_alone_and_an_archived_one_is_not_active(ledger: Ledger) -> None:
    fill(ledger)
    with ledger.read() as session:
        assert [event.name for event in active_events(session, "GW2")] == ["GW2"]
        assert len(active_events(session, "GW1")[0].analyses) == 2
        assert active_events(session, "GW3") == active_events(session, "GW9") == []


def test_the_parts_together_are_all_active_events_each_once(ledger: Ledger) -> None:
    fill(ledger)
    with ledger.read() as session:
        everything = active_events(session)
        parts = [active_events(session, part=(number, 2)) for number in range(2)]
        assert [len(part) for part in parts] == [1, 1]
        assert sorted(parts[0] + parts[1], key=lambda event: event.name) == everything
        assert active_events(session, "GW2", part=(1, 2)) == [], "its id is 2"


def test_two_queries_without_documents_read_everything(ledger: Ledger) -> None:
    fill(ledger)
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    sa_event.listen(ledger.engine, "before_cursor_execute", note)
    with ledger.read() as session:
        active_events(session)
    sa_event.remove(ledger.engine, "before_cursor_execute", note)
    assert sum(statement.startswith("SELECT") for statement in seen) == 2
    whole = [re.sub(r"analyses\.document(, '\$\.subjects'| -> 'subjects')", "", statement) for statement in seen]
    assert not any("analyses.document" in statement for statement in whole)


PROJECT = """
{kind: event, name: GW1, interferometers: [H1]}
---
{kind: analysis, name: pe, pipeline: bilby}
---
{kind: event, name: GW2, interferometers: [L1]}
---
{kind: analysis, name: pe, pipeline: bilby}
---
{kind: projectanalysis, name: joint, pipeline: pop, subjects: [GW1, GW2], analyses: ["pipeline:bilby"]}
---
{kind: projectanalysis, name: after, pipeline: pop, subjects: [GW1], needs: [project/joint]}
"""


def test_the_project_is_read_like_an_event_and_what_it_needs_elsewhere_apart(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        apply(change, read_text(PROJECT, "f").blueprints)
        change.event("GW2").active = False  # archived: its analyses are needed as before
    with ledger.read() as session:
        (project,) = active_events(session, "project")
    joint, after = project.analyses
    assert (project.kind, project.gps, project.interferometers) == ("project", None, ())
    assert (joint.needs, joint.elsewhere, joint.subjects) == ((), ("GW1/pe", "GW2/pe"), ("GW1", "GW2"))
    assert (after.needs, after.elsewhere, after.subjects) == (("joint",), (), ("GW1",))


def test_what_starts_as_soon_as_enough_are_done_has_no_edges_that_would_wait_for_all(ledger: Ledger) -> None:
    both = "{kind: analysis, name: both, pipeline: sum, needs: [psd, 'pipeline:bilby'], needs settings: {minimum: 1}}"
    pes = [f"{{kind: analysis, name: {name}, pipeline: bilby}}" for name in ("pe-1", "pe-2")]
    text = "\n---\n".join(["{kind: event, name: GW1}", "{kind: analysis, name: psd, pipeline: psd}", *pes, both])
    with ledger.change(who="test") as change:
        apply(change, read_text(text, "f").blueprints)
    with ledger.read() as session:
        assert active_events(session, "GW1")[0].analyses[-1].needs == ("psd",)

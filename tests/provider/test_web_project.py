"""The tab of the project's DAG, and what an event's tab says of analyses that wait."""

from __future__ import annotations

from provider_web import Web

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text

TEXT = """
{kind: event, name: GW1}
---
{kind: analysis, name: psd, pipeline: psd, status: wait}
---
{kind: analysis, name: pe, pipeline: bilby, needs: [psd]}
---
{kind: projectanalysis, name: joint, pipeline: pop, subjects: [GW1], analyses: [pe]}
"""


def test_an_analysis_that_waits_says_for_what_in_an_event_and_in_the_project(web: Web) -> None:
    with web.ledger.change(who="test") as change:
        apply(change, read_text(TEXT, "f").blueprints)
    event, project = (web.client.get(f"dag/event.{name}").text for name in ("GW1", "project"))
    assert "waits: psd is wait" in event
    assert "waits: GW1/pe is ready" in project
    assert "Sky map" in event
    for words in ("Sky map", "GraceDB</dt>", "Alerts</h2>"):
        assert words not in project
    assert "the analyses that span events" in project


def test_the_board_lists_the_project_among_the_events(web: Web) -> None:
    with web.ledger.change(who="test") as change:
        apply(change, read_text(TEXT, "f").blueprints)
    assert 'href="/dags/event.project/plugin/gwfollow-event"' in web.client.get("").text

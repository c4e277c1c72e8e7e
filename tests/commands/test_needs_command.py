"""``gwfollow needs``: each entry, whether it is met, and the reason for each analysis that it means."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gwfollow.errors import NotFound
from gwfollow.ledger.schema import Review
from gwfollow.ledger.store import Ledger

Run = Callable[..., str]
MORE = """
{kind: analysis, event: GW1, name: old, pipeline: bilby, status: cancelled}
---
{kind: analysis, event: GW1, name: bilby-2, pipeline: bilby, status: finished}
---
{kind: analysis, event: GW1, name: bilby-3, pipeline: bilby, status: finished}
---
kind: analysis
event: GW1
name: pages
pipeline: pesummary
needs: [psd, {optional: true, pipeline: rift}]
analyses: [[{pipeline: bilby}, {review: approved}]]
"""


@pytest.fixture
def run(gwfollow: Run, ledger: Ledger) -> Run:
    gwfollow("apply", "-f", "-", text=MORE)
    with ledger.change(who="test") as change:
        for name, verdict in (("bilby-2", "approved"), ("bilby-3", "rejected")):
            change.session.add(Review(analysis_id=change.analysis("GW1", name).id, verdict=verdict, person="alice"))
    return gwfollow


def test_each_entry_has_its_state_and_each_candidate_its_reason(run: Run) -> None:
    assert run("needs", "GW1/pages").splitlines() == [
        "GW1/pages is ready: waits: psd is ready",
        "  waits     needs: psd",
        "            psd is ready",
        "  met       needs: pipeline: rift (optional)",
        "            nothing has pipeline: rift",
        "  met       analyses: pipeline: bilby and review: approved",
        "            bilby is not counted: it has no review",
        "            old is not counted: it has no review",
        "            bilby-2 is finished: met",
        "            bilby-3 is not counted: review is rejected",
    ]


def test_a_whole_event_is_shown_and_json_says_the_same_as_show(run: Run) -> None:
    found = {one["analysis"]: one for one in json.loads(run("needs", "GW1", "--json"))}
    shown = json.loads(run("show", "GW1", "--json"))
    assert {name: one["waits_for"] for name, one in found.items()} == {row["name"]: row["waits for"] for row in shown["analyses"]}
    assert (found["pages"]["met"], found["psd"]["entries"]) == (False, [])
    assert [one["counts"] for one in found["pages"]["entries"][2]["candidates"]] == [False, False, True, False]
    assert "GW1/psd is ready: needs nothing" in run("needs", "GW1").splitlines()


def test_an_analysis_that_is_not_there_is_told(run: Run) -> None:
    with pytest.raises(NotFound, match="did you mean 'pages'"):
        run("needs", "GW1/page")

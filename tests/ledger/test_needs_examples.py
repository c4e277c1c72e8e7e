"""The examples of docs/needs.md, evaluated; and asimov's own files with needs and analyses: what each analysis there waits for."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_file, read_text
from gwfollow.ledger.needs import evaluate, unmet
from gwfollow.ledger.schema import Review
from gwfollow.ledger.store import Ledger, find_analysis, find_event

PAGE = Path(__file__).parents[2] / "docs" / "needs.md"
ROWS = re.findall(r"^\| `(\[.*\])` \| (.*) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
GW150914, GW151226 = "GW150914_095045", "GW151226_033853"


@cache
def block(number: int) -> str:
    return re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[number]


def put(ledger: Ledger, *documents: str, **options: Any) -> None:
    blueprints = read_text("\n---\n".join(documents), "f").blueprints
    ledger.run(lambda change: apply(change, blueprints, **options), who="test")


def approve(ledger: Ledger, event: str, *names: str) -> None:
    with ledger.change(who="test") as change:
        for name in names:
            change.session.add(Review(analysis_id=change.analysis(event, name).id, verdict="approved", person="alice"))


def waits(ledger: Ledger, event: str, name: str) -> list[str]:
    with ledger.read() as session:
        return unmet(session, find_analysis(session, event, name))


@pytest.fixture
def ledger(sqlite_url: str) -> Ledger:
    return Ledger.open(sqlite_url)


def test_each_row_of_the_table_means_and_waits_for_what_it_says(ledger: Ledger) -> None:
    put(ledger, block(0), later=True)
    put(ledger, "{kind: analysis, event: GW150914, name: bilby-2, pipeline: bilby}", update=True)
    with ledger.change(who="test") as change:
        change.analysis("GW150914", "bilby-2").status = "running"  # no blueprint can say that a job runs
    approve(ledger, "GW150914", "bilby-1")
    found = []
    for needs, _, _ in ROWS:
        with ledger.change(who="test") as change:
            document = {
                "kind": "analysis",
                "event": "GW150914",
                "name": "x",
                "pipeline": "gwdata",
                "needs": yaml.safe_load(needs),
            }
            apply(change, read_text(yaml.safe_dump(document), "x").blueprints)
            row = change.analysis("GW150914", "x")
            groups = evaluate(change.session, row.event, [row])["x"].groups
            members = {m.row.id: m for group in groups for m in group.members() if m.counts and (m.done or m.waited)}
            means = ", ".join(members[key].row.name for key in sorted(members))
            missing = ", ".join(members[key].row.name for key in sorted(members) if not members[key].done)
            assert bool(missing) == bool(unmet(change.session, row))
            found.append((needs, means, missing or "nothing"))
            change.session.rollback()
    assert len(found) > 20
    assert found == ROWS


def test_the_other_examples_of_the_page_apply(ledger: Ledger) -> None:
    put(ledger, block(0))
    put(ledger, block(2), event="GW150914")
    put(ledger, "{kind: event, name: GW151226}", block(3))
    settings = yaml.safe_load(block(1))
    put(ledger, yaml.safe_dump({"kind": "analysis", "event": "GW150914", "name": "sum", "pipeline": "sum", **settings}))
    assert waits(ledger, "GW150914", "sum") == ["1 of at least 2 are done"]  # rift-1 is not labelled interesting
    assert waits(ledger, "project", "population") == [
        "GW150914/bilby-1, GW150914/bilby-2, GW150914/bilby-3 is not yet review: approved",
        "nothing in GW151226 has pipeline: bilby and review: approved",
    ]


# ---- asimov's own files ----------------------------------------------------------------------------------------------


def put_file(ledger: Ledger, shared: Path, name: str, **options: Any) -> None:
    blueprints = read_file(str(shared / "data" / "blueprints" / name)).blueprints
    ledger.run(lambda change: apply(change, blueprints, **options), who="test")


def test_asimovs_examples_of_dependencies(ledger: Ledger, shared: Path) -> None:
    put(ledger, "{kind: event, name: GW1}")
    put_file(ledger, shared, "examples_dependency-examples.yaml", event="GW1")

    def all_waits() -> dict[str, list[str]]:
        with ledger.read() as session:
            return {name: one.unmet for name, one in evaluate(session, find_event(session, "GW1")).items()}

    assert all_waits() == {
        "generate-psds": [],
        "pe-analysis-1": [],
        "combiner": [],
        "approved-bayeswave": ["generate-psds is not yet review.status: approved"],
        "non-bayeswave-combiner": [
            "combiner is ready",
            "approved-bayeswave is ready",
            "complex-analysis is ready",
            "auto-refresh is ready",
        ],
        "complex-analysis": [],
        "auto-refresh": ["nothing has review.status: approved"],
    }
    approve(ledger, "GW1", "generate-psds")
    assert (all_waits()["approved-bayeswave"], all_waits()["auto-refresh"]) == ([], [])


def test_asimovs_examples_of_pesummary_over_an_event(ledger: Ledger, shared: Path) -> None:
    put(ledger, "{kind: event, name: GW1}")
    put_file(ledger, shared, "examples_pesummary_subject_analysis.yaml", event="GW1")
    names = ("CombinedPESummary", "CombinedPESummaryWithOptional", "ApprovedPESummary")
    assert [waits(ledger, "GW1", name) for name in names] == [
        ["nothing has pipeline: bilby"],
        ["nothing has pipeline: bilby"],
        ["nothing has review: approved and pipeline: bilby"],
    ]
    put(
        ledger,
        "{kind: analysis, event: GW1, name: a, pipeline: bilby, status: finished}",
        "{kind: analysis, event: GW1, name: b, pipeline: bayeswave}",
    )
    assert [waits(ledger, "GW1", name) for name in names] == [[], ["b is ready"], ["a is not yet review: approved"]]
    approve(ledger, "GW1", "a")
    assert [waits(ledger, "GW1", name) for name in names] == [[], ["b is ready"], []]
    with ledger.read() as session:
        found = evaluate(session, find_event(session, "GW1"))
        assert [[row.name for row in found[name].done("analyses")] for name in names] == [["a"], ["a"], ["a"]]


def test_asimovs_joint_analyses(ledger: Ledger, shared: Path) -> None:
    put(ledger, f"{{kind: event, name: {GW150914}}}", f"{{kind: event, name: {GW151226}}}")
    put_file(ledger, shared, "tests_test_data_test_joint_analysis.yaml")
    names = ("JointTest", "JointTestWaveform", "JointTestStatus", "JointTestReview", "JointTestReview2")
    assert all(len(waits(ledger, "project", name)) == 2 for name in names)
    for event in (GW150914, GW151226):
        put(
            ledger,
            f"{{kind: analysis, event: {event}, name: psd, pipeline: bayeswave, status: uploaded}}",
            f"{{kind: analysis, event: {event}, name: pe, pipeline: bilby, status: finished, waveform: {{approximant: IMRPhenomXPHM}}}}",
        )
    assert {name: waits(ledger, "project", name) for name in names} == {
        "JointTest": [],
        "JointTestWaveform": [],
        "JointTestStatus": [],
        "JointTestReview": [f"nothing in {event} has review: approved" for event in (GW150914, GW151226)],
        "JointTestReview2": [],  # alternatives: what is approved, and what has the waveform
    }
    approve(ledger, GW150914, "psd")
    assert waits(ledger, "project", "JointTestReview") == [f"nothing in {GW151226} has review: approved"]
    with ledger.read() as session:
        found = evaluate(session, find_event(session, "project"))
        inputs = {name: [f"{row.event.name}/{row.name}" for row in found[name].done("analyses")] for name in names}
    assert inputs["JointTestStatus"] == [f"{GW150914}/psd", f"{GW151226}/psd"]
    assert sorted(inputs["JointTestReview2"]) == [f"{GW150914}/pe", f"{GW150914}/psd", f"{GW151226}/pe"]


def test_asimovs_project_analysis_without_a_query_waits_for_nothing(ledger: Ledger, shared: Path) -> None:
    put(ledger, f"{{kind: event, name: {GW150914}}}", "{kind: event, name: GW151012_095443}")
    put_file(ledger, shared, "tests_test_data_project_analysis.yaml")
    assert waits(ledger, "project", "TestPA") == []

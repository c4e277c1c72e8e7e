"""What gwfollow writes as a ledger of asimov: asimov 0.8 itself loads it, and gwfollow reads it back."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asimov_peer import new_project, report
from click.testing import CliRunner
from sqlalchemy import select

from gwfollow.cli import group
from gwfollow.errors import GWFollowError, InputError
from gwfollow.ledger import reviews
from gwfollow.ledger.schema import Analysis, Attempt, Event, Job, Need, Review
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.yamlfile import read_documents

BLUEPRINT = """
kind: configuration
project: {name: moving}
likelihood: {sample rate: 2048}
pipelines: {bilby: {sampler: {sampler: dynesty, parallel jobs: 2}}}
---
{kind: postprocessing, name: pages, stages: [{name: summary, pipeline: pesummary}]}
---
{kind: event, name: GW1, event time: 1126259462.391, gid: G190047, interferometers: [H1, L1], working directory: /runs/GW1}
---
{kind: event, name: GW2, event time: 1135136350.6}
---
{kind: analysis, name: welch, event: GW1, pipeline: psd, status: uploaded}
---
{kind: analysis, name: bw, event: GW1, pipeline: bayeswave, status: uploaded, comment: a PSD for all}
---
{kind: analysis, name: xphm, event: GW1, pipeline: bilby, status: wait, needs: [bw], waveform: {approximant: IMRPhenomXPHM}}
---
{kind: analysis, name: old, event: GW1, pipeline: bilby, status: finalised, likelihood: {sample rate: 4096}, labels: {interest: 4}}
---
{kind: analysis, name: both, event: GW1, pipeline: pesummary, status: wait, analyses: [xphm, old]}
---
{kind: analysis, name: any, event: GW1, pipeline: bayeswave, status: ready, needs: [["pipeline: bilby", "waveform.approximant: IMRPhenomXPHM"]]}
---
{kind: projectanalysis, name: joint, pipeline: a-projects-own, status: wait, subjects: [GW1, GW2], analyses: ["pipeline: bilby"]}
"""


@pytest.fixture
def gwfollow(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command on a ledger where something has happened."""
    monkeypatch.setenv("GWFOLLOW_LEDGER", sqlite_url)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GWFOLLOW_SCHEDULER", "local")
    monkeypatch.delenv("GWFOLLOW_AIRFLOW_URL", raising=False)

    def run(*arguments: str, text: str = "") -> str:
        done = CliRunner().invoke(group, arguments, input=text)
        if isinstance(done.exception, GWFollowError):
            raise done.exception
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    run("apply", "-f", "-", text=BLUEPRINT)
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:
        row = change.analysis("GW1", "old")
        row.attempt = 1
        attempt = Attempt(analysis_id=row.id, number=1, folder="/runs/GW1/old", created=datetime(2025, 1, 1, tzinfo=UTC))
        change.session.add(attempt)
        change.session.flush()
        change.session.add(Job(attempt_id=attempt.id, number=0, key="GW1/old/1", scheduler="local", job_id="77.0"))
        reviews.record(change, row, "approved", message="fine", person="alice", time=datetime(2026, 1, 1, tzinfo=UTC))
    ledger.close()
    return run


def as_asimov_sees_it(text: str, folder: Path) -> dict[str, Any]:
    """asimov's report of the exported ledger."""
    project = new_project(folder)
    (project / ".asimov" / "ledger.yml").write_text(text)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(project / ".asimov" / "asimov.conf")
    parser["ledger"] = {"engine": "yamlfile", "location": ".asimov/ledger.yml"}
    with (project / ".asimov" / "asimov.conf").open("w") as file:
        parser.write(file)
    return report(project)


@pytest.mark.slow
def test_asimov_loads_what_is_exported_with_the_same_analyses_needs_and_statuses(
    gwfollow: Callable[..., str], tmp_path: Path
) -> None:
    seen = as_asimov_sees_it(gwfollow("export", "--form", "asimov"), tmp_path / "project")
    assert {event: sorted(found) for event, found in seen.items() if event.startswith("GW")} == {
        "GW1": ["any", "both", "bw", "old", "xphm"],
        "GW2": [],
    }
    analyses = seen["GW1"]
    assert {name: one["status"] for name, one in analyses.items()} == {
        "bw": "uploaded",
        "xphm": "wait",
        "old": "uploaded",
        "both": "wait",
        "any": "ready",
    }
    assert {name: one["needs"] for name, one in analyses.items()} == {
        "bw": [],
        "xphm": ["bw"],
        "old": [],
        "both": [],
        "any": ["xphm"],
    }
    assert analyses["both"]["analyses"] == ["old", "xphm"]
    assert (analyses["old"]["rundir"], analyses["old"]["job"], analyses["old"]["review"]) == ("/runs/GW1/old", 77, "APPROVED")
    assert (analyses["old"]["rate"], analyses["xphm"]["rate"], analyses["xphm"]["approximant"]) == (4096, 2048, "IMRPhenomXPHM")
    assert seen["project analyses"] == {"joint": {"status": "wait", "subjects": ["GW1", "GW2"]}}


def contents(ledger: Ledger) -> list[Any]:
    with ledger.read() as session:
        rows = session.scalars(select(Analysis)).all()
        found: list[Any] = [
            (r.event.name, r.name, r.pipeline, r.status, r.comment, r.document, [a.folder for a in r.attempts]) for r in rows
        ]
        events = session.scalars(select(Event)).all()
        needs = session.scalars(select(Need)).all()
        verdicts = session.scalars(select(Review)).all()
        return [
            sorted(found, key=str),
            sorted([(e.name, e.gps, e.graceid, e.document) for e in events], key=str),
            sorted((n.analysis.name, n.position, n.condition, n.needed.name if n.needed else "", n.role) for n in needs),
            sorted((r.verdict, r.message, r.time.isoformat()) for r in verdicts),
        ]


def test_what_is_exported_and_imported_is_the_same_again(gwfollow: Callable[..., str], sqlite_url: str, tmp_path: Path) -> None:
    text = gwfollow("export", "--form", "asimov")
    job = "      scheduler:\n        job id: 77\n"  # of an attempt that has ended: it stays with the ledger that submitted it
    assert job in text
    (tmp_path / "ledger.yml").write_text(text)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GWFOLLOW_LEDGER", other)
        gwfollow("init")
        gwfollow("import", "asimov", str(tmp_path / "ledger.yml"))
        again = gwfollow("export", "--form", "asimov")
        first, second = Ledger.open(sqlite_url), Ledger.open(other)
        assert contents(second) == contents(first)
    assert again.replace("      scheduler:\n        job id: 77\n", "") == text.replace(
        "      scheduler:\n        job id: 77\n", ""
    )


def test_blueprints_hold_project_analyses_and_verdicts_too(gwfollow: Callable[..., str], tmp_path: Path) -> None:
    text = gwfollow("export")
    assert "kind: projectanalysis" in text
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GWFOLLOW_LEDGER", f"sqlite:///{tmp_path / 'other.db'}")
        gwfollow("init")
        gwfollow("apply", "-f", "-", text=text)
        assert list(read_documents(gwfollow("export"), "again")) == list(read_documents(text, "first"))


def test_what_asimov_cannot_have_is_said_and_kept_where_it_does_not_look(
    gwfollow: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(group, ["export", "--form", "asimov"])
    assert "GW1/welch: asimov has no pipeline 'psd'" in done.stderr
    with pytest.raises(InputError, match="EVENT"):
        gwfollow("export", "GW1", "--form", "asimov")

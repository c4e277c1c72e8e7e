"""A ledger that asimov 0.8 itself has made, in gwfollow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asimov_peer import new_project, python
from click.testing import CliRunner
from sqlalchemy import func, select

from gwfollow.cli import group
from gwfollow.errors import GWFollowError, InputError
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Journal, Outbox, Review
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.bilby import Bilby

pytestmark = pytest.mark.slow

BLUEPRINT = """
kind: configuration
likelihood: {sample rate: 2048}
pipelines: {bilby: {sampler: {sampler: dynesty, parallel jobs: 2}}}
postprocessing: {pesummary: {multiprocess: 4}}
---
kind: event
name: GW1
event time: 1126259462.391
gid: G190047
interferometers: [H1, L1]
quality: {minimum frequency: {H1: 30, L1: 31}}
---
{kind: event, name: GW2, event time: 1135136350.6}
---
{kind: analysis, name: generate-psd, event: GW1, pipeline: bayeswave, status: uploaded}
---
kind: analysis
name: xphm
event: GW1
pipeline: bilby
status: wait
needs: [generate-psd]
waveform: {approximant: IMRPhenomXPHM}
labels: {interest: 4}
---
{kind: analysis, name: old, event: GW1, pipeline: bilby, status: wait, waveform: {approximant: IMRPhenomD}}
---
{kind: analysis, name: lost, event: GW1, pipeline: bilby, status: wait}
---
{kind: analysis, name: runs, event: GW1, pipeline: bilby, status: wait}
---
{kind: analysis, name: by hand, event: GW1, pipeline: bilby, status: manual, needs: [old]}
---
{kind: analysis, name: summary, event: GW1, pipeline: pesummary, status: wait, analyses: [pipeline:bilby]}
---
kind: analysis
name: choosy
event: GW2
pipeline: bilby
status: wait
needs: [[pipeline: bayeswave, review.status: approved], {optional: true, pipeline: rift}, "waveform.approximant: !IMRPhenomD"]
---
{kind: ProjectAnalysis, name: joint, pipeline: a-projects-own, status: wait, subjects: [GW1, GW2], analyses: [pipeline:bilby]}
"""

#: what people and asimov's monitor would have done since
STORY = """
import pathlib
from click.testing import CliRunner
from asimov.cli.application import apply
from asimov.cli.review import review
from asimov.cli.project import init
from asimov import current_ledger as ledger
done = CliRunner().invoke(apply, ["-f", "blueprint.yaml"])
assert done.exit_code == 0, (done.output, done.exception)
for words in (["old", "approved", "-m", "looks good"], ["old", "preferred"], ["xphm", "-m", "still to do"]):
    done = CliRunner().invoke(review, ["add", "GW1", *words])
    assert done.exit_code == 0, (done.output, done.exception)
(event,) = ledger.get_event("GW1")
for name, status, job in (("old", "uploaded", 11), ("lost", "finished", 12), ("runs", "running", 13), ("xphm", "ready", None)):
    production = next(one for one in event.productions if one.name == name)
    production.status = status
    production.comment = "by " + name  # asimov 0.8 loses that of a blueprint
    if job is not None:
        production.job_id = job
        production.rundir
    event.update_data()
ledger.save()
"""


def results_in(rundir: Path) -> None:
    """What bilby_pipe leaves in asimov's run folder."""
    result = {
        "log_evidence": -4180.0,
        "search_parameter_keys": ["chirp_mass"],
        "posterior": {"__dataframe__": True, "content": {"chirp_mass": [30.0, 31.0, 32.0]}},
    }
    (rundir / "final_result").mkdir(parents=True)
    (rundir / "final_result" / "old_result.json").write_text(json.dumps(result))
    (rundir / "old_config_complete.ini").write_text("label=old\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of asimov with the same ledger as SQL and as YAML."""
    folder = new_project(tmp_path_factory.mktemp("asimov") / "project")
    (folder / "blueprint.yaml").write_text(BLUEPRINT)
    migrate = "from asimov.cli.project import migrate_ledger as m\nCliRunner().invoke(m, ['--to', 'yamlfile', '--no-switch'], catch_exceptions=False)"
    python(folder, STORY + migrate)
    assert (folder / ".asimov" / "ledger.yml").is_file()
    results_in(folder / "working" / "GW1" / "old")
    return folder


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest) -> str:
    """SQLite, but for the tests that ask for another: the whole ledger is imported in each of them."""
    url: str = request.getfixturevalue(getattr(request, "param", "sqlite_url"))
    return url


@pytest.fixture
def gwfollow(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command on an empty ledger, with jobs at a scheduler that knows none."""
    monkeypatch.setenv("GWFOLLOW_LEDGER", ledger_url)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GWFOLLOW_SCHEDULER", "local")
    monkeypatch.delenv("GWFOLLOW_AIRFLOW_URL", raising=False)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(group, arguments)
        if isinstance(done.exception, GWFollowError):
            raise done.exception
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    return run


def contents(ledger: Ledger) -> list[tuple[Any, ...]]:
    """All that an import may change."""
    with ledger.read() as session:
        rows = session.scalars(select(Analysis).order_by(Analysis.id))
        found: list[tuple[Any, ...]] = [
            (r.event.name, r.name, r.pipeline, r.status, r.reason, r.attempt, r.comment, str(r.document), r.version) for r in rows
        ]
        counted = (Event, Attempt, Asset, Review, Journal, Outbox)
        return [*found, *((kind.__name__, session.scalar(select(func.count()).select_from(kind))) for kind in counted)]


@pytest.mark.parametrize("source", [".asimov/ledger.yml", ".asimov/ledger.db", "."])
def test_everything_of_asimovs_ledger_arrives(project: Path, source: str, gwfollow: Callable[..., str], ledger: Ledger) -> None:
    said = gwfollow("import", "asimov", str(project / source), "--all")
    assert "2 events, 8 analyses, 1 project analyses" in said
    with ledger.read() as session:
        rows = {row.name: row for row in session.scalars(select(Analysis))}
        statuses = {name: row.status for name, row in rows.items()}
        assert statuses == {
            "generate-psd": "uploaded",
            "xphm": "ready",
            "old": "uploaded",
            "lost": "stuck",
            "runs": "stuck",
            "by-hand": "manual",
            "summary": "wait",
            "choosy": "wait",
            "joint": "wait",
        }
        assert rows["old"].comment == "by old"
        assert "is not in the queue of local" in (rows["runs"].reason or "")
        assert "no result" in (rows["lost"].reason or "") or "not complete" in (rows["lost"].reason or "")
        event = find_event(session, "GW1")
        assert (event.gps, event.graceid) == (1126259462.391, "G190047")
        assert event.document["likelihood"]["minimum frequency"] == {"H1": 30, "L1": 31}
        assert event.document["working directory"] == str(project / "working" / "GW1")
        assert rows["xphm"].document["needs"] == ["generate-psd"]
        assert rows["xphm"].document["labels"] == {"interest": 4}
        assert unmet(session, rows["xphm"]) == []
        assert rows["joint"].document["subjects"] == ["GW1", "GW2"]
        assert rows["summary"].document["analyses"] == ["pipeline:bilby"]
    assert "'by hand' is 'by-hand' here" in said


def test_results_are_read_where_asimov_left_them(project: Path, gwfollow: Callable[..., str], ledger: Ledger) -> None:
    gwfollow("import", "asimov", str(project))
    rundir = project / "working" / "GW1" / "old"
    before = sorted(rundir.rglob("*"))
    with ledger.read() as session:
        row = find_analysis(session, "GW1", "old")
        (attempt,) = row.attempts
        assert attempt.state == "collected"
        assert (Path(attempt.folder) / "run").resolve() == rundir
        samples = next(asset for asset in attempt.assets if asset.name == "samples")
        assert Path(samples.path).resolve() == rundir / "final_result" / "old_result.json"
        reviews = session.scalars(select(Review).order_by(Review.time)).all()
        assert [(review.verdict, review.message) for review in reviews] == [("approved", "looks good"), ("preferred", "")]
        remarks = session.scalars(select(Journal).where(Journal.what == "review remark, imported")).all()
        assert [(remark.analysis, remark.details["message"]) for remark in remarks] == [("xphm", "still to do")]
    assert sorted(rundir.rglob("*")) == before


@pytest.mark.parametrize("ledger_url", ["sqlite_url", "postgres_url"], indirect=True)
def test_a_second_import_changes_nothing(project: Path, gwfollow: Callable[..., str], ledger: Ledger) -> None:
    gwfollow("import", "asimov", str(project))
    once = contents(ledger)
    said = gwfollow("import", "asimov", str(project / ".asimov" / "ledger.db"))
    assert "added: nothing; in the ledger already, left as they are: 11" in said
    assert contents(ledger) == once


def test_a_dry_run_stores_nothing(project: Path, gwfollow: Callable[..., str], ledger: Ledger) -> None:
    assert "would be added" in gwfollow("import", "asimov", str(project), "--dry-run")
    with ledger.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_work_is_asked_for_only_where_there_is_some_and_not_with_hold(
    project: Path, gwfollow: Callable[..., str], ledger: Ledger
) -> None:
    gwfollow("import", "asimov", str(project), "--hold")
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "xphm").status == "wait"
        assert session.scalars(select(Outbox)).all() == []


def test_what_a_killed_import_left_is_looked_at_by_the_next(
    project: Path, gwfollow: Callable[..., str], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired = []

    def die(site: object, past: object) -> None:
        fired.append(past)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gwfollow.moving.arrive.settle", die)
        done = CliRunner().invoke(group, ["import", "asimov", str(project)])
        assert done.exit_code == 1
        assert len(fired) == 1
    with ledger.read() as session:
        assert (find_analysis(session, "GW1", "old").reason or "").startswith("imported as 'uploaded'")
        assert session.scalars(select(Outbox)).all() == []
    gwfollow("import", "asimov", str(project))
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "old").status == "uploaded"
        assert [row.key for row in session.scalars(select(Outbox))] == ["run:GW1:rev-1"]


def test_our_defaults_and_documents_stay_when_a_ledger_says_otherwise(
    project: Path, gwfollow: Callable[..., str], ledger: Ledger, tmp_path: Path
) -> None:
    ours = tmp_path / "ours.yaml"
    ours.write_text("kind: configuration\nlikelihood: {sample rate: 4096}\n---\n{kind: event, name: GW1, event time: 5.5}\n")
    gwfollow("apply", "-f", str(ours))
    gwfollow("import", "asimov", str(project))
    shown = json.loads(gwfollow("show", "GW1/xphm", "--json"))
    assert shown["document"]["event time"] == 5.5
    assert shown["document"]["likelihood"]["sample rate"] == 4096
    assert shown["document"]["sampler"]["parallel jobs"] == 2


def edited(project: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = (project / ".asimov" / "ledger.yml").read_text()
    assert old in text
    file = tmp_path / "ledger.yml"
    file.write_text(text.replace(old, new, 1))
    return file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("status: manual", "status: dancing", "GW1/by hand, status: found 'dancing'"),
        ("event time: 1126259462.391", "event time: yesterday", "event time: found 'yesterday'"),
        ("  - generate-psd:", "  - xphm:", "found 'xphm', expected each analysis once"),
        ("events:", "happenings:", "expected one with a list of 'events'"),
    ],
)
def test_a_bad_ledger_is_refused_whole(
    project: Path, tmp_path: Path, gwfollow: Callable[..., str], ledger: Ledger, old: str, new: str, said: str
) -> None:
    text = (project / ".asimov" / "ledger.yml").read_text()
    if new.endswith("xphm:"):
        text = text.replace("      name: generate-psd", "      name: xphm")
    file = tmp_path / "ledger.yml"
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        gwfollow("import", "asimov", str(file), "--root", str(project))
    with ledger.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_what_is_no_ledger_is_refused_with_what_is_expected(gwfollow: Callable[..., str], tmp_path: Path) -> None:
    for where in ("/nowhere/ledger.yml", str(tmp_path), "sqlite:////nowhere.db"):
        with pytest.raises(GWFollowError, match="asimov"):
            gwfollow("import", "asimov", where)
    with pytest.raises(InputError, match="without a password") as error:
        gwfollow("import", "asimov", "postgresql://me:secret@host/db")
    assert "secret" not in str(error.value)


def test_a_restarted_import_finds_the_analysis_ready_for_a_fresh_attempt(
    project: Path, tmp_path: Path, gwfollow: Callable[..., str], ledger: Ledger
) -> None:
    file = edited(project, tmp_path, "status: finished", "status: restart")
    gwfollow("import", "asimov", str(file), "--root", str(project))
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "lost").status == "restart"


def test_the_bilby_of_gwfollow_reads_the_layout_of_asimovs(project: Path, tmp_path: Path) -> None:
    """The link is what makes the difference: without it the results lie elsewhere."""
    task = Task("GW1", None, None, ("H1",), "old", "bilby", {}, 1, project / "working" / "GW1" / "old", tmp_path)
    assert not Bilby(task).detect_completion()

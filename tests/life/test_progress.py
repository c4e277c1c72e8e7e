"""Progress: one look at everything that runs, whatever a pipeline does when it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from memory import MemoryScheduler

from gwfollow.ledger.schema import ProgressMark
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.progress import Looked, mark_all
from gwfollow.life.submit import submit
from gwfollow.pipelines.base import Progress
from gwfollow.pipelines.progress_worker import plain
from gwfollow.schedulers.base import JobState

E = "GW150914"
MODULE = """
import os, time
from gwfollow.pipelines.base import Pipeline, Progress

class Telling(Pipeline):
    name = "telling"
    build_dag = submit_dag = detect_completion = collect_assets = None

    def check_progress(self):
        print("chatter that must not stand among the answers")
        what = (self.task.folder / "what").read_text()
        if what == "raise":
            raise ValueError("first line\\nno checkpoint")
        if what == "hang":
            (self.task.folder / "asked").touch()
            time.sleep(600)
        if what == "die":
            os._exit(3)
        if what == "nothing":
            return None
        if what == "silent":
            return Progress()
        return Progress(float(what), f"{what} of it", {"samples": 10, "dlogz": float("inf")})
"""


@pytest.fixture
def telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline ``telling`` is installed where the process that asks can find it: it does what its file ``what`` says."""
    folder = tmp_path / "plugin"
    metadata = folder / "telling-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "telling.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: telling\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gwfollow.pipelines]\ntelling = telling:Telling\n")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")


Say = Callable[..., None]


@pytest.fixture
def say(site: Site, telling: None) -> Say:
    """``say(psd="0.5")``: the analysis runs, and that is what its pipeline does."""
    with site.ledger.change(who="test") as change:
        for name in ("psd", "pe"):
            row = change.analysis(E, name)
            row.pipeline, row.document = "telling", {}

    def start(**what: str) -> None:
        for name, text in what.items():
            build(site, E, name)
            submit(site, E, name)
            folder(site, name).joinpath("what").write_text(text)

    return start


def folder(site: Site, name: str) -> Path:
    return site.settings.home_folder / "events" / E / name / "attempt-1"


def marks(site: Site) -> dict[str, ProgressMark]:
    with site.ledger.read() as session:
        names = {change.id: change.name for change in _event(session).analyses}
        return {names[mark.analysis_id]: mark for mark in session.query(ProgressMark)}


def _event(session: object) -> object:
    from gwfollow.ledger.store import find_event

    return find_event(session, E)


def nodes(scheduler: MemoryScheduler, job_id: str, done: int, total: int) -> None:
    scheduler.set(job_id, JobState.RUNNING, nodes_done=done, nodes_total=total)


def test_what_a_pipeline_says_stands_in_the_ledger(site: Site, say: Say) -> None:
    say(psd="0.5")
    assert mark_all(site) == Looked(running=1, marked=1)
    mark = marks(site)["psd"]
    assert (mark.attempt, mark.fraction, mark.line, mark.values) == (1, 0.5, "0.5 of it", {"samples": 10.0})


def test_its_time_is_when_it_was_first_seen_to_be_that_far(site: Site, say: Say) -> None:
    say(psd="0.5")
    mark_all(site)
    before = marks(site)["psd"].time
    assert mark_all(site).marked == 0
    assert marks(site)["psd"].time == before
    folder(site, "psd").joinpath("what").write_text("0.75")
    assert mark_all(site).marked == 1
    assert marks(site)["psd"].time > before


def test_nodes_of_a_dag_stand_beside_what_the_pipeline_says_or_alone(site: Site, say: Say, scheduler: MemoryScheduler) -> None:
    say(psd="0.5", pe="silent")
    nodes(scheduler, "1", 12, 40)
    nodes(scheduler, "2", 1, 4)
    mark_all(site)
    found = marks(site)
    assert (found["psd"].fraction, found["psd"].line) == (0.5, "0.5 of it; nodes 12/40")
    assert (found["pe"].fraction, found["pe"].line) == (0.25, "nodes 1/4")
    assert found["pe"].values == {"nodes_done": 1.0, "nodes_total": 4.0}


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("raise", "ValueError: no checkpoint"),
        ("hang", "its pipeline did not answer within 3 s"),
        ("die", "its pipeline ended the process that asked it"),
        ("nothing", "TypeError: check_progress returned NoneType, not Progress"),
    ],
)
def test_a_pipeline_that_does_not_say_holds_up_nobody(
    site: Site, say: Say, scheduler: MemoryScheduler, what: str, why: str
) -> None:
    say(psd=what, pe="0.5")
    nodes(scheduler, "1", 3, 4)
    found = mark_all(site, each=3)
    assert found.failed == {f"{E}/psd": why}
    assert (folder(site, "psd") / "asked").exists() == (what == "hang")
    assert {name: mark.line for name, mark in marks(site).items()} == {"psd": "nodes 3/4", "pe": "0.5 of it"}


def test_the_whole_look_has_a_bound(site: Site, say: Say) -> None:
    say(psd="0.5", pe="0.5")
    found = mark_all(site, seconds=0)
    assert set(found.failed.values()) == {"no time was left in this look"}


def test_folders_that_cannot_be_seen_from_here_and_a_silent_scheduler_are_passed_over(
    site: Site, say: Say, scheduler: MemoryScheduler
) -> None:
    say(psd="0.5", pe="0.5")
    folder(site, "psd").rename(folder(site, "psd").with_name("away"))
    scheduler.silent = True
    found = mark_all(site)
    assert (found.running, found.elsewhere, found.marked, dict(found.failed)) == (2, 1, 1, {})
    assert str(found) == "2 running, 1 moved on, 1 with folders elsewhere, 0 did not say"


def test_only_what_runs_is_looked_at(site: Site, say: Say) -> None:
    say(psd="0.5", pe="0.5")
    with site.ledger.change(who="test") as change:
        change.analysis(E, "psd").status = "stuck"
        change.event(E).active = False
    assert mark_all(site) == Looked()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (Progress(2.0, "a\n b", {}), {"fraction": 1.0, "text": "a b", "values": {}}),
        (Progress(float("nan"), "", {"x": float("nan"), "y": 1}), {"fraction": None, "text": "", "values": {"y": 1.0}}),
        (Progress(None, "z" * 1000), {"fraction": None, "text": "z" * 200, "values": {}}),
    ],
)
def test_what_makes_no_sense_is_left_out(said: Progress, kept: dict[str, object]) -> None:
    assert plain(said) == kept

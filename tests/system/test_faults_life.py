"""kill -9 of the worker at every point of every step: a second call finishes it, with the effect of once.

The worker is a process of its own (stepper.py) on a real ledger and the local scheduler, whose jobs are real processes that count
themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alone import EVENT, folder_of, row, runs
from sqlalchemy import select
from stepper import STEPS, approve
from steps_pipeline import Steps

from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Attempt, Journal, Outbox, Review
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.clean import clean
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.site import current_attempt
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines import registry
from gwfollow.schedulers.base import JobState
from gwfollow.settings import Settings

pytestmark = [pytest.mark.system, pytest.mark.slow]

#: more than any step has points
MOST = 16


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Analyses a0, a1, ... of the pipeline whose job leaves a result, and b0, b1, ... whose job fails and is resurrected."""
    monkeypatch.setattr(registry, "find", lambda name: Steps)
    settings = Settings(home=str(tmp_path), scheduler="local")
    documents = [f"kind: event\nname: {EVENT}\nevent time: 1126259462.4\ngid: S150914\n"]
    for number in range(MOST + 1):
        documents.append(f"kind: analysis\nevent: {EVENT}\nname: a{number}\npipeline: steps\n")
        documents.append(f"kind: analysis\nevent: {EVENT}\nname: b{number}\npipeline: steps\ntoy: {{exit: 3, resurrect: true}}\n")
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text("---\n".join(documents), "test.yaml").blueprints)
    yield Site(ledger, settings, who="worker")
    ledger.close()


# ---- where each step begins ------------------------------------------------------------------------------------------------


def begun(site: Site, name: str) -> None:
    build(site, EVENT, name)
    submit(site, EVENT, name)


def ended(site: Site, name: str, purpose: str = "main") -> None:
    """Its job has ended, by the scheduler's word."""
    (folder_of(site, name) / "go").touch()
    scheduler = site.scheduler("local")
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, name))
        assert attempt is not None
        ids = [job.job_id for job in attempt.jobs if job.job_id is not None]
    until(lambda: all(status.state.ended for status in scheduler.query(ids).values()))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.05)


def built(site: Site, name: str) -> None:
    build(site, EVENT, name)


def failed(site: Site, name: str) -> None:
    begun(site, name)
    ended(site, name)
    (folder_of(site, name) / "go").unlink()  # the resurrected job waits until somebody looks


def to_the_end(site: Site, name: str) -> None:
    begun(site, name)
    ended(site, name)
    settle(site, EVENT, name)


def finished(site: Site, name: str) -> None:
    to_the_end(site, name)
    collect(site, EVENT, name)


def processed(site: Site, name: str) -> None:
    finished(site, name)
    process(site, EVENT, name)
    ended(site, name)
    settle(site, EVENT, name, purpose="post")


def with_cache(site: Site, name: str) -> None:
    processed(site, name)
    publish(site, EVENT, name)
    (folder_of(site, name) / "cache").mkdir()
    for number in range(2):
        (folder_of(site, name) / "cache" / str(number)).write_text("x")


def held_back(site: Site, name: str) -> None:
    finished(site, name)
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, name).review_first = True


def asked(status: str) -> Callable[[Site, str], None]:
    def prepare(site: Site, name: str) -> None:
        begun(site, name)
        with site.ledger.change(who="test") as change:
            change.set_status(change.analysis(EVENT, name), status)

    return prepare


PREPARE: dict[str, Callable[[Site, str], None]] = {
    "build": lambda site, name: None,
    "submit": built,
    "wait": failed,
    "collect": to_the_end,
    "process": finished,
    "publish": processed,
    "stop": asked("stop"),
    "restart": asked("restart"),
    "clean": with_cache,
    "review": held_back,
}


# ---- what must hold after the second call ----------------------------------------------------------------------------------


def journal(site: Site, name: str) -> Counter[str]:
    with site.ledger.read() as session:
        return Counter(session.scalars(select(Journal.what).where(Journal.analysis == name)))


def messages(site: Site, name: str) -> list[str]:
    with site.ledger.read() as session:
        return list(session.scalars(select(Outbox.key).where(Outbox.key.contains(f"{EVENT}/{name}/"))))


def attempts(site: Site, name: str) -> list[tuple[int, str]]:
    with site.ledger.read() as session:
        found = session.scalars(select(Attempt).where(Attempt.analysis_id == find_analysis(session, EVENT, name).id))
        return [(one.number, one.state) for one in found]


def jobs(site: Site, name: str) -> list[JobState]:
    """Every job that the scheduler has under the keys of attempt 1, whoever submitted it."""
    scheduler, key = site.scheduler("local"), f"{EVENT}/{name}/1"
    ids = [job for number in ("", ".1", ".2", ".post", ".post.1") for job in scheduler.find(key + number, folder_of(site, name))]
    return [status.state for status in scheduler.query(ids).values()]


def check_build(site: Site, name: str) -> None:
    assert attempts(site, name) == [(1, "built")]
    assert (journal(site, name)["attempt 1 begun"], journal(site, name)["attempt 1 built"]) == (1, 1)
    submit(site, EVENT, name)
    check_submit(site, name)


def check_submit(site: Site, name: str) -> None:
    ended(site, name)
    assert settle(site, EVENT, name).verdict is Verdict.DONE
    assert runs(folder_of(site, name)) == 1
    assert jobs(site, name) == [JobState.COMPLETED]
    assert journal(site, name)["ready -> running"] == 1


def check_wait(site: Site, name: str) -> None:
    ended(site, name)
    assert runs(folder_of(site, name)) == 2, "the first job and one resurrection"
    assert jobs(site, name) == [JobState.COMPLETED, JobState.COMPLETED]
    assert row(site, name).status == "running"


def check_collect(site: Site, name: str) -> None:
    assert attempts(site, name) == [(1, "collected")]
    said = journal(site, name)
    assert (said["1 assets collected"], said["running -> finished"]) == (1, 1)
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, name))
        assert attempt is not None
        assert len(attempt.assets) == 1


def check_process(site: Site, name: str) -> None:
    ended(site, name)
    assert settle(site, EVENT, name, purpose="post").verdict is Verdict.DONE
    assert len((folder_of(site, name) / "post-runs.txt").read_text().splitlines()) == 1
    assert jobs(site, name) == [JobState.COMPLETED, JobState.COMPLETED]


def check_publish(site: Site, name: str) -> None:
    assert row(site, name).status == "uploaded"
    assert len(messages(site, name)) == 1
    assert journal(site, name)["processing -> uploaded"] == 1


def check_stop(site: Site, name: str) -> None:
    assert row(site, name).status == "stopped"
    assert journal(site, name)["stop -> stopped"] == 1
    assert jobs(site, name) == [JobState.REMOVED]


def check_restart(site: Site, name: str) -> None:
    assert attempts(site, name) == [(1, "left"), (2, "built")]
    assert jobs(site, name) == [JobState.REMOVED]
    submit(site, EVENT, name)
    (folder_of(site, name, 2) / "go").touch()
    until(lambda: settle(site, EVENT, name).verdict is Verdict.DONE)
    assert runs(folder_of(site, name, 2)) == 1


def check_clean(site: Site, name: str) -> None:
    assert not (folder_of(site, name) / "cache").exists()
    assert (folder_of(site, name) / "result.txt").read_text() == "whole\n"


def check_review(site: Site, name: str) -> None:
    with site.ledger.read() as session:
        verdicts = session.scalars(select(Review).where(Review.analysis_id == find_analysis(session, EVENT, name).id)).all()
    assert [one.verdict for one in verdicts] == ["approved"]
    assert journal(site, name)["review: approved"] == 1
    publish(site, EVENT, name)
    assert row(site, name).status == "uploaded"


AGAIN: dict[str, Callable[[Site, str, str], object]] = {**STEPS, "review": approve, "clean": clean}


class Worker:
    """One step in a process of its own."""

    def __init__(self, site: Site, step: str, name: str, point: int) -> None:
        here = Path(__file__).parent
        self.process = subprocess.Popen(
            [sys.executable, str(here / "stepper.py"), step, name, str(point)],
            env=os.environ | {"GWFOLLOW_HOME": site.settings.home, "GWFOLLOW_SCHEDULER": "local"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go(self) -> str:
        """What it says when it is done, or stopped: only one at a time, for a worker may be stopped inside of a transaction."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, "the fault did not fire"
        self.close()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_whose_worker_is_killed_at_any_point_is_finished_by_the_next(site: Site, step: str) -> None:
    kind = "b" if step == "wait" else "a"
    check = globals()[f"check_{step}"]
    whole = Worker(site, step, prepared(site, step, f"{kind}0"), 0)
    word, *names = whole.go().split()
    whole.close()
    assert (word, 0 < len(names) <= MOST) == ("done", True)
    killed = {
        f"{kind}{number}": Worker(site, step, prepared(site, step, f"{kind}{number}"), number)
        for number in range(1, len(names) + 1)
    }
    try:
        for number, (name, worker) in enumerate(killed.items(), start=1):
            assert worker.go() == f"stopped {names[number - 1].replace('-', ' ', 1)}"
            worker.kill()
            AGAIN[step](site, EVENT, name)
            AGAIN[step](site, EVENT, name)
    finally:
        for worker in killed.values():
            worker.close()
    for name in (f"{kind}0", *killed):
        check(site, name)


def prepared(site: Site, step: str, name: str) -> str:
    PREPARE[step](site, name)
    return name

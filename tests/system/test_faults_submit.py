"""Workers that die, or come back from the dead, while they submit: one job for each key, counted by the jobs themselves."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alone import EVENT, folder_of, follow, row, runs, site_in
from caller import STOPS
from toy_pipeline import Toy

from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.finish import collect
from gwfollow.life.site import current_attempt, job_key, last_job
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.base import JobState

pytestmark = [pytest.mark.system, pytest.mark.slow]

RANDOM_KILLS = 20
Start = Callable[..., "Caller"]


class Caller:
    """A process that builds and submits, see caller.py; each of its lines is an answer to a line of ours."""

    def __init__(self, site: Site, toy: Path, analysis: str, stop: str = "") -> None:
        self.analysis = analysis
        path = os.pathsep.join(filter(None, [str(toy), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("caller.py")), EVENT, analysis, stop],
            env=os.environ | {"GWFOLLOW_HOME": site.settings.home, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self, *, whole: bool) -> str:
        """SIGKILL, with its helper process or without; what it still had to say."""
        if whole:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        assert self.process.wait() == -signal.SIGKILL
        return said

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(toy: Path, pool: PersonalPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """``start(site, analysis, stop)``: a caller that is ready to submit."""
    monkeypatch.setattr(registry, "find", lambda name: Toy)
    with ExitStack() as stack:

        def begin(site: Site, analysis: str, stop: str = "") -> Caller:
            caller = Caller(site, toy, analysis, stop)
            stack.callback(caller.close)
            assert caller.hear() == "ready"
            return caller

        yield begin


def recorded(site: Site, analysis: str) -> str | None:
    """The scheduler's id that the ledger has."""
    with site.ledger.read() as session:
        job = last_job(current_attempt(session, find_analysis(session, EVENT, analysis)))
        return job.job_id if job else None


def states_of(site: Site, analysis: str) -> dict[str, JobState]:
    """What HTCondor says of every job under the key, whoever submitted it."""
    scheduler = site.scheduler("htcondor")
    ids = scheduler.find(job_key(EVENT, analysis, 1, 0), folder_of(site, analysis))
    return {job_id: status.state for job_id, status in scheduler.query(ids).items()}


def bring_to_the_end(site: Site, *analyses: str) -> None:
    """Wait for and collect all at once, then let the jobs and the scheduler be witnesses that each ran once."""

    async def follow_all() -> None:
        await asyncio.gather(*(follow(site, analysis) for analysis in analyses))

    asyncio.run(asyncio.wait_for(follow_all(), 120))
    for analysis in analyses:
        collect(site, EVENT, analysis)
        assert row(site, analysis).status == "finished"
        assert runs(folder_of(site, analysis)) == 1
        states = states_of(site, analysis)
        assert [job_id for job_id, state in states.items() if state is not JobState.REMOVED] == [recorded(site, analysis)]
        assert states[recorded(site, analysis) or ""] is JobState.COMPLETED


def test_workers_killed_at_any_point_of_a_submission_leave_one_job_for_each_key(start: Start, tmp_path: Path) -> None:
    """20 random moments and every step in turn; half of the time the process that talks to HTCondor outlives its worker."""
    luck = random.Random(2026)
    points: list[str] = [*STOPS, *[""] * RANDOM_KILLS]
    names = [f"a{number}" for number in range(len(points))]
    with site_in(tmp_path, *(f"name: {name}\ntoy: {{go: true}}" for name in ["whole", *names])) as site:
        whole = start(site, "whole")
        begun = time.monotonic()
        whole.go_on()
        assert whole.hear().startswith("done")
        takes = time.monotonic() - begun
        unrecorded = []
        for number, (name, stop) in enumerate(zip(names, points, strict=True)):
            caller = start(site, name, stop)
            caller.go_on()
            if stop:
                assert caller.hear() == "stopped"
            else:
                time.sleep(luck.uniform(0, takes))
            caller.kill(whole=bool(number % 2))
            before = recorded(site, name)
            again = submit(site, EVENT, name)
            assert before in (None, again.job_id)
            if before is None and again.adopted:
                unrecorded.append(stop)
        assert {"accepted", "in the transaction"} <= set(unrecorded), (
            "no worker was killed between the schedd's yes and the ledger"
        )
        bring_to_the_end(site, "whole", *names)


@pytest.mark.parametrize("stop", ["intent recorded", "accepted", "recorded"])
def test_a_worker_that_was_cut_off_and_its_retry_make_one_job(start: Start, tmp_path: Path, stop: str) -> None:
    with site_in(tmp_path, "name: only\ntoy: {go: true}") as site:
        cut_off = start(site, "only", stop)
        cut_off.go_on()
        assert cut_off.hear() == "stopped"
        accepted = [] if stop == "intent recorded" else [JobState.STAGED]
        assert list(states_of(site, "only").values()) == accepted, "a job that nobody has recorded may run"
        retry = start(site, "only")
        retry.go_on()
        assert retry.hear().split()[:2] == ["done", recorded(site, "only")]
        cut_off.go_on()  # it wakes up and goes on where it was
        assert cut_off.hear().split()[:2] == ["done", recorded(site, "only")]
        bring_to_the_end(site, "only")


def test_workers_that_submit_at_the_same_moment_make_one_job(start: Start, tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(5)]
    with site_in(tmp_path, *(f"name: {name}\ntoy: {{go: true}}" for name in names)) as site:
        for name in names:
            callers = [start(site, name), start(site, name)]
            for caller in callers:
                caller.go_on()
            assert {caller.hear().split()[1] for caller in callers} == {recorded(site, name)}
        bring_to_the_end(site, *names)

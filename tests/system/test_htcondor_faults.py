"""Faults of HTCondor and of those who talk to it, on a pool of its own.  Runs are counted by the jobs themselves."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gwfollow.errors import SchedulerSilent
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.base import Dag, Job, JobState, Resources
from gwfollow.schedulers.htcondor import HTCondor

pytestmark = [pytest.mark.slow, pytest.mark.system]

SMALL = Resources(memory_mb=64)
#: as clusters have it; a personal pool does not watch the memory of its owner's jobs by itself
MEMORY_POLICY = "use POLICY: HOLD_IF_MEMORY_EXCEEDED"
COUNTED = ("-c", "echo run >> runs; until [ -e go ]; do sleep 0.2; done")


@pytest.fixture(scope="module")
def fragile() -> Iterator[PersonalPool]:
    """A pool that tests may break."""
    folder = Path(tempfile.mkdtemp(prefix="gwf-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch, PersonalPool(folder / "pool", cpus=32, extra=MEMORY_POLICY) as pool:
        for name, value in pool.env().items():
            patch.setenv(name, value)
        yield pool
    shutil.rmtree(folder)


@pytest.fixture
def condor(fragile: PersonalPool) -> Iterator[HTCondor]:
    scheduler = HTCondor()
    yield scheduler
    scheduler.close()


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines()) if (folder / "runs").exists() else 0


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.2)


def state(condor: HTCondor, job_id: str, folder: Path | None = None) -> JobState:
    try:
        return condor.query([job_id], {job_id: folder} if folder else None)[job_id].state
    except SchedulerSilent:
        return JobState.UNKNOWN


def wait_until_back(condor: HTCondor) -> None:
    def answers() -> bool:
        try:
            return condor.query(["0.0"]) is not None
        except SchedulerSilent:
            return False

    wait_for(answers)


# ---- whoever submits is killed -----------------------------------------------------------------------------------------------
CALLER = """
import os, sys
from pathlib import Path
from gwfollow.schedulers.base import Job, Resources
from gwfollow.schedulers.htcondor import HTCondor
condor = HTCondor()
condor.query(["0.0"])
os.nice(10)  # on a loaded machine it must not be done before the test comes to kill it
print("ready", flush=True)
folder = Path(sys.argv[1])
job = Job(Path("/bin/sh"), ("-c", "echo run >> runs"), folder, "job", Resources(memory_mb=64))
print(condor.submit(job, str(folder)).job_id, flush=True)
"""


def test_a_caller_killed_at_any_point_and_its_retry_leave_one_job_that_runs_once(condor: HTCondor, tmp_path: Path) -> None:
    """20 random moments around the submission; half of the time its helper process is killed too, half of the time that goes on."""
    luck = random.Random(2026)
    ids, in_between = {}, 0
    for number in range(20):
        folder = tmp_path / f"work-{number}"
        folder.mkdir()
        caller = subprocess.Popen(
            [sys.executable, "-c", CALLER, folder], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
        time.sleep(luck.uniform(0, 0.08))
        if number % 2:
            os.killpg(caller.pid, signal.SIGKILL)
        else:
            caller.kill()
        returned = caller.stdout.read() != ""
        caller.wait()
        job = Job(Path("/bin/sh"), ("-c", "echo run >> runs"), folder, "job", SMALL)
        again = condor.submit(job, str(folder))
        in_between += again.adopted and not returned
        ids[again.job_id] = folder
        condor.start(again.job_id)
    wait_for(lambda: all(status.succeeded for status in condor.query(list(ids)).values()))
    assert in_between, "no caller was killed between acceptance and return"
    for job_id, folder in ids.items():
        assert runs(folder) == 1
        assert condor.find(str(folder), folder) == [job_id]


def _submit_and_start(folder: Path, gate: object) -> tuple[str, bool]:
    condor = HTCondor()
    condor.query(["0.0"])
    gate.wait()  # type: ignore[attr-defined]
    submission = condor.submit(Job(Path("/bin/sh"), ("-c", "echo run >> runs"), folder, "job", SMALL), "two callers")
    condor.start(submission.job_id)
    condor.close()
    return submission.job_id, submission.adopted


def test_callers_at_the_same_time_get_the_same_job(condor: HTCondor, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        gate = manager.Barrier(4)
        with context.Pool(4) as callers:
            answers = callers.starmap(_submit_and_start, [(tmp_path, gate)] * 4)
    assert len({job_id for job_id, _ in answers}) == 1
    assert [adopted for _, adopted in answers].count(False) == 1
    wait_for(lambda: state(condor, answers[0][0]).ended)
    assert runs(tmp_path) == 1


# ---- the schedd --------------------------------------------------------------------------------------------------------------
def test_a_schedd_that_hangs_is_silence_in_bounded_time_and_stops_nobody_else(fragile: PersonalPool, tmp_path: Path) -> None:
    condor = HTCondor(timeout=3)
    condor.query(["0.0"])
    schedd = fragile.daemon("schedd")
    os.kill(schedd, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(SchedulerSilent, match="did not answer within 3 s"):
            condor.query(["1.0"])
        with pytest.raises(SchedulerSilent):
            condor.submit(Job(Path("/bin/sh"), (), tmp_path, "job", SMALL), "into silence")
        assert time.monotonic() - begun < 30
    finally:
        os.kill(schedd, signal.SIGCONT)
    wait_until_back(condor)
    assert condor.find("into silence", tmp_path) == []
    condor.close()


def test_a_job_finishes_once_though_the_schedd_is_killed_while_it_runs(
    fragile: PersonalPool, condor: HTCondor, tmp_path: Path
) -> None:
    job_id = condor.submit(Job(Path("/bin/sh"), COUNTED, tmp_path, "job", SMALL), "schedd killed").job_id
    condor.start(job_id)
    wait_for(lambda: runs(tmp_path) == 1)
    wait_for(lambda: state(condor, job_id) is JobState.RUNNING)
    schedd = fragile.daemon("schedd")
    os.kill(schedd, signal.SIGKILL)
    seen = set()
    while not ((now := state(condor, job_id)) is JobState.RUNNING and fragile.daemon("schedd") != schedd):
        seen.add(now)
        time.sleep(0.2)
    (tmp_path / "go").touch()
    wait_for(lambda: state(condor, job_id).ended)
    assert not seen & {JobState.COMPLETED, JobState.REMOVED}
    assert condor.query([job_id])[job_id].succeeded
    assert runs(tmp_path) == 1


def test_a_dag_finishes_with_each_node_once_though_the_schedd_is_killed(
    fragile: PersonalPool, condor: HTCondor, tmp_path: Path
) -> None:
    for node in "AB":
        script = f"echo run >> runs-{node}; until [ -e go ]; do sleep 0.2; done"
        (tmp_path / f"{node}.sub").write_text(
            f"executable = /bin/sh\narguments = \"-c '{script}'\"\nlog = nodes.log\nrequest_memory = 64\nqueue\n"
        )
    (tmp_path / "two.dag").write_text("JOB A A.sub\nJOB B B.sub\nPARENT A CHILD B\n")
    job_id = condor.submit(Dag(Path("two.dag"), tmp_path, "two"), "dag, schedd killed").job_id
    condor.start(job_id)
    wait_for(lambda: (tmp_path / "runs-A").exists())
    os.kill(fragile.daemon("schedd"), signal.SIGKILL)
    wait_until_back(condor)
    (tmp_path / "go").touch()
    wait_for(lambda: state(condor, job_id).ended)
    assert condor.query([job_id])[job_id].succeeded
    assert [(tmp_path / f"runs-{node}").read_text() for node in "AB"] == ["run\n", "run\n"]


def test_a_pool_that_is_away_is_silent_and_a_job_that_ended_before_is_found_after(
    fragile: PersonalPool, condor: HTCondor, tmp_path: Path
) -> None:
    job_id = condor.submit(Job(Path("/bin/sh"), ("-c", "echo run >> runs"), tmp_path, "job", SMALL), "away").job_id
    condor.start(job_id)
    wait_for(lambda: runs(tmp_path) == 1)
    wait_for(lambda: state(condor, job_id).ended)
    fragile.stop()
    try:
        with pytest.raises(SchedulerSilent):
            condor.query([job_id])
        with pytest.raises(SchedulerSilent):
            condor.submit(Job(Path("/bin/sh"), (), tmp_path, "job", SMALL), "away")
    finally:
        fragile.start()
    wait_until_back(condor)
    assert condor.query([job_id])[job_id].succeeded
    assert condor.submit(Job(Path("/bin/sh"), (), tmp_path, "job", SMALL), "away").adopted


def test_a_schedd_of_another_name_is_an_error_and_never_the_local_one(fragile: PersonalPool) -> None:
    condor = HTCondor(schedd="nobody@nowhere")
    with pytest.raises(SchedulerSilent, match="nobody@nowhere"):
        condor.query(["1.0"])
    condor.close()


def test_the_schedd_is_found_by_its_name_at_its_collector(fragile: PersonalPool, tmp_path: Path) -> None:
    told = subprocess.run(
        ["condor_status", "-schedd", "-af", "Name", "CollectorHost"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    address = subprocess.run(["condor_config_val", "COLLECTOR_HOST"], capture_output=True, text=True, check=True, timeout=60)
    condor = HTCondor(schedd=told[0], collector=address.stdout.strip())
    submission = condor.submit(Job(Path("/bin/sh"), (), tmp_path, "job", SMALL), "by name")
    assert condor.query([submission.job_id])[submission.job_id].state is JobState.STAGED
    condor.remove(submission.job_id, "the test is over")
    condor.close()


# ---- memory and forgetting ---------------------------------------------------------------------------------------------------
def test_a_job_that_takes_more_memory_than_it_asked_for_is_held_with_the_reason(condor: HTCondor, tmp_path: Path) -> None:
    greedy = "x = bytearray(600 * 2**20); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(120)"
    job_id = condor.submit(Job(Path(sys.executable), ("-c", greedy), tmp_path, "job", SMALL), "greedy").job_id
    condor.start(job_id)
    wait_for(lambda: state(condor, job_id) is JobState.HELD)
    held = condor.query([job_id])[job_id]
    assert "memory" in held.reason.lower()
    condor.remove(job_id, "the test is over")


def test_when_the_history_has_rotated_away_the_event_log_decides(fragile: PersonalPool, condor: HTCondor, tmp_path: Path) -> None:
    ids = {}
    for code in (0, 7):
        (tmp_path / f"{code}").mkdir()
        job = Job(Path("/bin/sh"), ("-c", f"echo run >> runs; exit {code}"), tmp_path / f"{code}", "job", SMALL)
        ids[code] = condor.submit(job, f"rotated {code}").job_id
        condor.start(ids[code])
    wait_for(lambda: all(status.state.ended for status in condor.query(list(ids.values())).values()))
    fragile.stop()
    for history in (fragile.folder / "spool").glob("history*"):
        history.unlink()
    fragile.start()
    wait_until_back(condor)
    for code, job_id in ids.items():
        folder = tmp_path / f"{code}"
        assert state(condor, job_id) is JobState.UNKNOWN, "without evidence"
        found = condor.query([job_id], {job_id: folder})[job_id]
        assert (found.state, found.exit_code, found.key) == (JobState.COMPLETED, code, f"rotated {code}")
        again = condor.submit(Job(Path("/bin/sh"), (), folder, "job", SMALL), f"rotated {code}")
        assert (again.job_id, again.adopted) == (job_id, True)
        condor.start(job_id)
        assert runs(folder) == 1
        (folder / "job.log").unlink()
        assert condor.query([job_id], {job_id: folder})[job_id].state is JobState.UNKNOWN

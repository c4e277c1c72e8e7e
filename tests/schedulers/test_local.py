"""The local scheduler: jobs run once and outlive whoever started them.  The jobs count their own runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gwfollow.errors import InputError, SubmitRefused
from gwfollow.schedulers.base import Dag, Job, JobState, JobStatus, Resources
from gwfollow.schedulers.local import Local
from gwfollow.schedulers.local_state import JobFolder, Process

SH = Path("/bin/sh")
KEY = "GW150914/psd/1"


def shell(folder: Path, script: str, **resources: object) -> Job:
    return Job(SH, ("-c", f"echo run >> runs; {script}"), folder, "job", Resources(**resources))  # type: ignore[arg-type]


def runs(folder: Path) -> int:
    return (folder / "runs").read_text().count("run") if (folder / "runs").exists() else 0


def until(scheduler: Local, job_id: str, wanted: Callable[[JobStatus], bool], seconds: float = 90) -> JobStatus:
    end = time.monotonic() + seconds
    while not wanted(status := scheduler.query([job_id])[job_id]):
        assert time.monotonic() < end, status
        time.sleep(0.05)
    return status


def is_in(*states: JobState) -> Callable[[JobStatus], bool]:
    return lambda status: status.state in states


def process_of(scheduler: Local, job_id: str) -> Process:
    process = JobFolder(scheduler._root / job_id).process
    assert process is not None
    return process


def supervisor_of(scheduler: Local, job_id: str) -> int:
    document = JobFolder(scheduler._root / job_id).read("supervisor")
    assert document is not None
    return int(document["pid"])


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return Local(tmp_path / "state", slots=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


def test_a_job_is_staged_until_it_is_started_and_then_runs_once(local: Local, folder: Path) -> None:
    job = shell(folder, "echo out; echo err >&2; exit 3")
    submitted = local.submit(job, KEY)
    assert not submitted.adopted
    assert local.query([submitted.job_id])[submitted.job_id] == JobStatus(JobState.STAGED, KEY)
    local.start(submitted.job_id)
    status = until(local, submitted.job_id, lambda status: status.state.ended)
    assert (status.exit_code, status.key) == (3, KEY)
    local.start(submitted.job_id)
    assert local.submit(job, KEY).adopted
    assert runs(folder) == 1
    tails = {path.name: text for path, text in local.logs(job).tails.items()}
    assert tails["job.out"] == "out"
    assert tails["job.err"] == "err"


def test_a_signal_is_told_apart_from_an_exit_code(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "kill -SEGV $$"), KEY).job_id
    local.start(job_id)
    status = until(local, job_id, lambda status: status.state.ended)
    assert (status.signal, status.exit_code) == (signal.SIGSEGV, None)


def test_a_program_that_is_not_there_is_a_hold_with_its_reason_and_a_release_tries_again(local: Local, folder: Path) -> None:
    program = folder / "later"
    job_id = local.submit(Job(program, (), folder, "job"), KEY).job_id
    local.start(job_id)
    held = until(local, job_id, is_in(JobState.HELD))
    assert "No such file" in held.reason
    assert str(program) in held.reason
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    local.release(job_id)
    assert until(local, job_id, lambda status: status.state.ended).succeeded


def test_a_held_job_stands_still_and_goes_on_when_released(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "until [ -e go ]; do sleep 0.05; done"), KEY).job_id
    local.start(job_id)
    until(local, job_id, is_in(JobState.RUNNING))
    local.hold(job_id, "retracted")
    held = local.query([job_id])[job_id]
    assert (held.state, held.reason) == (JobState.HELD, "retracted")
    stat = Path(f"/proc/{process_of(local, job_id).pid}/stat")
    until(local, job_id, lambda status: stat.read_text().rpartition(") ")[2][0] == "T")  # the kernel stops it a moment later
    (folder / "go").touch()
    local.release(job_id)
    assert until(local, job_id, lambda status: status.state.ended).succeeded
    assert runs(folder) == 1


@pytest.mark.parametrize("held", [False, True])
def test_removal_ends_the_whole_process_group(local: Local, folder: Path, held: bool) -> None:
    job_id = local.submit(shell(folder, "sleep 600 & echo $! > child; wait"), KEY).job_id
    local.start(job_id)
    until(local, job_id, lambda status: (folder / "child").exists() and (folder / "child").read_text() != "")
    child = Process.of(int((folder / "child").read_text()))
    if held:
        local.hold(job_id, "first held")
    local.remove(job_id, "stopped by a person")
    status = until(local, job_id, lambda status: status.state.ended)
    assert (status.state, status.reason) == (JobState.REMOVED, "stopped by a person")
    assert not child.alive()


def test_a_staged_job_that_is_removed_never_runs(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "true"), KEY).job_id
    local.remove(job_id, "another caller was first")
    local.start(job_id)
    assert local.query([job_id])[job_id].state is JobState.REMOVED
    assert runs(folder) == 0
    local.remove(job_id, "again")
    assert local.query([job_id])[job_id].reason == "another caller was first"


def test_jobs_share_the_slots_and_the_higher_priority_goes_first(tmp_path: Path, folder: Path) -> None:
    local = Local(tmp_path / "state", slots=1)
    first = local.submit(shell(folder, "until [ -e go ]; do sleep 0.05; done"), "first").job_id
    local.start(first)
    until(local, first, is_in(JobState.RUNNING))
    ids = {}
    for name in ("low", "high"):
        ids[name] = local.submit(Job(SH, ("-c", f"echo {name} >> order"), folder, name, Resources(cpus=2)), name).job_id
        local.start(ids[name])
    local.set_priority(ids["high"], 10)
    waiting = tmp_path / "state" / "waiting"
    until(local, first, lambda status: all((waiting / one).exists() for one in ids.values()))
    until(local, first, lambda status: f"{10**9 - 10:012d}" in (waiting / ids["high"]).read_text())
    assert {local.query([one])[one].state for one in ids.values()} == {JobState.IDLE}
    (folder / "go").touch()
    for one in ids.values():
        until(local, one, lambda status: status.state.ended)
    assert (folder / "order").read_text().split() == ["high", "low"]


# ---- crashes -----------------------------------------------------------------------------------------------------------------
def _submit_and_start(state: Path, folder: Path, gate: object) -> str:
    gate.wait()  # type: ignore[attr-defined]
    scheduler = Local(state, slots=4)
    job_id = scheduler.submit(shell(folder, "sleep 0.2"), KEY).job_id
    scheduler.start(job_id)
    return job_id


@pytest.mark.slow
def test_eight_callers_at_once_make_it_run_once(local: Local, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        gate = manager.Barrier(8)
        with context.Pool(8) as callers:
            ids = callers.starmap(_submit_and_start, [(local._root, folder, gate)] * 8)
    assert len(set(ids)) == 1
    assert until(local, ids[0], lambda status: status.state.ended).succeeded
    assert runs(folder) == 1


@pytest.mark.slow
def test_a_caller_killed_anywhere_and_its_retry_make_it_run_once(local: Local, tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from gwfollow.schedulers.local import Local;"
        "from gwfollow.schedulers.base import Job; f = Path(sys.argv[2]);"
        "job = Job(Path('/bin/sh'), ('-c', 'echo run >> runs'), f, 'job'); s = Local(Path(sys.argv[1]), slots=4);"
        "os.nice(10);"  # on a loaded machine it must not be done before the test comes to kill it
        "print('ready', flush=True); i = s.submit(job, str(f)).job_id; s.start(i); print('done', flush=True)"
    )
    killed = 0
    for number in range(12):
        folder = tmp_path / f"work-{number}"
        folder.mkdir()
        caller = subprocess.Popen([sys.executable, "-c", script, local._root, folder], stdout=subprocess.PIPE, text=True)
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
        time.sleep(number * 0.01)
        caller.kill()
        killed += caller.stdout.read() == ""
        caller.wait()
        job_id = local.submit(shell(folder, "true"), str(folder)).job_id
        local.start(job_id)
        assert until(local, job_id, lambda status: status.state.ended).succeeded
        assert runs(folder) == 1
    assert killed >= 3, "the fault was not injected"


def test_a_job_outlives_the_process_that_started_it(local: Local, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Event()
    gate.set()
    caller = context.Process(target=_submit_and_start, args=(local._root, folder, gate))
    caller.start()
    caller.join()
    [job_id] = local.find(KEY)
    assert until(local, job_id, lambda status: status.state.ended).succeeded


def test_a_job_whose_supervisor_is_killed_is_never_run_again_nor_called_ended(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "until [ -e go ]; do sleep 0.05; done"), KEY).job_id
    local.start(job_id)
    until(local, job_id, is_in(JobState.RUNNING))
    os.kill(supervisor_of(local, job_id), signal.SIGKILL)
    assert local.query([job_id])[job_id].state is JobState.RUNNING
    local.start(job_id)
    (folder / "go").touch()
    status = until(local, job_id, is_in(JobState.UNKNOWN))
    assert "supervisor was killed" in status.reason
    local.start(job_id)
    assert local.query([job_id])[job_id].state is JobState.UNKNOWN
    assert runs(folder) == 1


def test_a_job_whose_supervisor_is_killed_can_still_be_removed(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "sleep 600"), KEY).job_id
    local.start(job_id)
    until(local, job_id, is_in(JobState.RUNNING))
    process = process_of(local, job_id)
    os.kill(supervisor_of(local, job_id), signal.SIGKILL)
    until(local, job_id, lambda status: not JobFolder(local._root / job_id).supervised)
    local.remove(job_id, "stopped")
    assert local.query([job_id])[job_id].state is JobState.REMOVED
    assert not process.alive()


def test_a_supervisor_that_is_killed_before_the_job_began_is_a_hold_that_a_release_cures(tmp_path: Path, folder: Path) -> None:
    local = Local(tmp_path / "state", slots=1)
    first = local.submit(shell(folder, "until [ -e go ]; do sleep 0.05; done"), "first").job_id
    local.start(first)
    until(local, first, is_in(JobState.RUNNING))
    second = local.submit(Job(SH, ("-c", "echo ran > second"), folder, "second"), "second").job_id
    local.start(second)
    until(local, second, lambda status: JobFolder(local._root / second).supervised)
    os.kill(supervisor_of(local, second), signal.SIGKILL)
    assert "supervisor was lost" in until(local, second, is_in(JobState.HELD)).reason
    local.release(second)
    (folder / "go").touch()
    assert until(local, second, lambda status: status.state.ended).succeeded


def test_a_restart_of_the_machine_is_told(local: Local, folder: Path) -> None:
    job_id = local.submit(shell(folder, "true"), KEY).job_id
    state = JobFolder(local._root / job_id)
    state.mark_started()
    state.write("running", {"pid": os.getpid(), "started": Process.of(os.getpid()).started, "boot": "an earlier one"})
    status = local.query([job_id])[job_id]
    assert (status.state, "machine was restarted" in status.reason) == (JobState.UNKNOWN, True)


# ---- the door ----------------------------------------------------------------------------------------------------------------
def test_a_dag_is_refused_and_says_why(local: Local, folder: Path) -> None:
    with pytest.raises(SubmitRefused, match="runs no DAGs"):
        local.submit(Dag(Path("a.dag"), folder, "a"), KEY)


def test_a_folder_that_is_not_there_is_refused(local: Local, tmp_path: Path) -> None:
    with pytest.raises(SubmitRefused, match="does not exist"):
        local.submit(shell(tmp_path / "nowhere", "true"), KEY)


def test_an_id_that_is_none_of_ours_is_refused(local: Local) -> None:
    with pytest.raises(InputError, match="20 hexadecimal digits"):
        local.query(["../../etc"])
    with pytest.raises(InputError, match="a job in"):
        local.start("0" * 20)
    local.remove("0" * 20, "not there: left alone")
    assert local.query(["0" * 20])["0" * 20].state is JobState.UNKNOWN


def test_keys_are_found_in_their_folder_only(local: Local, folder: Path, tmp_path: Path) -> None:
    job_id = local.submit(shell(folder, "true"), KEY).job_id
    assert local.find(KEY) == local.find(KEY, folder) == local.find(KEY, tmp_path) == [job_id]
    assert local.find(KEY, tmp_path / "other") == local.find("other") == []


def test_secrets_of_the_caller_do_not_reach_the_job(local: Local, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "canary")
    job_id = local.submit(shell(folder, "env > env; exit 0", environment={"MINE": "1"}), KEY).job_id
    local.start(job_id)
    until(local, job_id, lambda status: status.state.ended)
    assert "canary" not in (folder / "env").read_text()
    assert "MINE=1\n" in (folder / "env").read_text()
    assert all(b"canary" not in file.read_bytes() for file in (local._root / job_id).iterdir())

"""A scheduler for a machine without HTCondor: each job a process group with a supervisor that outlives whoever started it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from gwfollow.errors import InputError, SchedulerSilent, SubmitRefused
from gwfollow.schedulers.base import Dag, Job, JobState, JobStatus, Logs, Scheduler, Submission, Work
from gwfollow.schedulers.checks import check
from gwfollow.schedulers.local_state import JobFolder, Process
from gwfollow.schedulers.local_supervisor import POLL_SECONDS, terminate
from gwfollow.schedulers.tails import tails

#: what a job sees of the environment: enough to run programs and to read data, and nothing of Airflow's
PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|PYTHONPATH|VIRTUAL_ENV|CONDA_PREFIX|LD_LIBRARY_PATH"
    r"|OMP_NUM_THREADS|LAL_DATA_PATH|LIGO_DATAFIND_SERVER|GWDATAFIND_SERVER|BEARER_TOKEN_FILE|X509_USER_PROXY|SSL_CERT_FILE"
)
#: seconds in which a starting supervisor must have left
SPAWN_SECONDS = 30.0
LOCK_PATIENCE = 0.2
_ID = re.compile(r"[0-9a-f]{20}")


class Local(Scheduler):
    """One state folder.

    The id of a job is made from its key: submitting a key twice is the same job by construction.

    Parameters
    ----------
    folder : the state folder; one for each ledger
    slots : processors that all running jobs share; by default this machine's
    """

    name = "local"

    def __init__(self, folder: Path, slots: int | None = None) -> None:
        self._root = folder
        self._slots = slots or os.cpu_count() or 1

    # ---- submission ----------------------------------------------------------------------------------------------------
    def submit(self, work: Work, key: str) -> Submission:
        if isinstance(work, Dag):
            raise SubmitRefused(f"the local scheduler runs no DAGs ({work.file.name}): submit a program, or use HTCondor")
        check(work, key)
        if not work.folder.is_dir():
            raise SubmitRefused(f"working folder {work.folder} does not exist")
        job_id = hashlib.sha256(key.encode()).hexdigest()[:20]
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self._root))
        try:
            JobFolder(draft).write("job", _document(work, key))
            draft.rename(self._root / job_id)  # fails where the job is there already, whoever was first
        except OSError:
            if not JobFolder(self._root / job_id).exists:
                raise
            return Submission(job_id, adopted=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return Submission(job_id, adopted=False)

    def start(self, job_id: str) -> None:
        folder = self._job(job_id)
        if folder.read("end") or folder.read("running"):
            return
        lock = folder.lock(LOCK_PATIENCE)
        if lock is None:
            return
        try:
            # seen again under the lock: the one who had it may have run the job to its end
            if not (folder.read("end") or folder.read("running")):
                folder.mark_started()
                self._spawn(folder, lock)
        finally:
            os.close(lock)

    def _spawn(self, folder: JobFolder, lock: int) -> None:
        """The supervisor gets our lock; the process that is waited for here leaves at once."""
        command = [sys.executable, "-m", "gwfollow.schedulers.local_supervisor", str(folder.path), str(lock), str(self._slots)]
        environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
        try:
            subprocess.run(
                command,
                pass_fds=(lock,),
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SPAWN_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SchedulerSilent(f"the local scheduler could not start a supervisor: {error}") from error

    def find(self, key: str, folder: Path | None = None) -> list[str]:
        job_id = hashlib.sha256(key.encode()).hexdigest()[:20]
        job = JobFolder(self._root / job_id).read("job")
        if job is None or (folder is not None and not Path(job["folder"]).is_relative_to(folder)):
            return []
        return [job_id]

    # ---- questions -----------------------------------------------------------------------------------------------------
    def query(self, job_ids: Collection[str], folders: Mapping[str, Path] | None = None) -> dict[str, JobStatus]:
        return {job_id: _status(JobFolder(self._root / _checked(job_id))) for job_id in job_ids}

    def logs(self, work: Work, lines: int = 50) -> Logs:
        return Logs(tails([work.folder / f"{work.name}.{end}" for end in ("log", "out", "err")], lines))

    # ---- changes -------------------------------------------------------------------------------------------------------
    def hold(self, job_id: str, reason: str) -> None:
        folder = self._job(job_id)
        if folder.read("end"):
            return
        folder.write("hold", {"reason": reason})
        _signal(folder.process, signal.SIGSTOP)

    def release(self, job_id: str) -> None:
        folder = self._job(job_id)
        folder.drop("hold")
        _signal(folder.process, signal.SIGCONT)
        if folder.started:
            self.start(job_id)  # one that lost its supervisor before it ran

    def remove(self, job_id: str, reason: str) -> None:
        folder = JobFolder(self._root / _checked(job_id))
        if not folder.exists or folder.read("end"):
            return
        folder.write("remove", {"reason": reason})
        lock = folder.lock(LOCK_PATIENCE)
        if lock is not None:  # nobody looks after it: staged, or its supervisor and it are gone
            try:
                folder.write("end", folder.read("end") or {"removed": reason})
            finally:
                os.close(lock)
            return
        _end_orphan(folder, reason)

    def set_priority(self, job_id: str, priority: int) -> None:
        self._job(job_id).write("priority", {"priority": priority})

    def _job(self, job_id: str) -> JobFolder:
        """Raises `InputError` where there is none."""
        folder = JobFolder(self._root / _checked(job_id))
        if not folder.exists:
            raise InputError("local job id", job_id, f"a job in {self._root}")
        return folder


def _checked(job_id: str) -> str:
    if not _ID.fullmatch(job_id):
        raise InputError("local job id", job_id, "20 hexadecimal digits")
    return job_id


def _document(job: Job, key: str) -> dict[str, object]:
    resources = job.resources
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    return {
        "key": key,
        "name": job.name,
        "folder": str(job.folder),
        "argv": [str(job.executable), *job.arguments],
        "environment": environment | dict(resources.environment),
        "cpus": resources.cpus,
        "priority": resources.priority,
        "submitted": time.time(),
    }


def _status(folder: JobFolder) -> JobStatus:
    job = folder.read("job")
    if job is None:
        return JobStatus(JobState.UNKNOWN, reason="no state folder")
    key = job["key"]
    end = folder.read("end")
    if end is not None:
        return _ended(key, end)
    if not folder.started:
        return JobStatus(JobState.STAGED, key)
    process, hold = folder.process, folder.read("hold")
    if process is not None:
        return _launched(folder, key, process, hold)
    if hold is not None:
        return JobStatus(JobState.HELD, key, reason=hold["reason"])
    if folder.locked:
        return JobStatus(JobState.IDLE, key)
    return JobStatus(JobState.HELD, key, reason="its supervisor was lost before the job began: release it to start it")


def _launched(folder: JobFolder, key: str, process: Process, hold: Mapping[str, str] | None) -> JobStatus:
    host = os.uname().nodename
    if process.alive():
        if hold is not None:
            return JobStatus(JobState.HELD, key, reason=hold["reason"], host=host)
        return JobStatus(JobState.RUNNING, key, host=host)
    if folder.supervised:  # it has just ended: the supervisor is about to say how
        return JobStatus(JobState.RUNNING, key, host=host)
    end = folder.read("end")
    if end is not None:
        return _ended(key, end)
    lost = "its supervisor was killed" if process.same_boot else "the machine was restarted"
    return JobStatus(JobState.UNKNOWN, key, reason=f"{lost} while it ran; nobody saw how it ended", host=host)


def _ended(key: str, end: Mapping[str, object]) -> JobStatus:
    if "removed" in end:
        return JobStatus(JobState.REMOVED, key, reason=str(end["removed"]))
    code, number = end.get("exit_code"), end.get("signal")
    return JobStatus(
        JobState.COMPLETED,
        key,
        exit_code=code if isinstance(code, int) else None,
        signal=number if isinstance(number, int) else None,
    )


def _signal(process: Process | None, number: signal.Signals) -> None:
    if process is not None and process.alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _end_orphan(folder: JobFolder, reason: str) -> None:
    """A supervisor carries the removal out by itself; a job whose supervisor was killed is ended from here."""
    process = folder.process
    if process is None or folder.supervised:
        return
    asked: float | None = None
    while process.alive():
        asked = terminate(process.pid, asked)
        time.sleep(POLL_SECONDS)
    folder.write("end", {"removed": reason})


__all__ = ["Local"]

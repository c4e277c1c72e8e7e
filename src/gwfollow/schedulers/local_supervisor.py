"""The process that runs one job of the local scheduler: ``python -m gwfollow.schedulers.local_supervisor FOLDER LOCK SLOTS``.

It inherits the job's lock from the caller of `start` (so that no moment passes in which nobody has it), leaves the caller's session,
waits for free processor slots, runs the job as a process group, and writes how it ended.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from gwfollow.schedulers.local_state import JobFolder, Process

POLL_SECONDS = 0.2
#: between SIGTERM and SIGKILL of a job that is removed
GRACE_SECONDS = 10.0
#: what is left after SIGKILL for so long cannot be ended: a zombie that nobody collects, a file system that hangs
GONE_SECONDS = 5.0


def main() -> None:
    folder, lock, slots = JobFolder(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    if os.fork():
        os._exit(0)  # the caller waits for this one only: the supervisor belongs to nobody
    os.setsid()
    # SIGCHLD is awaited, not handled
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    supervise(folder, lock, slots)


def supervise(folder: JobFolder, lock: int, slots: int) -> None:
    job = folder.read("job")
    assert job is not None
    folder.write("supervisor", asdict(Process.of(os.getpid())))
    with ExitStack() as held:
        waiting = folder.path.parent / "waiting" / folder.path.name
        held.callback(waiting.unlink, missing_ok=True)
        while folder.read("hold") or not _take_slots(folder, waiting, job, slots, held):
            if _removed_before_start(folder):
                return
            time.sleep(POLL_SECONDS)
        waiting.unlink(missing_ok=True)
        if not _removed_before_start(folder):
            _run(folder, job)
    os.close(lock)


def _removed_before_start(folder: JobFolder) -> bool:
    removal = folder.read("remove")
    if removal is None:
        return False
    folder.write("end", {"removed": removal["reason"]})
    return True


# ---- slots -------------------------------------------------------------------------------------------------------------------
def _take_slots(folder: JobFolder, waiting: Path, job: dict[str, Any], slots: int, held: ExitStack) -> bool:
    """Take as many slots as the job has processors, all or none; whoever has a higher priority, or came first, goes first."""
    wanted = min(int(job["cpus"]), slots)
    priority = (folder.read("priority") or job)["priority"]
    root = folder.path.parent / "slots"
    root.mkdir(exist_ok=True)
    waiting.parent.mkdir(exist_ok=True)
    with (root / "mutex").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        turn = f"{10**9 - priority:012d} {job['submitted']:020.6f}"
        if not waiting.exists() or waiting.read_text() != turn:
            waiting.write_text(turn)
        if any(_is_ahead(other, turn, root.parent) for other in waiting.parent.iterdir() if other != waiting):
            return False
        with ExitStack() as taken:
            for number in range(slots):
                if _take(root / f"slot-{number}", taken):
                    wanted -= 1
                if not wanted:
                    held.push(taken.pop_all())
                    return True
    return False


def _is_ahead(other: Path, turn: str, root: Path) -> bool:
    """Whether another job waits for slots and comes before `turn`; the mark of a supervisor that was killed does not count."""
    with suppress(FileNotFoundError):
        return other.read_text() < turn and JobFolder(root / other.name).locked
    return False


def _take(slot: Path, taken: ExitStack) -> bool:
    descriptor = os.open(slot, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    # the job keeps the slot even if its supervisor is killed
    os.set_inheritable(descriptor, True)
    taken.callback(os.close, descriptor)
    return True


# ---- the job -----------------------------------------------------------------------------------------------------------------
def _run(folder: JobFolder, job: dict[str, Any]) -> None:
    with _pipe() as (reading, writing):
        pid = os.fork()
        if not pid:
            _become(folder, job, writing)
        os.close(writing)
        trouble = os.read(reading, 4096).decode()  # ends when the job's program has taken over
    if trouble:
        os.waitpid(pid, 0)
        folder.write("hold", {"reason": trouble})
        folder.drop("running")
        folder.tell(f"held: {trouble}")
        return
    folder.tell(f"runs as process {pid}")
    end = _wait(folder, pid)
    folder.write("end", end)
    folder.tell(f"ended: {end}")


@contextmanager
def _pipe() -> Any:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)


def _become(folder: JobFolder, job: dict[str, Any], trouble: int) -> NoReturn:
    """In the child: record who this is, then become the job's program."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        folder.write("running", asdict(Process.of(os.getpid())))
        os.chdir(job["folder"])
        for descriptor, end in ((1, "out"), (2, "err")):
            file = os.open(f"{job['name']}.{end}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, descriptor)
            os.close(file)
        os.execve(job["argv"][0], job["argv"], job["environment"])
    except OSError as error:
        os.write(trouble, f"cannot run {job['argv'][0]}: {error.strerror} ({error.filename or job['folder']})".encode())
    finally:
        os._exit(127)


def _wait(folder: JobFolder, pid: int) -> dict[str, Any]:
    """Until the job has ended; carries out a removal that is asked for meanwhile."""
    asked: float | None = None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        removal = folder.read("remove")
        if ended:
            if removal is not None:
                _end(pid)
                return {"removed": removal["reason"]}
            code = os.waitstatus_to_exitcode(status)
            return {"signal": -code} if code < 0 else {"exit_code": code}
        if removal is not None:
            asked = terminate(pid, asked)
        signal.sigtimedwait({signal.SIGCHLD}, POLL_SECONDS)


def _end(group: int) -> None:
    """What the job has started; returns when it is gone: SIGKILL takes effect only when the kernel next runs the process."""
    end = time.monotonic() + GONE_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.01)


def terminate(group: int, asked: float | None) -> float:
    """SIGTERM at first, SIGKILL once the grace is over; returns when it was first asked (monotonic s)."""
    with suppress(ProcessLookupError):
        if asked is None:
            os.killpg(group, signal.SIGTERM)
            os.killpg(group, signal.SIGCONT)  # a stopped process takes no other signal
            return time.monotonic()
        if time.monotonic() - asked > GRACE_SECONDS:
            os.killpg(group, signal.SIGKILL)
    return asked if asked is not None else time.monotonic()


if __name__ == "__main__":
    main()

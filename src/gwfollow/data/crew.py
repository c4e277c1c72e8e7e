"""Processes that work on jobs side by side, one of which may die: by a damaged file that the reading library does not survive, or for want
of memory.  Who waits learns which job it was and what that did last, and a new process takes its place.

`concurrent.futures` gives up the whole pool at the first death, and does not say whose it was.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Protocol

_KILL_ME_WITH_MY_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h
Report = Callable[[Any], None]


class Job(Protocol):
    def run(self, report: Report) -> None:
        """In a process of the crew; `report` sends what is found on the way to whoever waits.  May raise."""


@dataclass(frozen=True)
class Event:
    """`reported` on the way; then a job ends as `done`, `failed` (it raised) or `died` (its process ended).

    `content`: what was reported, the exception, or the sentence of how it died.
    """

    kind: str
    job: Job
    content: Any = None


class Crew:
    """At most `size` processes, forked when there is work: what has been imported and made before is theirs without cost."""

    def __init__(self, size: int) -> None:
        self._size, self._waiting = size, deque[Job]()
        self._members: list[_Member] = []

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return len(self._waiting) + sum(member.job is not None for member in self._members)

    @property
    def jobs(self) -> list[Job]:
        return [*(member.job for member in self._members if member.job is not None), *self._waiting]

    def give(self, job: Job, *, first: bool = False) -> None:
        (self._waiting.appendleft if first else self._waiting.append)(job)

    def events(self, timeout: float) -> Iterator[Event]:
        """What happened; waits for it at most `timeout` seconds."""
        self._hand_out()
        busy = {member.pipe: member for member in self._members if member.job is not None}
        for pipe in wait(list(busy), timeout) if busy else ():
            member = busy[pipe]  # type: ignore[index]  # only connections are waited for
            job = member.job
            assert job is not None
            try:
                kind, content = member.pipe.recv()
            except (EOFError, OSError):
                yield Event("died", job, self._bury(member))
                continue
            if kind != "reported":
                member.job = None
            yield Event(kind, job, content)
        self._hand_out()

    def kill(self, job: Job) -> None:
        """End the process of a job that will not come to an end; the next look tells that it died."""
        for member in self._members:
            if member.job is job:
                member.process.kill()

    def close(self) -> None:
        """Ends every process at once; what they worked on is lost."""
        for member in list(self._members):
            member.process.kill()
            self._bury(member)
        self._waiting.clear()

    def _hand_out(self) -> None:
        while self._waiting:
            free = next((member for member in self._members if member.job is None), None)
            if free is None:
                if len(self._members) >= self._size:
                    return
                free = _Member.born()
                self._members.append(free)
            job = self._waiting.popleft()
            try:
                free.pipe.send(job)
            except OSError:  # it died while nobody looked: the job has not begun
                self._waiting.appendleft(job)
                self._bury(free)
                continue
            free.job = job

    def _bury(self, member: _Member) -> str:
        member.pipe.close()
        member.process.join()
        self._members.remove(member)
        code = member.process.exitcode or 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


@dataclass
class _Member:
    process: ForkProcess
    pipe: Connection
    job: Job | None = None

    @classmethod
    def born(cls) -> _Member:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=_live, args=(theirs, ours), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)


def _live(pipe: Connection, parents: Connection) -> None:
    ctypes.CDLL(None).prctl(_KILL_ME_WITH_MY_PARENT, signal.SIGKILL)  # nobody writes into the folder after its scan was killed
    parents.close()
    faulthandler.disable()  # how it died is told in one sentence
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the parent hears it and decides
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            job.run(lambda content: pipe.send(("reported", content)))
        except Exception as error:  # whatever it is, the job's end is told
            pipe.send(("failed", _portable(error)))
        else:
            pipe.send(("done", None))


def _portable(error: Exception) -> Exception:
    """Exceptions of libraries often cannot be pickled, or not be made again."""
    import pickle

    try:
        copy: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return copy


__all__ = ["Crew", "Event", "Job", "Report"]

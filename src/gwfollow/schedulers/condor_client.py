"""Asks the process that talks to HTCondor (`condor_worker`), and bounds the time that it may take."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

from gwfollow.errors import SchedulerSilent, SubmitRefused


class CondorClient:
    """One worker process, started at the first question and again after it was killed.  Safe to share between threads and forks.

    Parameters
    ----------
    schedd, collector : as in the settings; empty means this machine's
    timeout : seconds that one question may take
    """

    def __init__(self, schedd: str, collector: str, timeout: float) -> None:
        self._where = (schedd, collector)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._belongs: tuple[int, str | None] = (0, None)
        self._end: weakref.finalize[..., CondorClient] | None = None

    def ask(self, op: str, **arguments: Any) -> Any:
        """The worker's answer.  Raises `SchedulerSilent` without one in time, `SubmitRefused` where HTCondor says no."""
        line = json.dumps({"op": op, **arguments}).encode() + b"\n"
        if self._belongs[0] not in (0, os.getpid()):
            self._lock = threading.Lock()  # a thread that was not forked with us may have held the old one
        if not self._lock.acquire(timeout=self._timeout):
            raise SchedulerSilent(f"HTCondor{self._named()}: earlier questions have waited {self._timeout:.0f} s for an answer")
        try:
            answer = json.loads(self._exchange(line, time.monotonic() + self._timeout))
        finally:
            self._lock.release()
        if "refused" in answer:
            raise SubmitRefused(f"HTCondor{self._named()} refuses: {answer['refused']}")
        if "silent" in answer:
            raise SchedulerSilent(f"HTCondor{self._named()} does not answer: {answer['silent']}")
        return answer["ok"]

    def close(self) -> None:
        """End the worker process."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def _named(self) -> str:
        schedd, collector = self._where
        return (f" schedd {schedd!r}" if schedd else "") + (f" of collector {collector!r}" if collector else "")

    def _exchange(self, line: bytes, deadline: float) -> bytes:
        try:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line)
            process.stdin.flush()
            return self._read_line(process.stdout.fileno(), deadline)
        except (OSError, EOFError) as error:
            code = self._process.poll() if self._process else None
            self.close()
            raise SchedulerSilent(f"HTCondor{self._named()}: the process that asks it ended ({code}): {error}") from error

    def _read_line(self, stream: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while not (parts and parts[-1].endswith(b"\n")):
            if not select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.close()
                raise SchedulerSilent(f"HTCondor{self._named()} did not answer within {self._timeout:.0f} s")
            part = os.read(stream, 1 << 20)
            if not part:
                raise EOFError("no answer")
            parts.append(part)
        return b"".join(parts)

    def _running(self) -> subprocess.Popen[bytes]:
        """The worker of this process and of its present CONDOR_CONFIG; a fork must not share its parent's."""
        belongs = (os.getpid(), os.environ.get("CONDOR_CONFIG"))
        if self._process is not None and self._belongs == belongs and self._process.poll() is None:
            return self._process
        if self._belongs[0] == belongs[0]:
            self.close()
        elif self._end is not None:
            self._end.detach()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gwfollow.schedulers.condor_worker", *self._where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        self._belongs = belongs
        self._end = weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass
    process.wait()


__all__ = ["CondorClient"]

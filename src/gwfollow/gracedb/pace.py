"""A pace that all processes of a site keep together: so many requests a second, with a file in which they take turns."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path

from gwfollow.errors import RemoteSilent

log = logging.getLogger(__name__)

#: seconds that somebody waits for their turn at most
PATIENCE = 60.0


class Pace:
    """
    Each call of `wait` takes the next free place on a line of places 1/`rate` apart (a token bucket written as one number, the
    generic cell rate algorithm); `burst` places may be taken at once after a quiet time.

    Parameters
    ----------
    rate : requests a second in the long run
    burst : requests at once
    file : holds the time (Unix, s) of the next free place, for all processes that name it; None for this process alone
    """

    def __init__(self, rate: float, burst: int = 1, file: Path | None = None) -> None:
        self.rate, self.burst, self.file = rate, burst, file
        self._next = 0.0

    def wait(self) -> None:
        """Returns when it is our turn.  Raises `RemoteSilent` where too many are before us."""
        pause = self._take()
        if pause > 0:
            time.sleep(pause)

    def _take(self) -> float:
        """Take a place; the seconds until it comes."""
        if self.file is not None:
            try:
                self.file.parent.mkdir(exist_ok=True)  # a site that has no home folder yet has nobody to share with
                handle = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                level = logging.DEBUG if isinstance(error, FileNotFoundError) else logging.WARNING
                log.log(level, "%s: %s; the pace is kept by this process alone", self.file, error.strerror)
                self.file = None
            else:
                try:
                    return self._take_in(handle)
                finally:
                    os.close(handle)
        self._next, pause = self._place(self._next)
        return pause

    def _take_in(self, handle: int) -> float:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            taken = float(os.pread(handle, 40, 0) or b"0")
        except ValueError:
            taken = 0.0
        following, pause = self._place(taken)
        os.pwrite(handle, f"{following:<39.6f}\n".encode(), 0)
        return pause

    def _place(self, taken: float) -> tuple[float, float]:
        """The place after ours, and the seconds until ours comes."""
        now = time.time()
        # a clock that was set back must not stop us for hours
        line = max(taken if taken < now + 2 * PATIENCE else 0.0, now)
        pause = max(line - now - (self.burst - 1) / self.rate, 0.0)
        if pause > PATIENCE:
            raise RemoteSilent(f"GraceDB takes {self.rate:g} requests a second, and {PATIENCE:.0f} s of them wait already", pause)
        return line + 1 / self.rate, pause


__all__ = ["Pace"]

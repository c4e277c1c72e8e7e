"""The state folder of the local scheduler: one folder for each job, in it small files that are written whole or not at all.

job.json      what to run; written once, before the folder gets its name
started       `start` was called
running.json  process that runs the job; written by that process itself before it becomes the job
hold.json     reason of a hold
remove.json   reason of a removal that was asked for
end.json      how it ended; nothing changes after that
lock          locked (flock) as long as the job's supervisor or the job itself lives
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """A process that cannot be taken for a later one with the same number."""

    pid: int
    started: int  # clock ticks since the machine's start
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Raises `OSError` where there is no such process."""
        return cls(pid, _start_time(pid), BOOT_ID.read_text().strip())

    @property
    def same_boot(self) -> bool:
        return self.boot == BOOT_ID.read_text().strip()

    def alive(self) -> bool:
        try:
            return self.same_boot and _start_time(self.pid) == self.started
        except OSError:
            return False


def _start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat; a zombie counts as gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return int(fields[19])


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> dict[str, Any] | None:
        """The document `name`, or None where there is none."""
        try:
            found: dict[str, Any] = json.loads((self.path / f"{name}.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Whole or not at all, whatever happens to us or to the machine."""
        final = self.path / f"{name}.json"
        draft = final.with_name(f".{name}.{os.getpid()}")
        with draft.open("w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(final)

    def drop(self, name: str) -> None:
        (self.path / f"{name}.json").unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        return (self.path / "job.json").exists()

    @property
    def started(self) -> bool:
        return (self.path / "started").exists()

    def mark_started(self) -> None:
        (self.path / "started").touch()

    @property
    def process(self) -> Process | None:
        """What runs, or ran, the job."""
        found = self.read("running")
        return None if found is None else Process(**found)

    @property
    def supervised(self) -> bool:
        """Whether the supervisor lives that will say how the job ended."""
        found = self.read("supervisor")
        return found is not None and Process(**found).alive()

    def lock(self, patience: float = 0.0) -> int | None:
        """Lock the job and return the descriptor; None where its supervisor, or the job, has the lock.

        `patience` in seconds outlasts those that only look (`locked`).
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= end:
                    os.close(descriptor)
                    return None
                time.sleep(0.02)

    @property
    def locked(self) -> bool:
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def tell(self, text: str) -> None:
        """A line in the job's own log, for people."""
        job = self.read("job") or {}
        with (Path(job["folder"]) / f"{job['name']}.log").open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")


__all__ = ["JobFolder", "Process"]

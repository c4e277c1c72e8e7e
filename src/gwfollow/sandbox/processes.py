"""Services that the sandbox starts: each in a process group of its own, with a log and a pid file that outlive the starter."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Service:
    """One background process and its children.

    The pid file holds pid and start time, so that a later program never signals a stranger that was given the same pid.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.pid_file = folder / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Start it in a session of its own; its output goes to the log."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.log.parent,
            )
        self.pid_file.write_text(f"{self._process.pid} {start_time(self._process.pid)}")

    def alive(self) -> bool:
        """Whether the very process that was started still runs."""
        if self._process is not None:
            return self._process.poll() is None
        recorded = self._recorded()
        return recorded is not None and start_time(recorded[0]) == recorded[1]

    def stop(self, grace: float = 15.0) -> None:
        """SIGTERM to the whole group, SIGKILL to what is left after `grace` seconds; returns when it is gone."""
        group = self._group()
        if group is not None:
            for signum, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signum)
                if self._gone(group, wait):
                    break
        self.pid_file.unlink(missing_ok=True)

    def _group(self) -> int | None:
        """The process group that is ours to signal: its leader is the recorded process, or what is left of it writes to our log."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid  # our child: its number is given to nobody else
        recorded = self._recorded()
        if recorded is None:
            return None
        pid, begun = recorded
        if start_time(pid) == begun or any(_writes_to(member, self.log) for member in group_members(pid)):
            return pid
        return None

    def _recorded(self) -> tuple[int, str] | None:
        try:
            pid, begun = self.pid_file.read_text().split()
            return int(pid), begun
        except (OSError, ValueError):
            return None

    def _gone(self, group: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None:
                self._process.poll()
            if not group_members(group):
                return True
            time.sleep(0.1)
        return False


def start_time(pid: int) -> str:
    """When the process began, in clock ticks since boot; empty when there is none (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def _writes_to(pid: int, log: Path) -> bool:
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/fd/{stream}").readlink() == log.resolve():
                return True
    return False


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a text file; empty where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 64_000))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""

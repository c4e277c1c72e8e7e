"""Run a command, count its seconds, print a table with ratios."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class BenchError(Exception):
    """A command failed, or did not do the work that was to be measured."""


@dataclass(frozen=True)
class Cost:
    """Seconds of processor (user and system, with all child processes) and of the clock; peak memory of the largest process, MB."""

    cpu: float
    wall: float
    memory: float = 0.0
    over: bool = False  # it did not end in the time that it was given


@dataclass(frozen=True)
class Done:
    cost: Cost
    output: str


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout: float = 1800,
    check: bool = True,
    may_be_late: bool = False,
) -> Done:
    """Run to the end and return its cost and output.  Raises `BenchError` where it fails or takes more than `timeout` seconds.

    With `may_be_late` one that takes longer is ended, and its cost says so.
    """
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            # the kernel's account of this child and of all that it has waited for
            _, status, used = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if late.is_set() and not may_be_late:
        raise BenchError(f"{_shown(command)}: not done in {timeout:.0f} s")
    if check and process.returncode and not late.is_set():
        raise BenchError(f"{_shown(command)}: exit code {process.returncode}\n{text[-2000:]}")
    return Done(Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, late.is_set()), text)


def expect(found: int, wanted: int, what: str) -> None:
    """A measurement counts only where the work has been done."""
    if found != wanted:
        raise BenchError(f"{what}: {found}, expected {wanted}")


@dataclass
class Row:
    """One piece of work, done by each contestant one or several times in turn."""

    title: str
    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, contestant: str, cost: Cost) -> None:
        self.costs.setdefault(contestant, []).append(cost)

    def median(self, contestant: str) -> Cost:
        costs = self.costs[contestant]
        cpu, wall = statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs)
        return Cost(cpu, wall, max(c.memory for c in costs), any(c.over for c in costs))


def table(rows: Sequence[Row], ours: str, other: str) -> str:
    """Medians of both, and how many times more the other takes."""
    header = (
        f"{'':<44}{'times':>6}{other + ' CPU':>15}{'wall':>11}{'peak':>9}{ours + ' CPU':>15}{'wall':>9}{'peak':>9}"
        f"{'CPU ratio':>11}{'wall ratio':>12}"
    )
    lines = [header]
    for row in rows:
        a, b = row.median(other), row.median(ours)
        more = ">" if a.over else ""
        lines.append(
            f"{row.title:<44}{len(row.costs[ours]):>6}{f'{more}{a.cpu:.2f} s':>15}{f'{more}{a.wall:.2f} s':>11}{_memory(a):>9}"
            f"{b.cpu:>13.2f} s{b.wall:>7.2f} s{_memory(b):>9}{more + _ratio(a.cpu, b.cpu):>11}{more + _ratio(a.wall, b.wall):>12}"
        )
    return "\n".join(lines)


def _memory(cost: Cost) -> str:
    return f"{cost.memory:.0f} MB" if cost.memory else "-"


def _ratio(other: float, ours: float) -> str:
    return f"{other / ours:.1f}" if ours > 0 else "-"


def _shown(command: Sequence[str | Path]) -> str:
    text = " ".join(str(word) for word in command)
    return text if len(text) < 200 else text[:200] + "..."

"""Run a command, count its seconds, print a table with ratios."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class BenchError(Exception):
    """A command failed, or did not do the work that was to be measured."""


@dataclass(frozen=True)
class Cost:
    """Seconds of processor (user and system, with all child processes) and of the clock."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Done:
    cost: Cost
    output: str


def run(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str], timeout: float = 1800, check: bool = True
) -> Done:
    """Run to the end and return its cost and output.  Raises `BenchError` where it fails or takes more than `timeout` seconds.

    ``RUSAGE_CHILDREN`` counts every child that ended, so nothing else may run meanwhile.
    """
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{_shown(command)}: not done in {timeout:.0f} s") from error
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if check and done.returncode:
        raise BenchError(f"{_shown(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Done(Cost(cpu, wall), done.stdout)


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
        return Cost(statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs))


def table(rows: Sequence[Row], ours: str, other: str) -> str:
    """Medians of both, and how many times more the other takes."""
    header = (
        f"{'':<36}{'times':>6}{other + ' CPU':>15}{'wall':>9}{ours + ' CPU':>15}{'wall':>9}{'CPU ratio':>11}{'wall ratio':>12}"
    )
    lines = [header]
    for row in rows:
        a, b = row.median(other), row.median(ours)
        lines.append(
            f"{row.title:<36}{len(row.costs[ours]):>6}{a.cpu:>13.2f} s{a.wall:>7.2f} s{b.cpu:>13.2f} s{b.wall:>7.2f} s"
            f"{_ratio(a.cpu, b.cpu):>11}{_ratio(a.wall, b.wall):>12}"
        )
    return "\n".join(lines)


def _ratio(other: float, ours: float) -> str:
    return f"{other / ours:.1f}" if ours > 0 else "-"


def _shown(command: Sequence[str | Path]) -> str:
    text = " ".join(str(word) for word in command)
    return text if len(text) < 200 else text[:200] + "..."

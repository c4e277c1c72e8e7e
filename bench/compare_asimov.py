"""gwfollow and asimov 0.8.0 side by side: the same work, in turn, in one run; a table with ratios.  See README.md here."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from asimov_env import VERSION, ensure
from asimov_side import Asimov
from gwfollow_side import GWFollow
from measure import BenchError, Cost, Row, table

ANALYSES = 5  # for each event


def main() -> int:
    options = arguments()
    programs = ensure(options.environment)
    work = Path(tempfile.mkdtemp(prefix="gwfollow-bench-", dir=options.folder))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, work folder {work}", flush=True)
    try:
        rows = compare(programs, work, options.events, options.build_events, options.repeats)
    except BenchError as error:
        print(f"bench: {error}\n(kept: {work})", file=sys.stderr)
        return 1
    print(table(rows, "gwfollow", "asimov"))
    print(f"medians of the times given; asimov {VERSION}, its SQL ledger; stub scheduler for both")
    if not options.keep:
        shutil.rmtree(work)
    return 0


def compare(programs: Path, work: Path, events: int, build_events: int, repeats: int) -> list[Row]:
    """All rows; each is done by one and then by the other before the next repetition."""
    theirs, ours = Asimov(programs, work / "asimov", events, ANALYSES), GWFollow(work / "gwfollow", events, ANALYSES)
    rows: list[Row] = []

    def row(title: str, their: Callable[[int], Cost], our: Callable[[int], Cost], times: int = 1) -> None:
        new = Row(title)
        for turn in range(times):
            new.add("asimov", their(turn))
            new.add("gwfollow", our(turn))
        rows.append(new)
        a, b = new.median("asimov"), new.median("gwfollow")
        print(f"  {title}: asimov {a.cpu:.2f} s CPU, gwfollow {b.cpu:.2f} s", flush=True)

    total = events * ANALYSES
    row("--help", lambda _: theirs.help(), lambda _: ours.help(), repeats)
    row(f"apply {events} events", lambda _: theirs.apply_events(), lambda _: ours.apply_events())
    row(f"apply {total} analyses", lambda _: theirs.apply_analyses(), lambda _: ours.apply_analyses())
    rows.append(both(f"apply {events} events x {ANALYSES}", rows[-2], rows[-1]))
    row(f"status of {total} analyses", lambda _: theirs.status(total), lambda _: ours.status(total), repeats)

    few_theirs = Asimov(programs, work / "asimov-few", build_events, ANALYSES)
    few_ours = GWFollow(work / "gwfollow-few", build_events, ANALYSES)
    few = build_events * ANALYSES
    row(f"apply {build_events} events", lambda _: few_theirs.apply_events(), lambda _: few_ours.apply_events())
    row(f"apply {few} analyses", lambda _: few_theirs.apply_analyses(), lambda _: few_ours.apply_analyses())
    row(f"build {few}", lambda _: few_theirs.build(), lambda _: few_ours.build())
    row(f"submit {few}", lambda _: few_theirs.submit(), lambda _: few_ours.submit())

    row(f"build {total}", lambda _: theirs.build(), lambda _: ours.build())
    row(f"submit {total}", lambda _: theirs.submit(), lambda _: ours.submit())
    row(f"monitoring pass, {total} running", lambda _: theirs.monitor(), lambda _: ours.monitor(), repeats)
    row(
        f"one more analysis on {total}",
        lambda turn: theirs.one_more(f"more{turn}"),
        lambda turn: ours.one_more(f"more{turn}"),
        repeats,
    )
    return rows


def both(title: str, first: Row, second: Row) -> Row:
    """The work of two rows as one."""
    summed = Row(title)
    for contestant in first.costs:
        a, b = first.median(contestant), second.median(contestant)
        summed.add(contestant, Cost(a.cpu + b.cpu, a.wall + b.wall))
    return summed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help=f"events with {ANALYSES} analyses each (default 1000)")
    parser.add_argument("--build-events", type=int, default=100, help="the same for build and submit alone (default 100)")
    parser.add_argument("--repeats", type=int, default=5, help="how often the short ones are repeated (default 5)")
    cache = Path.home() / ".cache" / "gwfollow-bench"
    parser.add_argument(
        "--environment", type=Path, default=cache / "asimov", help="where asimov is installed (default %(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="where the work folder is made (default: the system's)")
    parser.add_argument("--keep", action="store_true", help="keep the work folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

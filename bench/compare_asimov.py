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
from asimov_side import LIMIT, Asimov
from gwfollow_side import GWFollow
from measure import BenchError, Cost, Row, table

ANALYSES = 5  # for each event


def main() -> int:
    options = arguments()
    programs = ensure()
    work = Path(tempfile.mkdtemp(prefix="gwfollow-bench-", dir=options.folder))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, work folder {work}", flush=True)
    try:
        for events in options.events:
            rows, marginal = compare(programs, work / str(events), events, options.repeats)
            print(f"\n{events} events x {ANALYSES} analyses\n{table(rows, 'gwfollow', 'asimov')}")
            print(f"one finished analysis among {events * ANALYSES}: {marginal:.1f} ms of processor in gwfollow\n", flush=True)
    except BenchError as error:
        print(f"bench: {error}\n(kept: {work})", file=sys.stderr)
        return 1
    print(
        f"medians of the times given; asimov {VERSION}, its SQL ledger; stub scheduler for both; peak: of the largest process\n"
        f"'>': asimov was ended after {LIMIT:.0f} s, before it was done"
    )
    if not options.keep:
        shutil.rmtree(work)
    return 0


def compare(programs: Path, work: Path, events: int, repeats: int) -> tuple[list[Row], float]:
    """All rows, each done by one and then by the other before the next repetition; and ms of processor for one finished analysis."""
    theirs, ours = Asimov(programs, work / "asimov", events, ANALYSES), GWFollow(work / "gwfollow", events, ANALYSES)
    rows: list[Row] = []

    def row(title: str, their: Callable[[int], Cost], our: Callable[[int], Cost], times: int = 1) -> None:
        new = Row(title)
        for turn in range(times):
            new.add("asimov", their(turn))
            new.add("gwfollow", our(turn))
        rows.append(new)
        a, b = new.median("asimov"), new.median("gwfollow")
        late = "over " if a.over else ""
        print(f"  {title}: asimov {late}{a.cpu:.2f} s CPU, gwfollow {b.cpu:.2f} s", flush=True)

    total = events * ANALYSES
    row("--help", lambda _: theirs.help(), lambda _: ours.help(), repeats)
    row(f"apply {events} events", lambda _: theirs.apply_events(), lambda _: ours.apply_events())
    row(f"apply {total} analyses", lambda _: theirs.apply_analyses(), lambda _: ours.apply_analyses())
    rows.append(both(f"apply {events} events x {ANALYSES}", rows[-2], rows[-1]))
    row(f"status of {total} analyses", lambda _: theirs.status(total), lambda _: ours.status(total), repeats)
    row(f"build {total}", lambda _: theirs.build(), lambda _: ours.build())
    row(f"submit {total}", lambda _: theirs.submit(), lambda _: ours.submit())
    row(f"monitor, {total} running", lambda _: theirs.monitor(total), lambda _: ours.monitor(total), repeats)

    def finish(title: str, wanted: int) -> None:
        new = (theirs.finish(wanted), ours.finish(wanted))
        row(title, lambda _: theirs.monitor(total - wanted, new[0]), lambda _: ours.monitor(total - wanted, new[1]))

    finish(f"monitor, 1 of {total} just finished", 1)
    finish(f"monitor, 10% of {total} just finished", total // 10)
    marginal = ours.marginal  # of many: the first one pays for imports
    finish(f"monitor, all of {total} finished", total)
    row(f"monitor, {total} done long ago", lambda _: theirs.monitor(0), lambda _: ours.monitor(0), repeats)
    row(
        f"one more analysis on {total}",
        lambda turn: theirs.one_more(f"more{turn}"),
        lambda turn: ours.one_more(f"more{turn}"),
        repeats,
    )
    return rows, marginal


def both(title: str, first: Row, second: Row) -> Row:
    """The work of two rows as one."""
    summed = Row(title)
    for contestant in first.costs:
        a, b = first.median(contestant), second.median(contestant)
        summed.add(contestant, Cost(a.cpu + b.cpu, a.wall + b.wall, max(a.memory, b.memory)))
    return summed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--events",
        type=int,
        nargs="+",
        default=[20, 100, 1000],
        help=f"events with {ANALYSES} analyses each (default 20 100 1000)",
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often the short ones are repeated (default 3)")
    parser.add_argument("--folder", type=Path, help="where the work folder is made (default: the system's)")
    parser.add_argument("--keep", action="store_true", help="keep the work folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

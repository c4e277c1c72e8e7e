"""An omega scan of many channels: gwdetchar-omega 2.4 and gwfollow's engine on the same frames, channels and settings.

Sizes: 12 channels that are all significant; 100 with 10% significant; 861 with 10%, of which gwdetchar scans 300: its figures are
multiplied by 861/300; and 300 for gwfollow alone, for its goal of 60 s of wall time.  All channels have 4096 Hz, the scan transforms
64 s.  Both correlate with the same primary channel and say themselves what is significant; the bench stops where the two find other
channels, or energies that differ by more than 5%.

*memory* is the sum over all processes of a scan at one time (proportional set size), where `largest` is that of its largest one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import BenchError, Cost, Done, expect, run
from scan_frames import GPS, IFO, channel, disturbed, frame_type

RATE = 4096
PROGRAMS = Path(sys.executable).parent
HERE = Path(__file__).parent
#: of two peaks' energies
SAME = 0.05


@dataclass(frozen=True)
class Size:
    channels: int
    significant: int
    theirs: int  # channels that gwdetchar scans; the rest is extrapolated; 0: none

    @property
    def title(self) -> str:
        return f"{self.channels} channels, {self.significant} significant"


SIZES = (Size(12, 12, 12), Size(100, 10, 100), Size(861, 86, 300), Size(300, 30, 0))


@dataclass(frozen=True)
class Found:
    """Channel -> energy of its peak where that is significant, and what finding it cost."""

    energies: dict[str, float]
    cost: Cost
    total: float  # MB, all processes together


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 1, 2, 3], help="which of the four (0 1 2 3)")
    parser.add_argument("--ours", action="store_true", help="gwfollow's engine alone")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    given = parser.parse_args()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    heads = (
        ("gwdetchar CPU", 15),
        ("wall", 10),
        ("memory", 10),
        ("gwfollow CPU", 15),
        ("wall", 9),
        ("memory", 10),
        ("largest", 10),
    )
    ratios = (("CPU ratio", 11), ("wall ratio", 12))
    print(f"{'':<34}" + "".join(f"{text:>{width}}" for text, width in (*heads, *ratios)), flush=True)
    try:
        for number in given.sizes:
            size = SIZES[number]
            with tempfile.TemporaryDirectory(prefix="gws-", dir="/tmp") as folder:
                ours, theirs = compare(size, Path(folder), given.ours)
            if theirs is not None:
                theirs = extrapolated(size, theirs)
            print(row(size, ours, theirs), flush=True)
            figures[size.title] = {"gwfollow": plain(ours)} | ({"gwdetchar": plain(theirs)} if theirs else {})
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if given.json:
            given.json.write_text(json.dumps(figures, indent=1))
    return 0


def compare(size: Size, folder: Path, ours_alone: bool) -> tuple[Found, Found | None]:
    frames = folder / "frames"
    command = [
        sys.executable,
        HERE / "scan_frames.py",
        frames,
        "--channels",
        size.channels,
        "--disturbed",
        size.significant,
        "--rate",
        RATE,
    ]
    print(f"# making frames of {size.channels} channels", file=sys.stderr, flush=True)
    subprocess.run([str(word) for word in command], check=True)
    first = ours(size.channels, folder)
    missed = {channel(n) for n in disturbed(size.channels, size.significant)} - first.energies.keys()
    expect(len(missed), 0, f"disturbed channels that gwfollow does not find ({', '.join(sorted(missed))})")
    if (more := len(first.energies) - size.significant) > size.channels / 100:  # the false-alarm rate is an estimate, gwpy's
        raise BenchError(f"{more} channels are significant that nobody has disturbed")
    if ours_alone or not size.theirs:
        return first, None
    print(f"# gwdetchar-omega on {size.theirs} of them", file=sys.stderr, flush=True)
    second = theirs(size.theirs, folder)
    same(first, second, size.theirs)
    return first, second


def same(ours: Found, theirs: Found, channels: int) -> None:
    wanted = {channel(n) for n in range(channels)}
    mine = {name: energy for name, energy in ours.energies.items() if name in wanted}
    if mine.keys() != theirs.energies.keys():
        raise BenchError(f"significant for one alone: {sorted(mine.keys() ^ theirs.energies.keys())}")
    for name, energy in mine.items():
        if abs(energy / theirs.energies[name] - 1) > SAME:
            raise BenchError(f"{name}: energy {energy:.1f}, gwdetchar {theirs.energies[name]:.1f}")


def ours(channels: int, folder: Path) -> Found:
    from gwfollow.scans.model import CONFIG, RESULT, ScanResult

    place = folder / "ours"
    place.mkdir()
    (place / CONFIG).write_text(configuration(channels, folder).model_dump_json(indent=1))
    done, total = weighed(lambda: run([sys.executable, "-m", "gwfollow.scans.worker", "."], folder=place, environment=os.environ))
    result = ScanResult.model_validate_json((place / RESULT).read_text())
    if result.state != "complete":
        raise BenchError(f"gwfollow's scan is {result.state}: {result.reason}")
    return Found({one.channel: one.peak.energy for one in result.channels if one.significant and one.peak}, done.cost, total)


def theirs(channels: int, folder: Path) -> Found:
    from gwfollow.data.names import parse
    from gwfollow.scans import gwdetchar_files

    place = folder / "theirs"
    place.mkdir()
    config = configuration(channels, folder)
    caches = {}
    for look_up in config.look_ups:
        caches[look_up.frame_type] = place / f"{look_up.frame_type}.lcf"
        files = [file for path in (folder / "frames").glob(f"*-{look_up.frame_type}-*.gwf") if (file := parse(path)) is not None]
        caches[look_up.frame_type].write_text(gwdetchar_files.lal_cache(files))
    rates = {channel(n): float(RATE) for n in range(channels)}
    text = gwdetchar_files.ini(config, gwdetchar_files.sections(config.blocks, rates), caches, float(RATE))
    (place / "scan.ini").write_text(text)
    command = [PROGRAMS / "gwdetchar-omega", str(GPS), "-i", IFO, "-o", place / "out", "-f", place / "scan.ini", "-j", "2", "-s"]
    done, total = weighed(lambda: run(command, folder=place, environment={**os.environ, "MPLBACKEND": "agg"}, timeout=7200))
    with (place / "out" / "data" / "summary.csv").open() as file:
        found = {line["Channel"]: float(line["Energy"]) for line in csv.DictReader(file)}
    shutil.rmtree(place)
    # the primary channel stands in the table too, once more than as a channel of a block
    return Found(found, done.cost, total)


def configuration(channels: int, folder: Path):  # type: ignore[no-untyped-def]
    from gwfollow.data.lookup import Folder, LookUp
    from gwfollow.scans.model import Block, Primary, ScanConfig

    parts: dict[str, list[str]] = {}
    for number in range(channels):
        parts.setdefault(frame_type(number), []).append(channel(number))
    common = {"duration": 64.0, "fftlength": 8.0, "resample": float(RATE), "frequency_range": (4.0, 1024.0), "snr_threshold": 5.5}
    blocks = [
        Block(key=f"part{n}", name=f"Part {n}", channels=tuple(names), frame_type=kind, **common)
        for n, (kind, names) in enumerate(parts.items())
    ]
    look_ups = [LookUp(ifo=IFO, frame_type=kind, ways=(Folder(path=str(folder / "frames")),), timeout=0) for kind in parts]
    primary = Primary(channel=channel(0), frame_type=frame_type(0), f_low=4.0, resample=float(RATE), duration=64.0, fftlength=8.0)
    return ScanConfig(
        title="bench", gps=GPS, ifo=IFO, channel_set="bench", blocks=tuple(blocks), primary=primary, look_ups=tuple(look_ups),
        ignore_state_flags=True, workers=2,
    )  # fmt: skip


def weighed(work: Callable[[], Done]) -> tuple[Done, float]:
    """And the largest sum of its processes' memory (MB, shared pages divided among those that share them)."""
    largest, over = 0.0, threading.Event()

    def look() -> None:
        nonlocal largest
        while not over.wait(0.2):
            largest = max(largest, _children_memory(os.getpid()))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        done = work()
    finally:
        over.set()
        watch.join()
    return done, largest


def _children_memory(parent: int) -> float:
    import psutil

    total = 0
    for process in psutil.Process(parent).children(recursive=True):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def extrapolated(size: Size, found: Found) -> Found:
    """In proportion: the share of significant channels is the same."""
    if size.theirs == size.channels:
        return found
    wanted = size.channels / size.theirs
    cost = found.cost
    return Found(found.energies, Cost(cost.cpu * wanted, cost.wall * wanted, cost.memory), found.total)


def row(size: Size, ours: Found, theirs: Found | None) -> str:
    mine = f"{ours.cost.cpu:>13.1f} s{ours.cost.wall:>7.1f} s{ours.total:>7.0f} MB{ours.cost.memory:>7.0f} MB"
    if theirs is None:
        return f"{size.title:<34}{'-':>15}{'-':>10}{'-':>10}{mine}"
    about = "~" if size.theirs < size.channels else ""
    return (
        f"{size.title:<34}{f'{about}{theirs.cost.cpu:.1f} s':>15}{f'{about}{theirs.cost.wall:.1f} s':>10}{theirs.total:>7.0f} MB{mine}"
        f"{theirs.cost.cpu / ours.cost.cpu:>11.1f}{theirs.cost.wall / ours.cost.wall:>12.1f}"
    )


def plain(found: Found) -> dict[str, float]:
    return {"cpu_s": found.cost.cpu, "wall_s": found.cost.wall, "memory_mb": found.total, "largest_mb": found.cost.memory}


if __name__ == "__main__":
    begun = time.monotonic()
    code = main()
    print(f"# {time.monotonic() - begun:.0f} s", file=sys.stderr)
    sys.exit(code)

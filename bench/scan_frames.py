"""Frames for the omega scan's bench: many auxiliary channels of one rate, some of them disturbed at the scan's time.

    python bench/scan_frames.py FOLDER --channels 100 --disturbed 10 --rate 4096

In a process of its own: what it imports and holds would count in the bench's memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary

IFO = "H1"
GPS = 1126259462.5
#: seconds of data on both sides; what the longest scan needs with its whitening
HALF = 48
#: channels in one frame type: frames of a detector hold hundreds, and a file of all would have to be made in memory
PART = 150


def channel(number: int) -> str:
    return f"{IFO}:BENCH-{number:04d}_OUT_DQ"


def frame_type(number: int) -> str:
    return f"{IFO}_BENCH{number // PART}"


def disturbed(channels: int, wanted: int) -> set[int]:
    """Evenly over all, so that every part of the scan has its share."""
    return {round(step * channels / wanted) for step in range(wanted)} if wanted else set()


def make(folder: Path, channels: int, wanted: int, rate: int) -> None:
    chosen = disturbed(channels, wanted)
    start, end = int(GPS) - HALF, int(GPS) + HALF
    for begin in range(0, channels, PART):
        part = [
            # between 40 and 400 Hz, of an amplitude that no threshold is near
            Auxiliary(
                channel(n), rate, [Glitch(GPS + 0.01 * (n % 7 - 3), 40.0 + 360 * (n % 10) / 10, 8.0, 12.0)] if n in chosen else []
            )
            for n in range(begin, min(begin + PART, channels))
        ]
        write_auxiliary(folder, IFO, part, start=start, end=end, length=2 * HALF, frame_type=frame_type(begin), seed=begin + 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--channels", type=int, default=100)
    parser.add_argument("--disturbed", type=int, default=10)
    parser.add_argument("--rate", type=int, default=4096, help="Hz")
    given = parser.parse_args()
    make(given.folder, given.channels, given.disturbed, given.rate)

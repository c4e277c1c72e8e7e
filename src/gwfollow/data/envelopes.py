"""Calibration envelopes: which of a folder's files is the event's, and whether a file is one.

An envelope is a text file of seven columns: frequency (Hz), median amplitude, median phase (rad), and amplitude and phase at 16% and 84%.
LIGO's are made at times that stand in their names, and hold from then until the next one.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from gwfollow.errors import InputError, PipelineError

#: how the name of a file or of a folder above it says whose it is
_DETECTORS = {"H1": ("H1", "LHO"), "L1": ("L1", "LLO"), "V1": ("V1", "VIRGO"), "K1": ("K1", "KAGRA")}
_GPS = re.compile(r"(?<!\d)(\d{9,10})(?!\d)")
COLUMNS = 7


def valid_at(folder: Path, ifo: str, gps: float, version: str | None = None) -> tuple[Path, float]:
    """The detector's newest envelope that is not newer than GPS time `gps`, from all of `folder`, and its own GPS time.

    `version` names a folder that must be among those above it, as ``v1`` in LIGO's archive.
    Raises `InputError` where there is none, with what there is.
    """
    if not folder.is_dir():
        raise InputError(f"calibration of {ifo}", str(folder), "a folder that is there")
    times: dict[float, Path] = {}
    for path in sorted(folder.rglob("*.txt")):
        parts = path.relative_to(folder).parts
        if not _is_of(ifo, parts) or (version is not None and version not in parts[:-1]):
            continue
        for found in _GPS.findall(path.name):
            times[float(found)] = path
    earlier = [time for time in times if time <= gps]
    if not earlier:
        have = f"{len(times)} from GPS {min(times):.0f} on" if times else "none"
        kind = f" of version {version}" if version else ""
        raise InputError(
            f"calibration of {ifo} in {folder}", have, f"an envelope{kind} with a GPS time at or before {gps:.0f} in its name"
        )
    return times[max(earlier)], max(earlier)


def check(path: Path, *, low: float | None = None, high: float | None = None) -> int:
    """Open an envelope: seven columns of finite numbers, frequencies that rise; it must hold `low` to `high` (Hz) where given.

    The number of its lines.  Raises `PipelineError`.
    """
    rows: list[list[float]] = []
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            raise PipelineError(f"{path}, line {number}: not numbers") from None
        if len(row) != COLUMNS or not all(map(math.isfinite, row)):
            raise PipelineError(f"{path}, line {number}: {len(row)} columns, expected {COLUMNS} finite numbers")
        if rows and row[0] <= rows[-1][0]:
            raise PipelineError(f"{path}, line {number}: {row[0]:g} Hz after {rows[-1][0]:g} Hz")
        rows.append(row)
    if len(rows) < 2:
        raise PipelineError(f"{path} has {len(rows)} lines of numbers, not an envelope")
    if (low is not None and rows[0][0] > low) or (high is not None and rows[-1][0] < high):
        raise PipelineError(
            f"{path} covers {rows[0][0]:g} to {rows[-1][0]:g} Hz, the analysis needs {low or 0:g} to {high or 0:g} Hz"
        )
    return len(rows)


def _is_of(ifo: str, parts: tuple[str, ...]) -> bool:
    """The file's own name decides where it names a detector, else the nearest folder that does."""
    for part in reversed(parts):
        named = {one for one, words in _DETECTORS.items() if any(word in part.upper() for word in words)}
        if named:
            return ifo in named
    return False

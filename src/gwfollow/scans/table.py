"""``summary.csv`` with the columns, the roundings and the order of gwdetchar-omega 2.4, which is written and read here.

Tools that people have made for the older table read ours too.  It lists the channels that have a figure there: those that are
significant, and those of blocks that are always plotted; one of block after block, in the order of the configuration.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import PermanentError
from gwfollow.scans.drafts import write_whole
from gwfollow.scans.model import ChannelResult, Peak, ScanConfig, ScanResult

PEAK_COLUMNS = ("Channel", "Central Time", "Central Frequency (Hz)", "Q", "Energy", "SNR")
CORRELATION_COLUMNS = ("Correlation", "Standard Deviation", "Delay (ms)")
#: no channel set of ours or theirs comes near it
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Row:
    """One line of the table, rounded as there: times to ms, all else to a tenth."""

    channel: str
    peak: Peak
    correlation: float | None = None
    standard_deviation: float | None = None
    delay_ms: float | None = None


def write_csv(result: ScanResult, path: Path, config: ScanConfig | None = None) -> Path:
    """Write the table; with `config` in its order of blocks and channels, else blocks in the order of their loudest channel.

    Columns of the correlation are there when the scan has correlated.  Raises `NotWritten`.
    """
    return write_whole(path, as_csv(result, config).encode())


def as_csv(result: ScanResult, config: ScanConfig | None = None) -> str:
    correlated = any(one.correlation is not None for one in result.channels)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*PEAK_COLUMNS, *CORRELATION_COLUMNS) if correlated else PEAK_COLUMNS)
    for one in _listed(result.channels, config):
        writer.writerow(_cells(one, correlated))
    return out.getvalue()


def _listed(channels: Iterable[ChannelResult], config: ScanConfig | None) -> Sequence[ChannelResult]:
    listed = [one for one in channels if one.peak is not None and (one.significant or one.plot)]
    blocks: dict[str, int] = {}
    for one in listed:
        blocks.setdefault(one.block, len(blocks))
    places: Mapping[tuple[str, str], tuple[int, int]] = {}
    if config is not None:
        places = {
            (block.key, channel): (number, at)
            for number, block in enumerate(config.blocks)
            for at, channel in enumerate(block.channels)
        }
    behind = len(config.blocks) if config is not None else 0
    return sorted(listed, key=lambda one: places.get((one.block, one.channel), (behind + blocks[one.block], 0)))


def _cells(one: ChannelResult, correlated: bool) -> list[object]:
    peak = one.peak
    assert peak is not None
    cells: list[object] = [
        one.channel,
        round(peak.time, 3),
        *(round(v, 1) for v in (peak.frequency, peak.q, peak.energy, peak.snr)),
    ]
    if correlated:
        cells.append("" if one.correlation is None else round(one.correlation, 1))
        cells.append("" if one.standard_deviation is None else one.standard_deviation)
        cells.append("" if one.delay_ms is None else int(one.delay_ms))  # cut off towards zero, as there
    return cells


def read_csv(path: Path) -> list[Row]:
    """The lines of a table, ours or gwdetchar-omega's own.

    Raises `PermanentError` for one that is not there, has other columns or is cut short.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PermanentError(f"{path} is larger than {MOST_BYTES >> 20} MB: it is no table of channels")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"{path} cannot be read: {error}") from error
    lines = list(csv.reader(io.StringIO(text)))
    columns = tuple(lines[0]) if lines else ()
    if columns not in (PEAK_COLUMNS, PEAK_COLUMNS + CORRELATION_COLUMNS):
        raise PermanentError(f"{path}: the columns are {', '.join(columns) or 'none'}; expected those of gwdetchar-omega 2.4")
    if not text.endswith("\n"):
        raise PermanentError(f"{path} ends in the middle of line {len(lines)}")
    return [_row(path, number, columns, cells) for number, cells in enumerate(lines[1:], 2)]


def _row(path: Path, number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        raise PermanentError(f"{path}, line {number}: {len(cells)} cells, expected {len(columns)}")
    try:
        time, frequency, q, energy, snr, *rest = (_number(cell) for cell in cells[1:])
        if None in (time, frequency, q, energy, snr):
            raise ValueError("a peak without a number")
        peak = Peak.model_validate({"time": time, "frequency": frequency, "q": q, "energy": energy, "snr": snr})
    except ValueError as error:
        raise PermanentError(f"{path}, line {number} ({cells[0]}): {error}") from error
    return Row(cells[0], peak, *rest)


def _number(cell: str) -> float | None:
    """None for an empty cell, and for what is no finite number: the latter says of a correlation as little as nothing does."""
    value = float(cell) if cell.strip() else math.nan
    return value if math.isfinite(value) else None


__all__ = ["CORRELATION_COLUMNS", "PEAK_COLUMNS", "Row", "as_csv", "read_csv", "write_csv"]

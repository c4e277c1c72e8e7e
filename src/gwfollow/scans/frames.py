"""Many channels of a stretch of time from files: each file is opened once for all of them.

What is missing, twice there or damaged is told for each channel; where a damaged file has a spare that covers its time, that is read
instead.  Samples keep the type in which they are recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.frame_files import Damaged, DataFile, open_file
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, missing, told
from gwfollow.scans.model import ChannelState

#: s for what the channels of one job need of one file: a damaged file can keep the reading library busy for ever
READING = 300.0
#: how the message of a channel begins that was scanned between gaps
SHORTENED = "scanned only "


@dataclass(frozen=True)
class Series:
    """A channel's samples without gap, and what a person should know of them."""

    channel: str
    start: float  # GPS s
    rate: float  # Hz
    values: np.ndarray[Any, Any]  # [n], as recorded
    message: str = ""

    @property
    def duration(self) -> float:
        return len(self.values) / self.rate


@dataclass(frozen=True)
class Unread:
    """Why there is nothing to transform."""

    channel: str
    state: ChannelState
    message: str


@dataclass
class _Channel:
    """One channel while its files are read; `filled` counts samples from the beginning of the stretch."""

    name: str
    wanted: Segment
    rate: float = 0.0
    values: np.ndarray[Any, Any] | None = None
    filled: list[Segment] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)  # files without it
    faults: list[str] = field(default_factory=list)
    refused: str = ""  # why no later sample can help

    def put(self, start: float, rate: float, values: np.ndarray[Any, Any], file: str) -> None:
        length = self.wanted[1] - self.wanted[0]
        if self.values is None:
            self.rate, self.values = rate, np.zeros(round(length * rate), dtype=values.dtype)
        if rate != self.rate:
            self.refused = f"the sample rate is {rate:g} Hz in {file} and {self.rate:g} Hz before"
            return
        if values.dtype != self.values.dtype:
            self.values = self.values.astype(np.result_type(values.dtype, self.values.dtype))
        first = round((start - self.wanted[0]) * rate)
        here = (max(first, 0), min(first + len(values), len(self.values)))
        if here[0] >= here[1]:
            return
        for begin, end in missing(here, self.filled):  # what two files hold is taken from the first
            self.values[int(begin) : int(end)] = values[int(begin) - first : int(end) - first]
        self.filled.append((float(here[0]), float(here[1])))

    def gaps(self) -> list[Segment]:
        """GPS s."""
        if self.values is None:
            return [self.wanted]
        zero, rate = self.wanted[0], self.rate
        return [(zero + begin / rate, zero + end / rate) for begin, end in missing((0.0, float(len(self.values))), self.filled)]


def read(
    coverage: Coverage,
    channels: Sequence[str],
    *,
    ifo: str,
    around: Segment,
    shortest: float,
    bad: dict[str, str],
    opening: Callable[[FrameFile], None] = lambda file: None,
) -> dict[str, Series | Unread]:
    """Every channel over ``coverage.wanted``, or as much of it without gap as holds `around` and lasts `shortest` seconds at least.

    Parameters
    ----------
    bad : files that must not be opened, by their URL, and why; those that turn out to be damaged are added
    opening : told each file just before it is opened, for who has to know what ended this process
    """
    reading = {name: _Channel(name, coverage.wanted) for name in dict.fromkeys(channels)}
    known = [*coverage.files, *coverage.spare]
    waiting = [file for file in coverage.files if file.url not in bad] if not bad else _without(known, bad, coverage.wanted)
    done: set[str] = set()
    while waiting:
        file = waiting.pop(0)
        done.add(file.url)
        opening(file)
        try:
            _read_file(open_file(file, ifo), file, reading.values())
        except Damaged as error:
            bad[file.url] = str(error)
            waiting = [each for each in _without(known, bad, coverage.wanted) if each.url not in done]
    said = [f"{_short(known, url)}: {why}" for url, why in bad.items()]
    return {name: _ended(channel, coverage.wanted, around, shortest, said) for name, channel in reading.items()}


def _without(known: Iterable[FrameFile], bad: Mapping[str, str], wanted: Segment) -> list[FrameFile]:
    return list(cover((file for file in known if file.url not in bad), wanted).files)


def _read_file(opened: DataFile, file: FrameFile, channels: Iterable[_Channel]) -> None:
    for channel in channels:
        if channel.refused:
            continue
        if channel.name not in opened.channels:
            channel.absent.append(file.name)
            continue
        try:
            for piece in opened.pieces(channel.name, channel.wanted):
                channel.put(piece.start, piece.rate, piece.values, file.name)
        except Damaged as error:
            channel.faults.append(f"{file.name}: {error}")


def _ended(channel: _Channel, wanted: Segment, around: Segment, shortest: float, bad: Sequence[str]) -> Series | Unread:
    if channel.refused:
        return Unread(channel.name, "failed", channel.refused)
    if channel.values is None and channel.absent and not channel.faults:
        return Unread(channel.name, "absent", f"no frame has it ({_few(channel.absent)})")
    gaps = channel.gaps()
    why = [f"missing {told(gaps)}"] if gaps else []
    why += channel.faults if gaps else []
    why += [f"not in {_few(channel.absent)}"] if gaps and channel.absent else []
    why += bad if gaps else []
    begin, end = _around(gaps, wanted, around)
    if channel.values is None or end - begin < shortest or not (begin <= around[0] and around[1] <= end):
        return Unread(channel.name, "no data", "; ".join(why))
    first = round((begin - wanted[0]) * channel.rate)
    values = channel.values[first : first + math.floor((end - begin) * channel.rate)]
    if gaps:
        why.insert(0, f"{SHORTENED}{end - begin:g} of {wanted[1] - wanted[0]:g} s")
    return _checked(Series(channel.name, begin, channel.rate, values, "; ".join(why)))


def _around(gaps: Sequence[Segment], wanted: Segment, around: Segment) -> Segment:
    """The stretch between gaps, in whole seconds, that holds the middle of `around`; empty where that is a gap itself."""
    middle = sum(around) / 2
    if any(begin <= middle < end for begin, end in gaps):
        return (middle, middle)
    before = max((end for _, end in gaps if end <= middle), default=wanted[0])
    after = min((begin for begin, _ in gaps if begin > middle), default=wanted[1])
    return (float(math.ceil(before)), float(math.floor(after)))


def _checked(series: Series) -> Series | Unread:
    values = series.values
    if values.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            first, last = (series.start + float(bad[at]) / series.rate for at in (0, -1))
            text = f"{len(bad)} samples are not finite, the first at GPS {first:.4f}, the last at {last:.4f}"
            return Unread(series.channel, "not finite", text)
    if not len(values) or values.min() == values.max():
        return Unread(series.channel, "constant", f"every sample is {values[0]:g}" if len(values) else "no samples")
    return series


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _short(known: Iterable[FrameFile], url: str) -> str:
    return next((file.name for file in known if file.url == url), url)


__all__ = ["READING", "SHORTENED", "Series", "Unread", "read"]

"""A file of strain opened: does it hold what its name says, and are its samples numbers?  Needs gwpy, which takes seconds to import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gwfollow.data.blame import Blame
from gwfollow.data.crew import Crew, Report
from gwfollow.data.frame_files import Frames
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, told
from gwfollow.errors import PipelineError

#: s for one file, and between two looks at the clock
READING, TICK = 600.0, 1.0
HDF5 = frozenset({"hdf5", "h5", "hdf"})


@dataclass(frozen=True)
class Opened:
    """What a file was found to hold in the stretch that was wanted."""

    file: str
    channel: str
    start: float  # GPS s
    end: float  # GPS s
    sample_rate: float  # Hz
    samples: int
    bad: int  # samples that are not finite

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_back(path: Path, name: FrameFile, ifo: str, wanted: Segment, channel: str | None = None) -> Opened:
    """Open `path`, whose name says what it should hold, and read what it has of `wanted`, in a process that a damaged file may end.

    Raises `PipelineError` for a file that cannot be opened, a channel that it has not, too few samples, or any that is no number.
    """
    import gwpy.timeseries  # noqa: F401 - here, so that it is done once for all files

    crew, job = Crew(1), _Reading(path, name, ifo, wanted, channel)
    blame = Blame(crew, READING)
    try:
        crew.give(job)
        blame.opening(job, str(path))
        while True:
            for event in crew.events(TICK):
                if isinstance(event.content, Opened):
                    return event.content
                if isinstance(event.content, PipelineError):
                    raise event.content
                raise PipelineError(f"{ifo}: {path}: {blame.ended(event).get(str(path), str(event.content))}")
            blame.end_endless()
    finally:
        crew.close()


@dataclass
class _Reading:
    path: Path
    name: FrameFile
    ifo: str
    wanted: Segment
    channel: str | None

    def run(self, report: Report) -> None:
        report(_read(self.path, self.name, self.ifo, self.wanted, self.channel))


def _read(path: Path, name: FrameFile, ifo: str, wanted: Segment, channel: str | None) -> Opened:
    import numpy
    from gwpy.timeseries import TimeSeries

    # whole seconds hold whole numbers of samples
    start, end = max(math.floor(wanted[0]), name.segment[0]), min(math.ceil(wanted[1]), name.segment[1])
    try:
        if name.extension in HDF5:
            channel, series = channel or "", TimeSeries.read(str(path), format="hdf5.gwosc", start=start, end=end)
        else:
            channel = channel or strain_channel(_channels(path), path, ifo)
            series = TimeSeries.read(str(path), channel, format="gwf", start=start, end=end)
    except PipelineError:
        raise
    except Exception as error:  # every reader has errors of its own; all mean the same here
        raise PipelineError(f"{ifo}: {path} cannot be read: {type(error).__name__}: {error}{_has(path, channel)}") from error
    rate = float(series.sample_rate.value)
    span = (float(series.span[0]), float(series.span[1]))
    if abs(span[0] - start) > 1 / rate or abs(span[1] - end) > 1 / rate or len(series) < round((end - start) * rate):
        raise PipelineError(
            f"{ifo}: {path} holds {len(series)} samples in {told([span])}, its name and the event ask for {told([(start, end)])}"
        )
    bad = ~numpy.isfinite(series.value)
    if bad.any():
        times = series.times.value[bad]
        raise PipelineError(
            f"{ifo}: {path}: {int(bad.sum())} samples are not finite, the first at GPS {times[0]:.4f}, the last at {times[-1]:.4f}: "
            "the detector was off, or the data are marked as bad"
        )
    return Opened(str(path), channel, start, end, rate, len(series), 0)


def strain_channel(channels: Sequence[str], path: Path, ifo: str) -> str:
    """The one channel that can be the strain of the detector.  Raises `PipelineError` where that cannot be said."""
    own = [name for name in channels if name.startswith(f"{ifo}:")]
    likely = [name for name in own if name.endswith("STRAIN")] or own
    if len(likely) != 1:
        raise PipelineError(
            f"{ifo}: {path} holds {', '.join(sorted(channels)) or 'no channels'}; name the strain's in `data.channels.{ifo}`"
        )
    return likely[0]


def _channels(path: Path) -> list[str]:
    """Not gwpy's: a file that is cut off ends the process there.  Raises `Damaged`."""
    return sorted(Frames(path).channels)


def _has(path: Path, channel: str | None) -> str:
    """What a frame holds instead of the channel that was asked for."""
    try:
        names = _channels(path) if channel else []
    except Exception:  # not even a frame
        return ""
    return f"; it holds {', '.join(sorted(names)[:10])}" if names and channel not in names else ""

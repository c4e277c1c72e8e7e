"""Auxiliary channels for demonstrations and tests: coloured noise with slow drifts, and glitches (sine-Gaussians) where one asks for them.

Frames of `length` seconds with all channels in each, named as frames are (LIGO-T050017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: stands in frame types and file names, so that nobody takes them for data of a detector
SOURCE = "SIM"


@dataclass(frozen=True)
class Glitch:
    """A sine-Gaussian: ``amplitude`` in standard deviations of the channel's white noise at its own rate."""

    time: float  # GPS s
    frequency: float  # Hz
    q: float = 8.0
    amplitude: float = 5.0


@dataclass(frozen=True)
class Auxiliary:
    """One channel; `slope` is the exponent of its amplitude spectrum below 60 Hz."""

    name: str  # H1:PEM-EX_SEIS_1
    rate: int = 1024  # Hz, a power of two
    glitches: Sequence[Glitch] = ()
    slope: float = -1.0


def write_auxiliary(
    folder: Path,
    ifo: str,
    channels: Iterable[Auxiliary],
    *,
    start: int,
    end: int,
    length: int = 64,
    frame_type: str = "",
    seed: int = 1,
) -> list[Path]:
    """Frame files of type `frame_type` (``H1_SIM_AUX``) that cover ``[start, end)`` GPS s; needs gwpy."""
    import numpy
    from gwpy.timeseries import TimeSeriesDict

    kind = frame_type or f"{ifo}_{SOURCE}_AUX"
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        each.name: _series(each, start, end, numpy.random.default_rng([seed, number])) for number, each in enumerate(channels)
    }
    paths = []
    for begin in range(start, end, length):
        stop = min(begin + length, end)
        path = folder.absolute() / f"{ifo[0]}-{kind}-{begin}-{stop - begin}.gwf"
        path.unlink(missing_ok=True)
        parts: Mapping[str, Any] = {name: series.crop(begin, stop, copy=True) for name, series in made.items()}
        TimeSeriesDict(parts).write(str(path), format="gwf", backend="lalframe")
        paths.append(path)
    return paths


def _series(channel: Auxiliary, start: int, end: int, random: Any) -> Any:
    """float32, as most auxiliary channels are recorded."""
    import numpy
    from gwpy.timeseries import TimeSeries

    count = (end - start) * channel.rate
    white = random.standard_normal(count)
    spectrum = numpy.fft.rfft(white)
    frequencies = numpy.fft.rfftfreq(count, 1 / channel.rate)
    samples = numpy.fft.irfft(spectrum * numpy.maximum(1.0, (numpy.maximum(frequencies, 0.5) / 60) ** channel.slope), count)
    times = start + numpy.arange(count) / channel.rate
    for glitch in channel.glitches:
        tau = glitch.q / (2**0.5 * numpy.pi * glitch.frequency)
        at = times - glitch.time
        samples += glitch.amplitude * numpy.exp(-((at / tau) ** 2)) * numpy.cos(2 * numpy.pi * glitch.frequency * at)
    return TimeSeries(
        samples.astype(numpy.float32), t0=start, sample_rate=channel.rate, channel=channel.name, name=channel.name, unit="counts"
    )


__all__ = ["SOURCE", "Auxiliary", "Glitch", "write_auxiliary"]

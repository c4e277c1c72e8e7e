"""Every channel against the primary one: a matched filter with the primary's whitened data around the time, as in `gwdetchar.omega`.

    SNR(t) = (x * reversed template)(t) / sqrt(sum template^2)

for whitened x and template: in white noise its standard deviation is 1.  gwdetchar takes the largest |SNR| within 0.1 s of the time,
the delay at which it is, and the standard deviation of the whole series, a measure of how often the channel glitches anyway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from gwfollow.scans.conditioning import Doubles, detrended

Floats = NDArray[np.floating[Any]]

#: s around the time in which the largest correlation is looked for (gwdetchar's default)
WITHIN = 0.1
#: channels that are correlated at once
_CHANNELS = 8


@dataclass(frozen=True)
class Correlation:
    largest: float  # |SNR|
    standard_deviation: float  # of the SNR over all of the channel's data
    delay_ms: float  # of the largest after the time of the scan; gwdetchar cuts its digits off


@dataclass(frozen=True, eq=False)
class Template:
    """The primary channel's whitened data around the time, tapered."""

    samples: Doubles
    rate: float  # Hz
    others: dict[float, Doubles] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, whitened: Floats, rate: float, start: float, gps: float, length: float) -> Template:
        """From the primary's whitened samples (n,) that begin at GPS time `start`: `length` s around `gps`.

        Raises `ValueError` where they are not finite or do not reach that far.
        """
        begin, end = (math.floor((gps + side * length / 2 - start) * rate) for side in (-1, 1))
        if begin < 0 or end > len(whitened) or end - begin < 8:
            raise ValueError(f"the primary channel's data do not reach {length / 2:g} s to either side of {gps:.3f}")
        samples = whitened[begin:end].astype(np.float64)
        if not np.isfinite(samples).all() or not np.ptp(samples) > 0:
            raise ValueError("the primary channel's data are not finite or constant")
        return cls(_tapered(samples), rate)

    def at(self, rate: float) -> Doubles:
        """At a lower sample rate, detrended and of unit norm."""
        if rate not in self.others:
            samples = detrended(np.array(_reduced(self.samples[np.newaxis], self.rate, rate), np.float64))[0]
            self.others[rate] = samples / math.sqrt(float(samples @ samples))
        return self.others[rate]


def against_primary(
    whitened: Floats, rate: float, start: float, gps: float, template: Template, within: float = WITHIN
) -> list[Correlation | None]:
    """For each of the whitened channels (channels, n) that begin at GPS time `start`; None where one is not finite.

    Where the rates differ, the faster one is brought down to the slower one's.  Raises `ValueError` where the data do not reach
    `within` s around `gps`.
    """
    slower = min(rate, template.rate)
    shape = template.at(slower)
    found: list[Correlation | None] = []
    for first in range(0, len(whitened), _CHANNELS):
        some = whitened[first : first + _CHANNELS]
        finite = np.isfinite(some).all(axis=-1)
        own: list[Correlation | None] = [None] * len(some)
        if finite.any():
            series = _snr(_reduced(some[finite], rate, slower), shape)
            for place, correlation in zip(np.flatnonzero(finite), _read(series, slower, start, gps, within), strict=True):
                own[place] = correlation
        found += own
    return found


def _snr(samples: Floats, shape: Doubles) -> Floats:
    """(channels, n) -> (channels, n); the ends of the data go to zero over half of the template."""
    count, taps = samples.shape[-1], len(shape)
    if count < taps:
        raise ValueError(f"{count} samples are fewer than the template's {taps}")
    data = detrended(samples.astype(np.float64)).astype(np.float32)
    window = _hann(taps)
    pad = -(-taps // 2)
    data[:, :pad] *= window[:pad]
    data[:, -pad:] *= window[-pad:]
    size = scipy.fft.next_fast_len(count + taps - 1, real=True)
    product = scipy.fft.rfft(data, size, axis=-1)
    product *= scipy.fft.rfft(shape[::-1].astype(np.float32), size)
    whole = scipy.fft.irfft(product, size, axis=-1, overwrite_x=True)
    return np.asarray(whole[:, (taps - 1) // 2 : (taps - 1) // 2 + count])


def _read(series: Floats, rate: float, start: float, gps: float, within: float) -> list[Correlation | None]:
    begin, end = (math.floor((gps + side * within - start) * rate) for side in (-1, 1))
    if begin < 0 or end > series.shape[-1] or begin >= end:
        raise ValueError(f"the data do not reach {within:g} s to either side of {gps:.3f}")
    near = np.abs(series[:, begin:end])
    at = near.argmax(axis=-1)
    deviations = series.std(axis=-1, dtype=np.float64)
    return [
        Correlation(float(row[k]), float(deviation), (start + (begin + int(k)) / rate - gps) * 1000)
        for row, k, deviation in zip(near, at, deviations, strict=True)
    ]


def _reduced(samples: Floats, rate: float, wanted: float) -> Floats:
    """As gwpy's `TimeSeries.resample`, another filter than that of the conditioning."""
    factor = rate / wanted
    if math.isclose(factor, 1, rel_tol=1e-9):
        return samples
    if not factor.is_integer():
        return np.asarray(scipy.signal.resample(samples, int(samples.shape[-1] / factor), axis=-1, window="hamming"))
    return np.asarray(scipy.signal.decimate(samples, int(factor), ftype="fir", zero_phase=True, axis=-1))


def _tapered(samples: Doubles) -> Doubles:
    """gwpy's `TimeSeries.taper()`: from zero to the second turning point from either end, by half a Hann window, as long as the longer of both."""
    least, most = scipy.signal.argrelmin(samples)[0], scipy.signal.argrelmax(samples)[0]
    if not (least.size and most.size):
        raise ValueError("the primary channel's data have no turning points: nothing to correlate with")
    count = len(samples)
    left = min(int(max(least[0], most[0])), count // 2)
    right = min(count - int(min(least[-1], most[-1])), count // 2)
    longer = max(left, right)
    window = scipy.signal.windows.tukey(2 * longer, 1.0)
    tapered = samples.copy()
    tapered[:left] *= window[:left]
    tapered[count - right :] *= window[2 * longer - right :]
    return tapered


@lru_cache(maxsize=16)
def _hann(count: int) -> NDArray[np.float32]:
    return np.asarray(scipy.signal.get_window("hann", count), np.float32)


__all__ = ["WITHIN", "Correlation", "Template", "against_primary"]

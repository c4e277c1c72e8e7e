"""Sample rates brought down as gwdetchar's `ts_resample` does it, for many channels of one rate at once.  Arrays are (channels, samples)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import NDArray

Samples = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

_FIR_ORDER = 60  # gwdetchar's ts_resample


class ConditioningError(ValueError):
    """These samples cannot be conditioned so; the message says why."""


def output_rate(rate: float, resample: float | None) -> float:
    """The sample rate after `condition`: never above the channel's own."""
    return min(rate, resample) if resample else rate


def output_samples(count: int, rate: float, resample: float | None) -> int:
    """How many of `count` samples are left after `condition`."""
    wanted = output_rate(rate, resample)
    factor = rate / wanted
    if math.isclose(factor, 1, rel_tol=1e-9):
        return count
    return -(-count // int(factor)) if factor.is_integer() else int(count / rate * wanted)


def resampled(samples: Samples, rate: float, resample: float | None) -> Doubles:
    """Down to `resample` Hz; a channel that is slower already stays as it is.

    For whole factors gwdetchar's filter: a Hamming-windowed FIR filter of 60th order, forwards and backwards, then every n-th sample.
    gwdetchar turns it into second-order sections, which takes many times as long and leaves rounding errors of 1e-10 of the largest
    value; this has 1e-15.  Else scipy's Fourier method.
    """
    wanted = output_rate(rate, resample)
    factor = rate / wanted
    doubles = np.ascontiguousarray(samples, np.float64)
    if math.isclose(factor, 1, rel_tol=1e-9):
        return doubles
    if not factor.is_integer():
        count = output_samples(doubles.shape[-1], rate, resample)
        return np.asarray(scipy.signal.resample(doubles, count, axis=-1, window="hamming"))
    return decimated(doubles, int(factor), _both_ways(int(factor)))


@lru_cache(maxsize=16)
def _both_ways(factor: int) -> Doubles:
    """The filter whose one pass is gwdetchar's two, forwards and backwards."""
    taps = scipy.signal.firwin(_FIR_ORDER + 1, 1 / factor, window="hamming")
    return np.convolve(taps, taps)


def decimated(samples: Doubles, factor: int, taps: Doubles) -> Doubles:
    """Every `factor`-th sample of the samples filtered by symmetric `taps`; at the ends they go on as their image in the last point."""
    half = len(taps) // 2
    if samples.shape[-1] <= half:
        raise ConditioningError(f"{samples.shape[-1]} samples are too few to be resampled by a factor of {factor}")
    before = 2 * samples[:, :1] - samples[:, half:0:-1]
    after = 2 * samples[:, -1:] - samples[:, -2 : -half - 2 : -1]
    longer = np.concatenate([before, samples, after], axis=-1)
    return _every(longer, taps, factor, -(-samples.shape[-1] // factor))


def _every(samples: Doubles, taps: Doubles, factor: int, count: int, at_once: int = 64) -> Doubles:
    """`count` outputs of an FIR filter, `factor` samples apart, as products of matrices: BLAS does them faster than one output after another."""
    stride, width = at_once * factor, (at_once - 1) * factor + len(taps)
    matrix = np.zeros((width, at_once))
    for column in range(at_once):
        matrix[column * factor : column * factor + len(taps), column] = taps
    blocks = -(-count // at_once)
    missing = (blocks - 1) * stride + width - samples.shape[-1]
    if missing > 0:
        samples = np.pad(samples, ((0, 0), (0, missing)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, width, axis=-1)[:, ::stride][:, :blocks]
    return (windows @ matrix).reshape(len(samples), -1)[:, :count]


__all__ = ["ConditioningError", "Doubles", "Samples", "decimated", "output_rate", "output_samples", "resampled"]

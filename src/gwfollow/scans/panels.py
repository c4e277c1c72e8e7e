"""What a figure shows: time series and spectrograms, in the forms in which they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Series:
    """Samples at a constant rate.  ``start`` GPS s, ``rate`` Hz, ``samples`` of shape (n,)."""

    start: float
    rate: float
    samples: Samples


@dataclass(frozen=True)
class Spectrogram:
    """Normalised energy (its median in white noise is 1), of shape (rows, columns).

    Rows go from the lowest to the highest frequency, equally spaced in its logarithm; columns from the begin to the end of `span`.
    """

    span: tuple[float, float]  # GPS s
    frequencies: tuple[float, float]  # Hz
    energy: Samples


@dataclass(frozen=True)
class Panels:
    """What a figure shows; `spectrograms` from the shortest to the longest."""

    gps: float  # of the scan
    whitened: Series
    raw: Series  # high-passed
    spectrograms: Sequence[Spectrogram]


def envelope(series: Series, span: tuple[float, float], columns: int) -> tuple[Samples, Samples]:
    """Least and largest value of the line through the samples in each of `columns` equal parts of `span`; NaN beyond the samples."""
    first, last = (round((at - series.start) * series.rate) for at in span)
    first, last = max(first - 1, 0), min(last + 1, len(series.samples))
    if last - first < 2:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    cut = np.nan_to_num(np.asarray(series.samples[first:last], dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    times = series.start + np.arange(first, last) / series.rate
    edges = np.linspace(*span, columns + 1)
    at_edges = np.interp(edges, times, cut, left=np.nan, right=np.nan)
    low, high = np.fmin(at_edges[:-1], at_edges[1:]), np.fmax(at_edges[:-1], at_edges[1:])
    column = np.floor((times - span[0]) * (columns / (span[1] - span[0]))).astype(int)
    inside = (column >= 0) & (column < columns)
    np.fmin.at(low, column[inside], cut[inside])
    np.fmax.at(high, column[inside], cut[inside])
    return low, high


__all__ = ["Panels", "Series", "Spectrogram", "envelope"]

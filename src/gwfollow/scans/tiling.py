"""The tiles of a Q transform: which Qs, frequencies and times it looks at, and through which windows.

A tile is like a sine-Gaussian of central frequency f and quality Q.  Planes of constant Q, rows of constant frequency in them and tiles
along a row are so near to each other that a burst between two tiles loses at most the fraction `mismatch` of its energy (Chatterji et
al. 2004, CQG 21, S1809; Chatterji 2005, thesis, MIT, chapter 5).  The grid is that of `gwpy.signal.qtransform` to the last digit, with
its roundings, so that results can be compared tile by tile:

    spacing d = 2 sqrt(mismatch / 3)
    Q_i  = Q_min exp(sqrt(2) s (i + 1/2)),     s = log(Q_max / Q_min) / sqrt(2) / n,          n = ceil(log(Q_max / Q_min) / sqrt(2) / d)
    f_j  = f_min exp(2 (j + 1/2) s / sqrt(2 + Q^2)), rounded down to the transform's resolution 1 / duration
    tiles in a row = 2 pi f duration / (Q d), rounded up to a power of two
    window(x) = (1 - x^2)^2, x = (f' - f) Q / (sqrt(11) f),  |x| < 1, the bisquare approximation of a Gaussian
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

_ROOT_11 = math.sqrt(11)
#: Chatterji's bisquare window keeps to positive frequencies above this Q
LEAST_Q = _ROOT_11


class TilingError(ValueError):
    """There are no tiles for what was asked; the message says why."""


@dataclass(frozen=True, eq=False)
class Row:
    """Tiles of one Q and one frequency."""

    index: int  # in the order in which gwpy goes through the rows: by Q, then by frequency
    plane: int
    q: float
    frequency: float  # Hz
    tiles: int  # along the whole duration, a power of two
    first: int  # bin of the data's spectrum where the window begins
    step: float  # from bin to bin of the window's argument x
    norm: float  # of the window
    window: NDArray[np.float32]  # (bins,)

    def exact_window(self) -> NDArray[np.float64]:
        """In double precision, which is kept nowhere."""
        return _bisquare(len(self.window) // 2, self.step, self.norm)

    @property
    def last(self) -> int:
        """The bin after the window's end."""
        return self.first + len(self.window)


@dataclass(frozen=True)
class Tiling:
    """All rows for data of one duration and sample rate; `plan` gives the one that is there already.

    The upper end of `frequency_range` may be infinite and is brought down to what the sample rate allows, the lower may be 0 (as low as the
    duration allows), as in gwpy.  Raises `TilingError` where nothing is left.
    """

    duration: float  # s
    sample_rate: float  # Hz
    q_range: tuple[float, float] = (4.0, 64.0)
    frequency_range: tuple[float, float | None] = (0.0, None)
    mismatch: float = 0.2
    qs: tuple[float, ...] = field(init=False, compare=False)
    band: tuple[float, float] = field(init=False, compare=False)  # Hz

    def __post_init__(self) -> None:
        if not (self.duration > 0 and self.sample_rate > 0 and self.mismatch > 0):
            raise TilingError("duration, sample rate and mismatch must be above 0")
        if not 0 < self.q_range[0] <= self.q_range[1]:
            raise TilingError(f"q range {self.q_range[0]:g}-{self.q_range[1]:g}: the lower end first, and above 0")
        qs = tuple(_qs(self.q_range, self.spacing))
        if qs[0] < LEAST_Q:
            raise TilingError(f"a plane of Q {qs[0]:.3g}: below sqrt(11) = {LEAST_Q:.4g} the window reaches negative frequencies")
        object.__setattr__(self, "qs", qs)
        object.__setattr__(self, "band", self._band(qs))

    @property
    def spacing(self) -> float:
        """Distance of neighbouring tiles in the mismatch metric (Chatterji's and gwpy's delta m)."""
        return 2 * math.sqrt(self.mismatch / 3)

    def _band(self, qs: tuple[float, ...]) -> tuple[float, float]:
        low, high = self.frequency_range
        low = low or 50 * max(qs) / (2 * math.pi * self.duration)
        highest = self.sample_rate / 2 / (1 + _ROOT_11 / min(qs))
        high = highest if high is None else min(high, highest)
        if low >= high:
            raise TilingError(f"no frequencies from {low:.4g} Hz up to {high:.4g} Hz at a sample rate of {self.sample_rate:g} Hz")
        if low * self.duration < 1:
            raise TilingError(f"{low:.4g} Hz: one period is longer than the {self.duration:g} s of data")
        return low, high

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """In gwpy's order: by Q, then by frequency."""
        return tuple(self._rows())

    def _rows(self) -> Iterator[Row]:
        index = 0
        for plane, q in enumerate(self.qs):
            for frequency in self._frequencies(q):
                tiles = _power_of_two(self.duration * 2 * math.pi * frequency / q / self.spacing)
                step, norm = self._window(q, frequency, tiles)
                window = _bisquare(int(frequency / (q / _ROOT_11) * self.duration), step, norm).astype(np.float32)
                if len(window) > tiles:
                    raise TilingError(
                        f"{frequency:.4g} Hz at Q {q:.4g}: {tiles} tiles for {len(window)} bins; "
                        "take longer data, higher frequencies, a lower Q or a smaller mismatch"
                    )
                # gwpy's centre is the bin after the frequency's
                first = round(frequency * self.duration) + 1 - len(window) // 2
                yield Row(index, plane, q, frequency, tiles, first, step, norm, window)
                index += 1

    def _frequencies(self, q: float) -> Iterator[float]:
        low, high = self.band
        length = math.log(high / low) * math.sqrt(2 + q**2) / 2
        count = max(1, math.ceil(length / self.spacing))
        last = None
        resolution = 1 / self.duration
        for number in range(count):
            frequency = low * math.exp(2 / math.sqrt(2 + q**2) * (number + 0.5) * (length / count)) // resolution * resolution
            if frequency != last:
                yield frequency
            last = frequency

    def _window(self, q: float, frequency: float, tiles: int) -> tuple[float, float]:
        """Step and norm; with gwpy's norm the energy of a transform of white noise does not depend on the row."""
        scale = q / _ROOT_11 / frequency
        return scale / self.duration, tiles / (self.duration * self.sample_rate) * math.sqrt(315 * scale / 128)

    @cached_property
    def by_tiles(self) -> tuple[tuple[int, tuple[Row, ...]], ...]:
        """Rows that can be transformed together: (tiles in a row, rows), the shortest rows first."""
        groups: dict[int, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.tiles, []).append(row)
        return tuple((tiles, tuple(groups[tiles])) for tiles in sorted(groups))

    def plane(self, q: float) -> tuple[Row, ...]:
        """The rows of the plane whose Q is nearest to `q`, by frequency."""
        nearest = min(range(len(self.qs)), key=lambda number: abs(self.qs[number] - q))
        return tuple(row for row in self.rows if row.plane == nearest)

    @property
    def trials(self) -> float:
        """Independent tiles of a plane, the mean of all planes, as gwpy counts them for its false-alarm rate."""
        return sum(1 + row.tiles * self.spacing for row in self.rows) / len(self.qs)


@lru_cache(maxsize=16)
def _plan(
    duration: float,
    sample_rate: float,
    q_range: tuple[float, float],
    frequency_range: tuple[float, float | None],
    mismatch: float,
) -> Tiling:
    made = Tiling(duration, sample_rate, q_range, frequency_range, mismatch)
    made.by_tiles  # noqa: B018  (computed here, so that workers forked after this share its memory)
    return made


def plan(
    duration: float,
    sample_rate: float,
    q_range: tuple[float, float] = (4.0, 64.0),
    frequency_range: tuple[float, float | None] = (0.0, None),
    mismatch: float = 0.2,
) -> Tiling:
    """The tiling, made once a process: some MB (12 for 66 s at 4096 Hz), shared by workers that are forked after the first call.

    Raises `TilingError` where there are no tiles for this.
    """
    low, high = frequency_range
    if high is not None:
        high = float(high) if math.isfinite(high) else None
    return _plan(float(duration), float(sample_rate), (float(q_range[0]), float(q_range[1])), (float(low), high), float(mismatch))


def _bisquare(half: int, step: float, norm: float) -> NDArray[np.float64]:
    x = np.arange(-half, half + 1) * step
    return np.asarray((1 - x**2) ** 2 * norm)


def _qs(q_range: tuple[float, float], spacing: float) -> Iterator[float]:
    length = math.log(q_range[1] / q_range[0]) / math.sqrt(2)
    count = max(1, math.ceil(length / spacing))
    for number in range(count):
        yield q_range[0] * math.exp(math.sqrt(2) * (length / count) * (number + 0.5))


def _power_of_two(least: float) -> int:
    return int(2 ** math.ceil(math.log(least, 2)))


__all__ = ["LEAST_Q", "Row", "Tiling", "TilingError", "plan"]

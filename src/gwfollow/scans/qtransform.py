"""The Q transform of many channels at once, and the loudest tile of each (Chatterji et al. 2004, CQG 21, S1809; grid and conventions as gwpy's).

The energy of a tile is the squared modulus of the windowed spectrum's inverse FFT, over the median of its row. gwpy computes
every median, which costs more than the FFTs; here only rows that can still win have theirs. With the loudest energy E so far
and a row whose largest value in the search window is M, the row wins only if median < M / E, that is if at least half of its
values are below M / E. Counting those takes a twentieth of the time of a median, and nothing is approximated. Short rows come
first: while E is low their medians are the cheap ones.

gwpy refuses a scan where some row has no tile in the search window; here that row is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.interpolate import make_interp_spline

from gwfollow.scans.energy import Floats, Spectra, energies, median, spectra
from gwfollow.scans.significance import snr
from gwfollow.scans.tiling import Row, Tiling

#: complex numbers transformed at once: they and what is made of them stay in the processor's cache
AT_ONCE = 1 << 17
#: transforms at once, however long: scipy's FFT does four in the time of one
LEAST = 8
#: channels whose spectra are held at once; a row's window is read once for all of them
CHANNELS = 16


#: a tile so much louder than its row's median drowns it in the rounding errors of single precision: such channels are done again in double
LOUD = 1e9
#: tiles on either side of a picture that the splines through a row need: a cubic spline forgets by a factor of 3.7 a knot
_MARGIN = 24


@dataclass(frozen=True)
class Tile:
    """The loudest tile of a channel in the search window."""

    time: float  # GPS s
    frequency: float  # Hz
    q: float
    energy: float  # over its row's median
    snr: float


@dataclass(frozen=True)
class Spectrogram:
    """Normalised energies of one Q plane, interpolated for a picture."""

    q: float
    span: tuple[float, float]  # GPS s; column k of n begins at span[0] + k / n of it
    frequencies: Floats  # Hz (rows,), from the lowest to the highest, equally spaced in the logarithm
    energy: Floats  # (rows, columns)


def peaks(whitened: Floats, plan: Tiling, start: float, window: tuple[float, float]) -> list[Tile | None]:
    """The loudest tile between the GPS times of `window`, for each of the channels (channels, n) that begin at GPS time `start`.

    None for a channel with samples that are not finite or all the same, and where every row's median is 0.  Working memory is some MB,
    whatever the number of channels.  Raises `ValueError` for samples that are not those of `plan`.
    """
    _check(whitened.shape[-1], plan)
    found: list[Tile | None] = []
    for first in range(0, len(whitened), CHANNELS):
        found += _Search(spectra(whitened[first : first + CHANNELS]), plan, start, window).run()
    for number, tile in enumerate(found):
        if tile is not None and tile.energy > LOUD:
            found[number] = _Search(spectra(whitened[number : number + 1], np.float64), plan, start, window).run()[0]
    return found


class _Search:
    """For the loudest tile of each of some channels."""

    def __init__(self, spectrum: Spectra, plan: Tiling, start: float, window: tuple[float, float]) -> None:
        self.finite = np.flatnonzero(np.isfinite(spectrum).all(axis=-1))
        self.count = len(spectrum)
        self.spectrum = spectrum[self.finite]
        self.plan, self.start, self.window = plan, start, window
        self.best = np.zeros(len(self.finite))
        self.tiles: list[Tile | None] = [None] * len(self.finite)

    def run(self) -> list[Tile | None]:
        for channels, rows in _batches(self.plan, len(self.finite)) if len(self.finite) else ():
            self._look(energies(self.spectrum[channels], rows), rows, channels.start)
        found: list[Tile | None] = [None] * self.count
        for place, tile in zip(self.finite, self.tiles, strict=True):
            found[place] = tile
        return found

    def _look(self, batch: Floats, rows: Sequence[Row], first: int) -> None:
        """Take what is louder than the loudest so far from (channels, rows, tiles)."""
        tiles = batch.shape[-1]
        begin, end = searched(self.start, self.plan.duration, tiles, self.window)
        if begin >= end:
            return
        largest = batch[..., begin:end].max(axis=-1)
        bests = self.best[first : first + len(batch), np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = (largest / bests).astype(batch.dtype)
        # half of the values below the limit: the median may be
        below = (batch < limits[..., np.newaxis]).view(np.uint8).sum(axis=-1, dtype=np.uint32)
        open_ = below >= tiles // 2
        for channel in np.flatnonzero(open_.any(axis=1)):
            # the most promising first, by a median of a few values
            numbers = np.flatnonzero(open_[channel])
            few = np.median(batch[channel, numbers, :: max(1, tiles // 64)], axis=-1)
            order = numbers[np.argsort(few / np.maximum(largest[channel, numbers], np.finfo(np.float32).tiny))]
            for number in order:
                self._try(batch[channel, number], float(largest[channel, number]), rows[number], first + int(channel), begin, end)

    def _try(self, values: Floats, largest: float, row: Row, channel: int, begin: int, end: int) -> None:
        best = float(self.best[channel])
        if best and np.count_nonzero(values < largest / best) < len(values) // 2:
            return
        middle = median(values)
        if not middle > 0:
            return
        energy = largest / middle
        if energy > best:
            self.best[channel] = energy
            time = self.start + (begin + int(values[begin:end].argmax())) * (self.plan.duration / row.tiles)
            self.tiles[channel] = Tile(time, row.frequency, row.q, energy, snr(energy))


def _batches(plan: Tiling, channels: int) -> Iterator[tuple[slice, tuple[Row, ...]]]:
    """(channels, rows) of some `AT_ONCE` tiles: first more channels, then more rows."""
    for tiles, rows in plan.by_tiles:
        transforms = max(LEAST, AT_ONCE // tiles)
        together = min(channels, transforms)
        several = max(1, transforms // together)
        for begin in range(0, len(rows), several):
            for first in range(0, channels, together):
                yield slice(first, first + together), rows[begin : begin + several]


def searched(start: float, duration: float, tiles: int, window: tuple[float, float]) -> tuple[int, int]:
    """First tile and the one after the last in the window, as gwpy's `Series.crop` counts."""
    spacing = duration / tiles
    begin = max(0, math.floor((window[0] - start) / spacing))
    end = tiles if window[1] >= start + duration else math.floor((window[1] - start) / spacing)
    return begin, min(tiles, end)


def spectrogram(
    samples: Floats, plan: Tiling, q: float, start: float, spans: Sequence[tuple[float, float]], shape: tuple[int, int]
) -> list[Spectrogram]:
    """Pictures of one channel's samples (n,), that begin at GPS time `start`, over each of the `spans` (GPS s): `shape` is (rows, columns).

    The plane is that of `plan` whose Q is nearest to `q`.  Values are those of gwpy's `QGram.interpolate(logf=True)` at the same times and
    frequencies: cubic splines in time through each row, then in frequency; only what is shown is interpolated.  Samples may be whitened or not;
    not finite ones give NaN.  Raises `ValueError` for a span that is not within the data.
    """
    _check(len(samples), plan)
    rows = plan.plane(q)
    for begin, end in spans:
        if not start <= begin < end <= start + plan.duration:
            raise ValueError(f"{begin:.3f} to {end:.3f} is not within the data, {start:.3f} to {start + plan.duration:.3f}")
    spectrum = spectra(samples[np.newaxis])
    energy = [own for _, alike in groupby(rows, key=lambda row: row.tiles) for own in _normalised(spectrum, list(alike))]
    return [_picture(energy, rows, plan, start, span, shape) for span in spans]


def _normalised(spectrum: Spectra, rows: Sequence[Row]) -> Iterator[Floats]:
    """Energies over their row's median, for rows with as many tiles each."""
    for own in energies(spectrum, rows)[0]:
        with np.errstate(divide="ignore", invalid="ignore"):
            yield own / own.dtype.type(median(own))


def _picture(
    energy: Sequence[Floats], rows: Sequence[Row], plan: Tiling, start: float, span: tuple[float, float], shape: tuple[int, int]
) -> Spectrogram:
    count, columns = shape
    times = np.arange(columns) * ((span[1] - span[0]) / columns) + (span[0] - start)
    along = np.stack([_interpolated(own, plan.duration / row.tiles, times) for own, row in zip(energy, rows, strict=True)])
    known = np.array([row.frequency for row in rows])
    wanted = np.geomspace(*plan.band, count)
    if len(known) == 1:
        picture = np.repeat(along, count, axis=0)
    else:
        # gwpy's spline stands still beyond the outermost rows
        picture = make_interp_spline(known, along, k=min(3, len(known) - 1), axis=0)(np.clip(wanted, known[0], known[-1]))
    return Spectrogram(rows[0].q, span, wanted.astype(np.float32), picture.astype(np.float32))


def _interpolated(energy: Floats, spacing: float, times: Floats) -> Floats:
    """A cubic spline through a row's energies, at times after its begin."""
    first = max(0, int(times[0] / spacing) - _MARGIN)
    last = min(len(energy), int(times[-1] / spacing) + _MARGIN + 2)
    near = energy[first:last].astype(np.float64)
    if len(near) == 1 or not np.isfinite(near).all():
        return np.full(len(times), near[0] if len(near) == 1 else np.nan, np.float32)
    spline = make_interp_spline(np.arange(first, last) * spacing, near, k=min(3, len(near) - 1), check_finite=False)
    return np.asarray(spline(times), np.float32)


def _check(samples: int, plan: Tiling) -> None:
    expected = round(plan.duration * plan.sample_rate)
    if samples != expected:
        raise ValueError(f"{samples} samples for a tiling of {plan.duration:g} s at {plan.sample_rate:g} Hz, that is {expected}")


__all__ = ["Spectrogram", "Tile", "peaks", "searched", "spectrogram"]

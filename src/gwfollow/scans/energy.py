"""Energies of tiles: the windowed spectrum's inverse FFTs, for rows with as many tiles each and many channels at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gwfollow.scans.tiling import Row

Floats = NDArray[np.floating[Any]]
Spectra = NDArray[np.complexfloating[Any, Any]]


def spectra(samples: Floats, precision: type[np.floating[Any]] = np.float32) -> Spectra:
    """(channels, n) -> (channels, n // 2 + 1), of samples scaled to unit variance: energies do not depend on units, single precision does.

    NaN for a channel that is not finite or constant.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.std(samples, axis=-1, keepdims=True, dtype=np.float64)
        scale[scale == 0] = np.nan
        scaled = (samples / scale).astype(precision)
    return np.asarray(scipy.fft.rfft(scaled, axis=-1, norm="forward"))


def energies(spectrum: Spectra, rows: Sequence[Row]) -> Floats:
    """(channels, bins) -> (channels, rows, tiles) for rows with as many tiles each; not normalised.

    The order of the bins in the inverse FFT is not gwpy's: that turns phases only, which the modulus does not see.
    """
    single = spectrum.dtype == np.complex64
    padded = np.empty((len(spectrum), len(rows), rows[0].tiles), spectrum.dtype)
    for number, row in enumerate(rows):
        width = len(row.window)
        window = row.window if single else row.exact_window()
        np.multiply(spectrum[:, row.first : row.last], window, out=padded[:, number, :width])
        padded[:, number, width:] = 0
    amplitudes = scipy.fft.ifft(padded, axis=-1, norm="forward", overwrite_x=True)
    squares: Floats = np.abs(amplitudes)
    squares *= squares
    return squares


def median(values: Floats) -> float:
    """Of an even number of values, which are left as they are."""
    half = len(values) // 2
    parted = np.partition(values, half)
    return float((parted[:half].max() + parted[half]) / 2) if half else float(parted[0])


__all__ = ["Floats", "Spectra", "energies", "median", "spectra"]

"""Resampling, high-pass and whitening, as `gwdetchar.omega.conditioner` does with gwpy, for many channels of one rate at once.

All in double precision but the result: a seismic spectrum of 1/f^4 has ten orders of magnitude between 4 and 1024 Hz, single
precision seven.  What comes out is white, so single precision is enough for it.  Arrays are (channels, samples).

gwdetchar transforms one second more on either side than it is asked for (`PAD`): the stretch that the whitening filter spoils.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from gwfollow.scans.resampling import ConditioningError, Doubles, Samples, output_rate, output_samples, resampled

#: s before and after the stretch of interest that whitening spoils: half its filter's length
PAD = 1.0
#: s, gwpy's length of the whitening filter
FILTER_LENGTH = 2.0
#: samples that are conditioned at once, and channels, however long: some MB, whatever the number of channels
AT_ONCE, LEAST = 1 << 18, 2
_HIGHPASS_ORDER = 12  # gwdetchar's highpass
_TAPER_BINS = 5  # gwpy: ends of the whitening filter's transfer function


def condition(
    samples: Samples, rate: float, *, fftlength: float, f_low: float | None = None, resample: float | None = None
) -> NDArray[np.float32]:
    """Whitened samples (channels, n) at `output_rate`: zero mean and unit variance where the channel is stationary and Gaussian.

    `f_low`: Hz, high-pass before whitening with its corner at two thirds of it; `fftlength`: s, of the spectrum's segments, which overlap by half.
    A channel that is constant or not finite comes out as NaN, the others are none the worse for it.  Raises `ConditioningError`.
    """
    _enough(samples.shape[-1], rate, fftlength)
    if not len(samples):
        return np.empty((0, output_samples(samples.shape[-1], rate, resample)), np.float32)
    lower = output_rate(rate, resample)
    together = max(LEAST, AT_ONCE // samples.shape[-1])
    parts = []
    for first in range(0, len(samples), together):
        part = resampled(samples[first : first + together], rate, resample)
        if f_low is not None:
            part = highpassed(part, lower, f_low)
        parts.append(whitened(part, lower, fftlength))
    white = np.concatenate(parts)
    white[~usable(samples)] = np.nan
    return white


def usable(samples: Samples) -> NDArray[np.bool_]:
    """Which channels are finite and not constant: (channels,)."""
    low, high = samples.min(axis=-1), samples.max(axis=-1)  # NaN goes through both
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(low) & np.isfinite(high) & (high > low))


@lru_cache(maxsize=16)
def _highpass(rate: float, f_low: float) -> Doubles:
    corner = f_low / 1.5
    if not 0 < corner < rate / 2:
        raise ConditioningError(f"a high-pass at {f_low:g} Hz is not possible at a sample rate of {rate:g} Hz")
    return np.asarray(scipy.signal.butter(_HIGHPASS_ORDER, corner, btype="highpass", output="sos", fs=rate))


def highpassed(samples: Samples, rate: float, f_low: float) -> Doubles:
    """Butterworth of 12th order with its corner at `f_low` / 1.5 Hz, forwards and backwards, as gwdetchar."""
    return np.asarray(scipy.signal.sosfiltfilt(_highpass(rate, f_low), np.asarray(samples, np.float64), axis=-1))


def whitened(samples: Samples, rate: float, fftlength: float) -> NDArray[np.float32]:
    """As gwpy's `TimeSeries.whiten(fftlength, overlap=fftlength / 2, window="hann", detrend="linear").detrend("linear")`.

    Median-averaged amplitude spectrum of Hann-windowed segments, interpolated to the data's resolution; its inverse, truncated to an
    impulse response of two seconds (inverse spectrum truncation, Allen et al. 2012, PRD 85, 122006, arXiv:gr-qc/0509116), convolved
    with the detrended data, the ends of which go to zero over one second.
    """
    count = samples.shape[-1]
    _enough(count, rate, fftlength)
    taps = int(FILTER_LENGTH * rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        impulse = _impulse(1 / _interpolated(spectrum(samples, rate, fftlength), count, rate, fftlength), taps)
        data = detrended(np.array(samples, np.float64))
        window = _hann(taps)
        pad = -(-taps // 2)
        data[:, :pad] *= window[:pad]
        data[:, -pad:] *= window[-pad:]
        return detrended(_convolved(data, impulse) * math.sqrt(2 / rate)).astype(np.float32)


def _enough(count: int, rate: float, fftlength: float) -> None:
    least = max(FILTER_LENGTH, fftlength)
    if count < int(least * rate):
        raise ConditioningError(f"{count / rate:g} s are too few to whiten with: {least:g} s at least")


@lru_cache(maxsize=32)
def _hann(count: int) -> Doubles:
    return np.asarray(scipy.signal.get_window("hann", count))


def spectrum(samples: Samples, rate: float, fftlength: float) -> Doubles:
    """One-sided amplitude spectral density (channels, bins), 1/sqrt(Hz): Welch's method with medians, as `scipy.signal.welch(average="median")`."""
    size = int(fftlength * rate)
    step = size - size // 2
    window = _hann(size)
    segments = np.lib.stride_tricks.sliding_window_view(samples, size, axis=-1)[:, ::step]
    powers = np.empty((segments.shape[0], segments.shape[1], size // 2 + 1))
    for channel, own in enumerate(segments):  # one at a time: stays in the processor's cache
        bins = scipy.fft.rfft((own - own.mean(axis=-1, keepdims=True)) * window, axis=-1, overwrite_x=True)
        np.square(bins.real, out=powers[channel])
        powers[channel] += np.square(bins.imag)
    # sorting some fifteen numbers a bin is several times faster than numpy's median
    powers.sort(axis=1)
    number = powers.shape[1]
    middle = (powers[:, (number - 1) // 2] + powers[:, number // 2]) / 2
    middle /= _median_bias(number) * rate * np.square(window).sum()
    middle[:, 1 : None if size % 2 else -1] *= 2
    return np.sqrt(middle)


def _median_bias(number: int) -> float:
    """Median over mean of `number` exponentially distributed values (Allen et al. 2012, PRD 85, 122006, appendix B)."""
    return 1 + sum(1 / (2 * k + 1) - 1 / (2 * k) for k in range(1, (number - 1) // 2 + 1))


def _interpolated(density: Doubles, count: int, rate: float, fftlength: float) -> Doubles:
    """Linearly, at the multiples of 1 / duration."""
    spacing = rate / int(fftlength * rate)
    bins = round((density.shape[-1] - 1) * spacing * count / rate) + 1
    at, known = np.arange(bins) * (rate / count), np.arange(density.shape[-1]) * spacing
    return np.stack([np.interp(at, known, each) for each in density])


def _impulse(transfer: Doubles, taps: int) -> Doubles:
    """The symmetric FIR filter of `taps` coefficients nearest to a real transfer function, Hann-windowed."""
    taper = np.asarray(scipy.signal.windows.tukey(2 * _TAPER_BINS, 1.0))
    transfer[:, :_TAPER_BINS] *= taper[:_TAPER_BINS]
    transfer[:, -_TAPER_BINS:] *= taper[-_TAPER_BINS:]
    whole = scipy.fft.irfft(transfer, axis=-1, overwrite_x=True)
    # gwpy's roll: the middle of the response is at half the taps, less one
    half = taps // 2
    window = _hann(taps)
    impulse = np.zeros((len(transfer), taps))
    impulse[:, half - 1 : 2 * half - 1] = whole[:, :half] * window[half : 2 * half]
    impulse[:, : half - 1] = whole[:, whole.shape[-1] - half + 1 :] * window[1:half]
    return impulse


def _convolved(data: Doubles, impulse: Doubles) -> Doubles:
    """Linear convolution, as long as the data, centred."""
    count, taps = data.shape[-1], impulse.shape[-1]
    size = scipy.fft.next_fast_len(count + taps - 1, real=True)
    product = scipy.fft.rfft(data, size, axis=-1)
    product *= scipy.fft.rfft(impulse, size, axis=-1)
    whole = scipy.fft.irfft(product, size, axis=-1, overwrite_x=True)
    return np.asarray(whole[:, (taps - 1) // 2 : (taps - 1) // 2 + count])


def detrended(samples: Doubles) -> Doubles:
    """Without the straight line that fits best; in place where `samples` is a whole array of its own."""
    ramp, square = _ramp(samples.shape[-1])
    for channel in samples:  # one at a time: stays in the processor's cache
        slope = np.einsum("i,i", channel, ramp) / square  # not by BLAS, which would take threads for it
        channel -= slope * ramp + channel.mean()
    return samples


@lru_cache(maxsize=8)
def _ramp(count: int) -> tuple[Doubles, float]:
    ramp: Doubles = np.arange(count, dtype=np.float64) - (count - 1) / 2
    return ramp, float(np.einsum("i,i", ramp, ramp))


__all__ = [
    "FILTER_LENGTH",
    "PAD",
    "ConditioningError",
    "Doubles",
    "condition",
    "detrended",
    "highpassed",
    "output_rate",
    "output_samples",
    "resampled",
    "spectrum",
    "usable",
    "whitened",
]

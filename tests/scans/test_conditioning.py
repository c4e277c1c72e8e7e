"""Resampling, high-pass and whitening give what gwdetchar and gwpy give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gwfollow.scans import conditioning
from gwfollow.scans.conditioning import ConditioningError, condition

Samples = NDArray[np.floating[Any]]


def coloured(seconds: float, rate: float, slope: float, seed: int = 1) -> Samples:
    """Noise with an amplitude spectrum of f^slope above half a Hz, flat below."""
    count = int(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    return np.fft.irfft(spectrum * (np.maximum(np.fft.rfftfreq(count, 1 / rate), 0.5) / 100) ** slope, count)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "resample", "slope", "f_low"),
    [
        (4096, 1024, -2, 4.0),
        (4096, None, -1, 4.0),
        (1024, None, -1, None),
        (1000, 256, -1, 4.0),  # no whole factor
        (256, 2048, -2, 4.0),  # slower than asked for: left as it is
        (64, None, 0, 4.0),
    ],
)
def test_whitened_channels_are_gwdetchars(rate: int, resample: int | None, slope: float, f_low: float | None) -> None:
    from gwdetchar.omega.core import conditioner
    from gwpy.timeseries import TimeSeries

    channels = np.stack([coloured(10, rate, slope, seed) for seed in (1, 2)]).astype(np.float32)
    ours = condition(channels, rate, fftlength=2, f_low=f_low, resample=resample)
    lower = resample if resample and resample < rate else None
    for own, samples in zip(ours, channels, strict=True):
        series = TimeSeries(samples.astype(float), sample_rate=rate, t0=1e9)
        theirs = conditioner(series, 2, resample=lower, f_low=f_low)[0]
        assert own.shape == theirs.shape
        assert np.abs(own - theirs.value).max() < 1e-4
    assert ours.dtype == np.float32


def test_a_steep_spectrum_is_white_from_end_to_end() -> None:
    """Nine orders of magnitude between 4 and 400 Hz: what single precision would have lost."""
    rate = 1024
    steep = coloured(34, rate, -4)[np.newaxis]
    white = condition(steep, rate, fftlength=4, f_low=4)
    assert _evenness(white, rate) < 1.15
    # the spectrum of the same samples in single precision, times f^4
    single = np.fft.irfft(np.fft.rfft(steep.astype(np.float32)).astype(np.complex64) * _slope(steep.shape[-1], rate))
    assert _evenness(single, rate) > 3


def _slope(count: int, rate: float) -> Samples:
    return (np.fft.rfftfreq(count, 1 / rate) / 100) ** 4


def _evenness(samples: Samples, rate: float) -> float:
    """The larger over the smaller of the amplitudes around 30 and 400 Hz."""
    spectrum = conditioning.spectrum(samples.astype(float), rate, 1)[0]
    low, high = np.median(spectrum[20:40]), np.median(spectrum[380:420])
    return float(max(low, high) / min(low, high))


def test_decimation_has_the_precision_of_its_numbers() -> None:
    from scipy.signal import firwin

    samples = coloured(4, 1024, -4)
    ours = conditioning.resampled(samples[np.newaxis], 1024, 256)[0]
    taps = np.convolve(*[firwin(61, 1 / 4, window="hamming").astype(np.longdouble)] * 2)
    exact = [float(samples[k - 60 : k + 61].astype(np.longdouble) @ taps) for k in range(60, len(samples) - 60, 4)]
    assert np.abs(ours[15 : 15 + len(exact)] - exact).max() < 1e-14 * np.abs(samples).max()


def test_no_channels_are_no_channels() -> None:
    assert condition(np.empty((0, 2048)), 256, fftlength=2, f_low=4, resample=128).shape == (0, 1024)


def test_a_bad_channel_spoils_no_other() -> None:
    good = coloured(8, 256, -1)
    channels = np.stack([good, np.full_like(good, 3.0), good, np.zeros_like(good)])
    channels[2, 700] = np.nan
    white = condition(channels, 256, fftlength=2, f_low=4)
    np.testing.assert_array_equal(white[0], condition(good[np.newaxis], 256, fftlength=2, f_low=4)[0])
    assert np.isnan(white[1:]).all()
    assert channels[0] is not good
    np.testing.assert_array_equal(channels[0], good)  # the input is left as it was


@pytest.mark.parametrize(
    ("seconds", "f_low", "words"),
    [(1.5, None, "too few to whiten"), (8, 250.0, "a high-pass at 250 Hz"), (0.1, 4.0, "too few to whiten")],
)
def test_what_cannot_be_conditioned_says_why(seconds: float, f_low: float | None, words: str) -> None:
    with pytest.raises(ConditioningError, match=words):
        condition(coloured(seconds, 256, -1)[np.newaxis], 256, fftlength=2, f_low=f_low)


@pytest.mark.parametrize(("count", "resample"), [(1000, None), (1000, 512), (1000, 256), (1001, 64), (1002, 100), (1003, 64)])
def test_the_number_of_samples_is_known_before(count: int, resample: float | None) -> None:
    left = conditioning.resampled(np.ones((1, count)), 256, resample).shape[-1]
    assert conditioning.output_samples(count, 256, resample) == left


def test_too_few_samples_to_resample_say_so() -> None:
    with pytest.raises(ConditioningError, match="too few to be resampled"):
        conditioning.resampled(np.ones((1, 50)), 256, 64)

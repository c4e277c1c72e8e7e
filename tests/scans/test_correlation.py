"""Correlation with the primary channel: gwdetchar's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scan_noise import Samples, sine_gaussian

from gwfollow.scans.conditioning import condition
from gwfollow.scans.correlation import Template, against_primary

GPS, SECONDS = 1126259462.42, 14
START = GPS - SECONDS / 2


def glitch(rate: float, delay: float, amplitude: float, seed: int = 0) -> Samples:
    count = int(SECONDS * rate)
    times = np.arange(count) / rate - SECONDS / 2 - delay
    return np.random.default_rng([seed, int(rate)]).standard_normal(count) + sine_gaussian(times, 40, 6, amplitude)


@pytest.mark.slow
def test_largest_deviation_and_delay_are_gwdetchars() -> None:
    from gwdetchar.omega.core import cross_correlate, primary
    from gwpy.timeseries import TimeSeries

    loud = glitch(4096, 0, 15)
    theirs = primary(GPS, 2, TimeSeries(loud, sample_rate=4096, t0=START), 4, resample=2048, f_low=4)
    white = condition(loud[np.newaxis], 4096, fftlength=4, f_low=4, resample=2048)
    ours = Template.of(white[0], 2048, START, GPS, 2)
    np.testing.assert_allclose(ours.samples, theirs.value, atol=1e-4)

    for rate in (4096, 2048, 1000, 256):
        channels = np.stack([glitch(rate, 0.03, 4, 1), glitch(rate, -0.05, 8, 2), glitch(rate, 0, 0, 3)])
        white = condition(channels, rate, fftlength=4, f_low=4)
        for own, samples in zip(against_primary(white, rate, START, GPS, ours), white, strict=True):
            series = cross_correlate(TimeSeries(samples.astype(float), sample_rate=rate, t0=START), theirs)
            near = series.abs().crop(GPS - 0.1, GPS + 0.1)
            assert own is not None
            assert own.largest == pytest.approx(near.max().value, rel=1e-3)
            assert own.standard_deviation == pytest.approx(series.std().value, rel=1e-3)
            delay = (near.t0 + near.argmax() * near.dt).value - GPS
            assert own.delay_ms == pytest.approx(delay * 1000, abs=0.01)


def test_a_copy_comes_when_it_comes() -> None:
    rate = 1024
    white = condition(np.stack([glitch(rate, 0, 20), glitch(rate, 0.025, 20, 5)]), rate, fftlength=2)
    template = Template.of(white[0], rate, START, GPS, 1)
    itself, later = against_primary(white, rate, START, GPS, template)
    assert itself is not None
    assert later is not None
    assert itself.delay_ms == pytest.approx(0, abs=1)
    assert later.delay_ms == pytest.approx(25, abs=1.5)
    assert itself.largest > 5 * itself.standard_deviation


def test_a_channel_that_is_not_finite_has_none_and_spoils_no_other() -> None:
    rate = 256
    white = condition(np.stack([glitch(rate, 0, 10)] * 10), rate, fftlength=2)
    white[1] = np.nan
    template = Template.of(white[0], rate, START, GPS, 1)
    found = against_primary(white, rate, START, GPS, template)
    assert found[1] is None
    assert {one for one in found if one is not None} == {found[0]}
    assert against_primary(white[1:2], rate, START, GPS, template) == [None]


def test_what_cannot_be_correlated_says_why() -> None:
    rate = 256
    white = condition(glitch(rate, 0, 10)[np.newaxis], rate, fftlength=2)
    template = Template.of(white[0], rate, START, GPS, 1)
    with pytest.raises(ValueError, match="do not reach 4 s to either side"):
        Template.of(white[0], rate, START, START + 2, 8)
    with pytest.raises(ValueError, match="not finite or constant"):
        Template.of(white[0] * np.nan, rate, START, GPS, 1)
    with pytest.raises(ValueError, match="not finite or constant"):
        Template.of(white[0] * 0, rate, START, GPS, 1)
    with pytest.raises(ValueError, match="the data do not reach"):
        against_primary(white, rate, START, START, template)
    with pytest.raises(ValueError, match="fewer than the template"):
        against_primary(white[:, :100], rate, GPS - 0.2, GPS, template)

"""The loudest tile of each channel is gwpy's, and so is the picture of its plane."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scan_noise import KINDS, channel

from gwfollow.scans import qtransform
from gwfollow.scans.conditioning import condition
from gwfollow.scans.energy import energies, spectra
from gwfollow.scans.qtransform import Tile, peaks, spectrogram
from gwfollow.scans.significance import false_alarm_rate, significant
from gwfollow.scans.tiling import Tiling, plan

GPS = 1126259462.4
Samples = NDArray[np.floating[Any]]


def window(gps: float = GPS, length: float = 0.5) -> tuple[float, float]:
    return gps - length / 2, gps + length / 2


def gwpy_scan(samples: Samples, tiling: Tiling, start: float, searched: tuple[float, float]) -> tuple[Any, float]:
    """gwpy's loudest plane, and its false-alarm rate."""
    from gwpy.segments import Segment
    from gwpy.signal.qtransform import q_scan
    from gwpy.timeseries import TimeSeries

    series = TimeSeries(samples.astype(float), sample_rate=tiling.sample_rate, t0=start)
    return q_scan(series, mismatch=tiling.mismatch, qrange=tiling.q_range, frange=tiling.band, search=Segment(*searched))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "seconds", "kinds", "least", "q_range"),
    [
        (64, 34, KINDS[:4], 4.0, (3.3166, 20.0)),
        (256, 18, KINDS, 8.0, (4.0, 64.0)),
        (1000, 10, KINDS[4:7], 20.0, (4.0, 64.0)),
        (2048, 10, KINDS[1:4], 30.0, (3.3166, 100.0)),
        (4096, 10, KINDS[7:], 30.0, (4.0, 64.0)),
    ],
)
def test_the_loudest_tile_is_gwpys(
    rate: int, seconds: float, kinds: tuple[str, ...], least: float, q_range: tuple[float, float]
) -> None:
    """Whitened and transformed by each of both; the whitened samples of both agree by the tests of the conditioning."""
    start = GPS - seconds / 2
    tiling = plan(seconds, rate, q_range, (least, None), 0.2)
    white = condition(np.stack([channel(kind, seconds, rate) for kind in kinds]), rate, fftlength=2, f_low=least)
    found = peaks(white, tiling, start, window())
    for tile, samples in zip(found, white, strict=True):
        theirs, rate_of_false_alarms = gwpy_scan(samples, tiling, start, window())
        assert tile is not None
        assert (tile.q, tile.frequency) == (theirs.plane.q, theirs.peak["frequency"])
        assert tile.time == pytest.approx(theirs.peak["time"], abs=1e-6)
        assert tile.energy == pytest.approx(float(theirs.peak["energy"]), rel=1e-4)
        # with gwpy's threshold just above and below its own rate: significant for both or for neither
        assert false_alarm_rate(float(theirs.peak["energy"]), tiling) == pytest.approx(rate_of_false_alarms, rel=1e-6)
        if rate_of_false_alarms > 0:
            assert significant(tile.energy, tiling, far_threshold=rate_of_false_alarms * 1.1)
            assert not significant(tile.energy, tiling, far_threshold=rate_of_false_alarms * 0.9)


def brute_force(white: Samples, tiling: Tiling, start: float, searched: tuple[float, float]) -> tuple[float, float, float]:
    """Energy, Q and frequency with every row's median."""
    spectrum = spectra(white[np.newaxis], np.float64)
    best = (0.0, 0.0, 0.0)
    for row in tiling.rows:
        own = energies(spectrum, [row])[0, 0]
        begin, end = qtransform.searched(start, tiling.duration, row.tiles, searched)
        if begin < end:
            best = max(best, (float(own[begin:end].max() / np.median(own)), row.q, row.frequency))
    return best


@pytest.mark.parametrize("seed", range(3))
def test_medians_that_are_skipped_would_not_have_won(seed: int) -> None:
    tiling = plan(10, 256, (4, 64), (8, None))
    white = np.stack([channel(kind, 10, 256, seed) for kind in KINDS])
    found = peaks(white, tiling, 0.0, window(5))
    for tile, samples in zip(found, white, strict=True):
        assert tile is not None
        energy, q, frequency = brute_force(samples, tiling, 0.0, window(5))
        assert (tile.q, tile.frequency) == (q, frequency)
        assert tile.energy == pytest.approx(energy, rel=1e-5)
        assert tile.snr == pytest.approx(math.sqrt(2 * tile.energy))


def test_few_medians_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    monkeypatch.setattr(qtransform, "median", lambda values: computed.append(1) or float(np.median(values)))
    tiling = plan(10, 256, (4, 64), (8, None))
    peaks(channel("nothing", 10, 256)[np.newaxis], tiling, 0.0, window(5))
    assert 0 < len(computed) < len(tiling.rows) / 5


def test_a_channel_has_one_peak_whatever_stands_beside_it_and_whatever_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    tiling = plan(10, 128, (4, 32), (8, None))
    white = np.stack([channel(kind, 10, 128, seed) for seed in (1, 2) for kind in KINDS]).astype(np.float32)
    together = peaks(white, tiling, 0.0, window(5))
    alone = [peaks(samples[np.newaxis], tiling, 0.0, window(5))[0] for samples in white]
    monkeypatch.setattr(qtransform, "AT_ONCE", 1 << 8)
    small = peaks(white * 1e-21, tiling, 0.0, window(5))
    for one, two, three in zip(together, alone, small, strict=True):
        assert one is not None
        assert two is not None
        assert three is not None
        assert one.energy == pytest.approx(two.energy, rel=1e-4)
        assert one.energy == pytest.approx(three.energy, rel=1e-4)
        assert (one.time, one.frequency, one.q) == (two.time, two.frequency, two.q) == (three.time, three.frequency, three.q)


def test_what_is_not_finite_or_constant_has_no_peak() -> None:
    tiling = plan(10, 128, (4, 32), (8, None))
    samples = np.stack([channel("sine-Gaussian", 10, 128)] * 6)
    samples[1, 17], samples[2, 900], samples[3] = np.nan, np.inf, 4.2
    samples[4] = 0
    samples[5], samples[5, 640] = 0, 1e300
    found = peaks(samples, tiling, 0.0, window(5))
    assert isinstance(found[0], Tile)
    assert found[1:5] == [None] * 4
    assert all(tile is None or math.isfinite(tile.energy) for tile in found)
    assert peaks(samples[1:2], tiling, 0.0, window(5)) == [None]
    assert peaks(samples[:0], tiling, 0.0, window(5)) == []


def test_only_the_window_is_searched() -> None:
    tiling = plan(10, 256, (4, 64), (8, None))
    white = channel("loud", 10, 256)[np.newaxis]
    (inside,) = peaks(white, tiling, 100.0, window(105, 0.5))
    (outside,) = peaks(white, tiling, 100.0, window(102, 0.5))
    assert inside is not None
    assert outside is not None
    assert inside.time == pytest.approx(105.03, abs=0.05)
    assert abs(outside.time - 102) < 0.5
    assert outside.energy < inside.energy / 1e3


def test_rows_without_a_tile_in_the_window_are_left_out() -> None:
    """Rows of 16 tiles in 10 s: gwpy ends with an error for such a window."""
    tiling = plan(10, 256, (4, 64), (8, None))
    begin, end = qtransform.searched(0.0, 10, min(row.tiles for row in tiling.rows), (5.0, 5.1))
    assert begin == end
    (found,) = peaks(channel("sine-Gaussian", 10, 256)[np.newaxis], tiling, 0.0, (5.0, 5.1))
    assert found is not None
    assert 4.9 < found.time < 5.1


def test_samples_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 samples for a tiling of 10 s at 256 Hz, that is 2560"):
        peaks(np.ones((1, 1000)), plan(10, 256), 0.0, window(5))


@pytest.mark.slow
def test_a_picture_is_gwpys() -> None:
    rate, seconds, start = 1024, 18, GPS - 9
    samples = channel("chirp", seconds, rate)
    tiling = plan(seconds, rate, (4, 64), (10, None))
    theirs, _ = gwpy_scan(samples, tiling, start, window())
    # steps of time that floats of GPS times hold exactly: gwpy adds them up
    spans, shape = [(GPS - 0.5, GPS + 0.5), (GPS - 4, GPS + 4)], (90, 128)
    for span, picture in zip(spans, spectrogram(samples, tiling, theirs.plane.q, start, spans, shape), strict=True):
        expected = theirs.interpolate(tres=(span[1] - span[0]) / 128, fres=90, logf=True, outseg=span)
        assert picture.q == theirs.plane.q
        assert picture.energy.shape == shape
        np.testing.assert_allclose(picture.frequencies, expected.frequencies.value, rtol=1e-6)
        np.testing.assert_allclose(picture.energy, expected.value.T[:, :128], rtol=1e-3, atol=1e-4 * expected.value.max())


def test_a_plane_of_one_or_two_rows_has_a_picture_too() -> None:
    """gwpy has none of fewer than four."""
    samples = channel("sine-Gaussian", 10, 256)
    for band in ((20, 20.3), (20, 23)):
        (picture,) = spectrogram(samples, plan(10, 256, (8, 8), band), 8, 0.0, [(4.5, 5.5)], (20, 50))
        assert picture.energy.shape == (20, 50)
        assert np.isfinite(picture.energy).all()


def test_a_picture_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="not within the data"):
        spectrogram(channel("nothing", 10, 256), plan(10, 256), 8, 0.0, [(4, 11)], (20, 50))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ifo", "energy", "frequency", "time", "picture"),
    [("H1", 123.30, 143.66, 1126259462.4219, 127.3), ("L1", 68.81, 171.25, 1126259462.4180, 70.2)],
)
def test_gw150914_is_as_loud_as_for_gwpy(
    shared: Path, ifo: str, energy: float, frequency: float, time: float, picture: float
) -> None:
    """gwpy's default tiling (Q 4 to 64, mismatch 0.2, all frequencies) of 32 s at 4096 Hz, whitened with segments of 2 s.

    The tiles have energies of 123.3 and 68.8; the splines of the picture go higher between them, to 127.3 and 70.2, which is what
    `TimeSeries.q_transform()` shows.
    """
    import h5py

    with h5py.File(shared / "data" / "strain" / f"{ifo[0]}-{ifo}_LOSC_4_V2-1126259446-32.hdf5") as file:
        strain = file["strain/Strain"][:]
    start, gps = 1126259446.0, 1126259462.42
    white = condition(strain[np.newaxis], 4096, fftlength=2)
    tiling = plan(32, 4096)
    (tile,) = peaks(white, tiling, start, window(gps))
    assert tile is not None
    assert tile.energy == pytest.approx(energy, rel=1e-3)
    assert tile.q == pytest.approx(5.657, rel=1e-3)
    assert tile.frequency == pytest.approx(frequency, rel=1e-4)
    assert tile.time == pytest.approx(time, abs=1e-4)
    assert significant(tile.energy / 2, tiling, far_threshold=3.171e-8)  # by far
    (shown,) = spectrogram(white[0], tiling, tile.q, start, [(gps - 0.25, gps + 0.25)], (500, 1000))
    assert shown.energy.max() == pytest.approx(picture, rel=0.005)
    # the chirp: the ridge rises
    early, late = (int((gps + at - shown.span[0]) / 0.5 * 1000) for at in (-0.05, -0.005))
    ridge = [shown.frequencies[shown.energy[:, column].argmax()] for column in (early, late)]
    assert ridge[0] < 0.6 * ridge[1]

"""What is significant for gwdetchar is significant here (see test_qtransform for the comparison with gwpy's rates)."""

from __future__ import annotations

import math

import pytest

from gwfollow.scans.significance import energy_threshold, false_alarm_rate, significant, snr
from gwfollow.scans.tiling import plan

TILING = plan(10, 256, (4, 64), (8, None))


@pytest.mark.parametrize("far", [1e-10, 3.171e-8, 1e-3])
def test_the_threshold_is_the_energy_of_that_rate(far: float) -> None:
    energy = energy_threshold(far, TILING)
    assert false_alarm_rate(energy, TILING) == pytest.approx(far)
    assert significant(energy * 1.001, TILING, far_threshold=far)
    assert not significant(energy * 0.999, TILING, far_threshold=far)


def test_more_tiles_need_more_energy() -> None:
    assert energy_threshold(1e-8, plan(10, 1024, (4, 64), (8, None))) > energy_threshold(1e-8, TILING)


def test_the_snr_counts_too() -> None:
    assert significant(15.2, TILING, far_threshold=1.0, snr_threshold=5.5)
    assert not significant(15.0, TILING, far_threshold=1.0, snr_threshold=5.5)
    assert not significant(0.0, TILING, far_threshold=1e6, snr_threshold=1.0)


def test_the_snr_of_an_energy() -> None:
    assert snr(0) == 0
    assert snr(24.5) == pytest.approx(7)


def test_no_energy_has_no_false_alarms() -> None:
    with pytest.raises(ValueError, match="has no threshold"):
        energy_threshold(0, TILING)
    assert math.isclose(false_alarm_rate(800, TILING), 0)

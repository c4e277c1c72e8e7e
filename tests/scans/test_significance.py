"""What is significant for gwdetchar is significant here (see test_qtransform for the comparison with gwpy's rates)."""

from __future__ import annotations

import math

import pytest

from gwfollow.scans.significance import false_alarm_rate, significant, snr
from gwfollow.scans.tiling import plan

TILING = plan(10, 256, (4, 64), (8, None))


@pytest.mark.parametrize("energy", [15.2, 24.5, 30.0])
def test_a_peak_is_significant_below_its_own_rate_and_not_at_it(energy: float) -> None:
    far = false_alarm_rate(energy, TILING)
    assert significant(energy, TILING, far_threshold=far * 1.001)
    assert not significant(energy, TILING, far_threshold=far)


def test_more_tiles_are_more_false_alarms() -> None:
    assert false_alarm_rate(20, plan(10, 1024, (4, 64), (8, None))) > false_alarm_rate(20, TILING)


def test_a_rate_falls_by_the_exponential_of_the_energy() -> None:
    assert false_alarm_rate(20, TILING) / false_alarm_rate(21, TILING) == pytest.approx(math.e)
    assert math.isclose(false_alarm_rate(800, TILING), 0)


def test_the_snr_counts_too() -> None:
    assert significant(15.2, TILING, far_threshold=1.0, snr_threshold=5.5)
    assert not significant(15.0, TILING, far_threshold=1.0, snr_threshold=5.5)
    assert not significant(0.0, TILING, far_threshold=1e6, snr_threshold=1.0)


def test_the_snr_of_an_energy() -> None:
    assert snr(0) == 0
    assert snr(24.5) == pytest.approx(7)

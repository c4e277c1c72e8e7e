"""GPS time and UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwfollow.errors import InputError
from gwfollow.times import gps_to_utc, utc_to_gps


@pytest.mark.parametrize(
    ("gps", "utc"),
    [
        (0.0, datetime(1980, 1, 6, tzinfo=UTC)),
        (1126259462.391, datetime(2015, 9, 14, 9, 50, 45, 391000, tzinfo=UTC)),
        (1187008882.43, datetime(2017, 8, 17, 12, 41, 4, 430000, tzinfo=UTC)),
        (1167264015.0, datetime(2016, 12, 31, 23, 59, 58, tzinfo=UTC)),
        (1167264018.0, datetime(2017, 1, 1, tzinfo=UTC)),  # after the leap second
    ],
)
def test_known_times_are_converted_both_ways(gps: float, utc: datetime) -> None:
    assert gps_to_utc(gps) == utc
    assert utc_to_gps(utc) == pytest.approx(gps, abs=2e-6)


def test_the_leap_second_itself_gives_the_second_after_it() -> None:
    assert gps_to_utc(1167264017.5) == datetime(2017, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)


def test_lal_agrees() -> None:
    lal = pytest.importorskip("lal")
    for gps in (1126259462, 1187008882, 1253326744, 1400000000):
        assert gps_to_utc(gps).timetuple()[:6] == tuple(lal.GPSToUTC(gps))[:6]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 14 * 10**14))
def test_a_time_comes_back_to_the_microsecond(microseconds: int) -> None:
    gps = microseconds / 1e6
    back = utc_to_gps(gps_to_utc(gps))
    assert abs(back - gps) < 2e-6 or abs(back - gps - 1) < 2e-6  # a leap second is told as the second after it


def test_other_zones_are_understood() -> None:
    berlin = datetime(2015, 9, 14, 11, 50, 45, tzinfo=timezone(timedelta(hours=2)))
    assert utc_to_gps(berlin) == pytest.approx(1126259462, abs=1e-6)


@pytest.mark.parametrize("gps", [-1.0, 1e10, float("nan")])
def test_what_is_no_gps_time_is_refused(gps: float) -> None:
    with pytest.raises(InputError, match="GPS time: found"):
        gps_to_utc(gps)


def test_a_time_without_a_zone_or_before_gps_is_refused() -> None:
    with pytest.raises(InputError, match="a time with its zone"):
        utc_to_gps(datetime(2015, 9, 14))
    with pytest.raises(InputError, match="after 1980"):
        utc_to_gps(datetime(1979, 1, 1, tzinfo=UTC))

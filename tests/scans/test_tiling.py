"""The grid of tiles is gwpy's, to the last digit; what has no tiles says why."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwfollow.scans.tiling import Tiling, TilingError, plan


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    duration=st.sampled_from([4.0, 16.0, 32.0, 34.0, 66.0, 66.5]),
    rate=st.sampled_from([64.0, 256.0, 1000.0, 2048.0, 4096.0]),
    low_q=st.floats(3.3166, 12),
    q_ratio=st.floats(1, 40),
    low=st.sampled_from([0.0, 1.0, 4.0, 10.0, 30.5]),
    high=st.sampled_from([math.inf, 500.0, 40.0]),
    mismatch=st.floats(0.05, 0.5),
)
def test_every_tile_is_one_of_gwpys(
    duration: float, rate: float, low_q: float, q_ratio: float, low: float, high: float, mismatch: float
) -> None:
    from gwpy.signal.qtransform import QTiling

    q_range = (low_q, low_q * q_ratio)
    try:
        ours = Tiling(duration, rate, q_range, (low, None if math.isinf(high) else high), mismatch).rows
    except TilingError:
        return  # see the next tests
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about frequencies above what the rate allows
        theirs = [
            tile for plane in QTiling(duration, rate, qrange=q_range, frange=(low, high), mismatch=mismatch) for tile in plane
        ]
    assert [(row.q, row.frequency, row.tiles) for row in ours] == [(tile.q, tile.frequency, tile.ntiles) for tile in theirs]
    for row, tile in zip(ours[:: len(ours) // 8 + 1], theirs[:: len(ours) // 8 + 1], strict=True):
        bins = tile.get_data_indices()
        assert (row.first, row.last) == (bins[0], bins[-1] + 1)
        assert row.last <= duration * rate / 2 + 1
        np.testing.assert_allclose(row.window, tile.get_window(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"sample_rate": 16.0, "frequency_range": (30.0, None)}, "no frequencies from 30 Hz"),
        ({"q_range": (1.0, 2.0)}, "negative frequencies"),
        ({"q_range": (8.0, 4.0)}, "the lower end first"),
        ({"mismatch": 0.9, "frequency_range": (4.0, None)}, "a smaller mismatch"),
        ({"duration": 0.5, "frequency_range": (1.5, None)}, "one period is longer"),
        ({"duration": 0.0}, "above 0"),
    ],
)
def test_what_has_no_tiles_says_why(what: dict[str, object], words: str) -> None:
    asked = {"duration": 16.0, "sample_rate": 1024.0, "frequency_range": (4.0, None)} | what
    with pytest.raises(TilingError, match=words):
        _ = Tiling(**asked).rows  # type: ignore[arg-type]


def test_a_plan_is_made_once_and_an_infinite_end_is_no_end() -> None:
    made = plan(4, 256, (4, 8), (10, math.inf), 0.3)
    assert plan(4.0, 256.0, (4.0, 8.0), (10.0, None), 0.3) is made
    assert plan(4.0, 256.0, (4.0, 8.0), (10.0, 60.0), 0.3) is not made


def test_rows_are_grouped_by_their_number_of_tiles_and_planes_go_by_the_nearest_q() -> None:
    made = plan(16, 512, (4, 64), (10, None))
    grouped = [row for tiles, rows in made.by_tiles for row in rows if row.tiles == tiles]
    assert sorted(row.index for row in grouped) == list(range(len(made.rows)))
    plane = made.plane(made.qs[1] * 1.01)
    assert {row.q for row in plane} == {made.qs[1]}
    assert [row.frequency for row in plane] == sorted(row.frequency for row in plane)
    assert all(row.window.dtype == np.float32 for row in plane)

"""A bit passes only if every sample of the whole window has it on; what is not known is never a pass, and never hides a fail."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from gwfollow.quality.vectors import Piece, judge

WINDOW = (998.0, 1002.0)
ON = 0b11


def series(samples: Any, *, start: float = 990.0, rate: float = 16.0) -> Piece:
    return Piece(start, rate, numpy.asarray(samples))


def constant(value: float, dtype: str = "uint32", *, start: float = 990.0, rate: float = 16.0, seconds: float = 20.0) -> Piece:
    return series(numpy.full(round(seconds * rate), value, dtype=dtype), start=start, rate=rate)


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float32", "float64", "uint8"])
@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0, 16.0])
def test_a_bit_that_is_on_throughout_passes_whatever_the_type_and_the_rate(dtype: str, rate: float) -> None:
    assert judge([constant(ON, dtype, rate=rate)], 1, WINDOW).verdict == "pass"
    off = judge([constant(ON, dtype, rate=rate)], 2, WINDOW)
    assert (off.verdict, off.samples, off.bad, off.first_bad) == ("fail", 4 * rate, 4 * rate, 998.0)


@pytest.mark.parametrize(
    ("index", "verdict"),
    [(127, "pass"), (128, "fail"), (191, "fail"), (192, "pass")],
    ids=["just before", "first", "last", "just after"],
)
def test_the_window_has_its_first_sample_and_not_the_one_at_its_end(index: int, verdict: str) -> None:
    samples = numpy.full(320, ON, dtype="uint32")
    samples[index] = 0  # sample 128 is at GPS 998, 192 at 1002
    assert judge([series(samples)], 0, WINDOW).verdict == verdict


def test_a_slow_sample_that_began_before_the_window_still_holds_in_it() -> None:
    samples = numpy.full(20, ON, dtype="uint32")
    samples[7] = 0  # GPS 997 to 998
    assert judge([series(samples, rate=1)], 0, (997.5, 999.5)).verdict == "fail"
    assert judge([series(samples, rate=1)], 0, (998.0, 999.5)).verdict == "pass"


def test_one_bad_sample_fails_and_its_time_is_told() -> None:
    samples = numpy.full(320, ON, dtype="uint32")
    samples[150] = 0b10
    found = judge([series(samples)], 0, WINDOW)
    assert (found.verdict, found.bad, found.first_bad) == ("fail", 1, 990 + 150 / 16)
    assert found.summary == "off in 1 of 64 samples, from GPS 999.375"
    assert judge([series(samples)], 1, WINDOW).verdict == "pass"


@pytest.mark.parametrize("wrong", [numpy.nan, numpy.inf, -1.0, 3.5, 2.0**60])
def test_a_sample_that_is_no_state_makes_it_unknown(wrong: float) -> None:
    samples = numpy.full(320, float(ON))
    samples[150:152] = wrong
    found = judge([series(samples)], 0, WINDOW)
    assert (found.verdict, found.unknown) == ("unknown", ((990 + 150 / 16, 990 + 152 / 16),))


def test_a_float_too_large_to_be_exact_is_no_state() -> None:
    assert judge([constant(2.0**24 + 2, "float32")], 1, WINDOW).verdict == "unknown"
    assert judge([constant(2.0**24 + 2, "float64")], 1, WINDOW).verdict == "pass"


def test_a_gap_in_the_middle_is_unknown_and_told() -> None:
    pieces = [constant(ON, seconds=9), constant(ON, start=1000.0)]
    found = judge(pieces, 0, WINDOW)
    assert (found.verdict, found.unknown) == ("unknown", ((999.0, 1000.0),))
    assert "not known for [999, 1000)" in found.summary


@pytest.mark.parametrize(
    "pieces", [[], [constant(ON, start=1002.0)], [constant(ON, seconds=8.0)]], ids=["none", "after", "before"]
)
def test_no_sample_in_the_window_is_unknown(pieces: list[Piece]) -> None:
    found = judge(pieces, 0, WINDOW)
    assert (found.verdict, found.samples, found.unknown) == ("unknown", 0, (WINDOW,))


@pytest.mark.parametrize("hole", [numpy.nan, None], ids=["nan", "gap"])
def test_what_is_missing_does_not_hide_what_fails(hole: float | None) -> None:
    samples = numpy.full(320, float(ON))
    samples[180] = 0.0
    if hole is not None:
        samples[140] = hole
    pieces = [series(samples)] if hole is not None else [series(samples[:140]), series(samples[150:], start=990 + 150 / 16)]
    found = judge(pieces, 0, WINDOW)
    assert found.verdict == "fail"
    assert found.unknown


def test_frames_that_overlap_or_are_there_twice_pass_and_are_no_gap() -> None:
    pieces = [constant(ON, seconds=10), constant(ON, start=995.0), constant(ON, start=995.0)]
    assert judge(pieces, 0, WINDOW).verdict == "pass"


def test_pieces_in_any_order_tell_the_first_bad_sample() -> None:
    pieces = [constant(0, start=1001.0), constant(0, start=990.0, seconds=9), constant(ON, start=999.0, seconds=2)]
    assert judge(pieces, 0, WINDOW).first_bad == 998.0


def test_the_highest_bit_of_a_signed_integer_is_read() -> None:
    assert judge([constant(-(2**31), "int32")], 31, WINDOW).verdict == "pass"
    assert judge([constant(-(2**31), "int32")], 0, WINDOW).verdict == "fail"


def test_samples_of_a_strange_type_are_unknown() -> None:
    assert judge([series(numpy.full(320, 3 + 0j))], 0, WINDOW).verdict == "unknown"


def test_files_of_different_rates_and_types_are_read_each_as_it_is() -> None:
    pieces = [constant(ON, "uint32", seconds=10), constant(ON, "float32", start=1000.0, rate=1.0)]
    assert judge(pieces, 0, WINDOW).verdict == "pass"
    off = judge(pieces, 2, WINDOW)
    assert (off.verdict, off.samples, off.bad) == ("fail", 34, 34)

"""iDQ fails where a false-alarm probability in the window is at the threshold or below, while iDQ says that it works."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from gwfollow.quality.idq import judge_fap, smallest
from gwfollow.quality.vectors import Piece

WINDOW = (998.0, 1002.0)


def probabilities(**at: float) -> list[Piece]:
    """0.5 at 128 Hz from GPS 990 for 20 s, with other values at some indices: ``probabilities(s1100=0.001)``."""
    samples = numpy.full(20 * 128, 0.5, dtype="float32")
    for name, value in at.items():
        samples[int(name[1:])] = value
    return [Piece(990.0, 128.0, samples)]


def state(value: Any) -> list[Piece]:
    return [Piece(990.0, 16.0, numpy.full(320, value, dtype="float32"))]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.5, "pass"), (0.0101, "pass"), (0.01, "fail"), (1e-6, "fail"), (numpy.nan, "unknown"), (-1.0, "unknown")],
)
def test_the_smallest_probability_decides(value: float, verdict: str) -> None:
    pieces = probabilities(s1100=value)
    assert judge_fap(pieces, float(numpy.float32(0.01)), WINDOW).verdict == verdict
    assert smallest(pieces, WINDOW) == pytest.approx(value if 0 <= value <= 1 else 0.5)


def test_what_lies_outside_the_window_does_not_count() -> None:
    pieces = probabilities(s1023=0.0, s1536=0.0)  # just before GPS 998, and at 1002
    assert judge_fap(pieces, 0.01, WINDOW).verdict == "pass"
    assert smallest(pieces, WINDOW) == 0.5


@pytest.mark.parametrize(("ok", "verdict"), [(1, "fail"), (0, "unknown"), (numpy.nan, "unknown"), (None, "unknown")])
def test_while_idq_does_not_work_its_probabilities_say_nothing(ok: float | None, verdict: str) -> None:
    said = [] if ok is None else state(ok)
    assert judge_fap(probabilities(s1100=0.001), 0.01, WINDOW, said).verdict == verdict


def test_without_samples_it_is_unknown() -> None:
    assert judge_fap([], 0.01, WINDOW).verdict == "unknown"
    assert smallest([], WINDOW) is None

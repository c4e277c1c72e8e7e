"""State vectors: whether a bit was on over a whole stretch of time.

A sample holds from its own time until the next one, so every sample counts whose stretch overlaps the window, however slow the channel.
Shapes: the samples of a piece are one-dimensional.  Times are GPS s, rates Hz.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from gwfollow.data.segments import Segment, missing, told

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True)
class Piece:
    """Samples without a gap: integers, or floats that hold integers, or probabilities."""

    start: float
    rate: float
    samples: NDArray[Any]

    @property
    def segment(self) -> Segment:
        return self.start, self.start + len(self.samples) / self.rate


@dataclass(frozen=True)
class Reading:
    """One bit over the window: how many samples there were, how many had it off and when that began, what is not known."""

    verdict: Verdict
    samples: int
    bad: int = 0
    first_bad: float | None = None
    unknown: tuple[Segment, ...] = ()

    @property
    def summary(self) -> str:
        """For people; empty where there is nothing to say."""
        parts = []
        if self.bad and self.first_bad is not None:
            since = f"{self.first_bad:.4f}".rstrip("0").rstrip(".")
            parts.append(f"off in {self.bad} of {self.samples} samples, from GPS {since}")
        if self.unknown:
            parts.append(f"not known for {told(self.unknown)}")
        return "; ".join(parts)


def judge(pieces: Iterable[Piece], number: int, window: Segment) -> Reading:
    """Bit `number` over ``[start, end)``: *fail* where a sample has it off, else *unknown* where one is missing or no integer, else *pass*."""
    return weigh(pieces, window, lambda samples: _off(samples, number), lambda samples: _integers(samples))


def weigh(pieces: Iterable[Piece], window: Segment, bad: Any, valid: Any) -> Reading:
    """The same for any question: `bad` and `valid` turn samples into booleans of the same shape."""
    known: list[Segment] = []
    count = failing = 0
    first: float | None = None
    for piece in pieces:
        index, samples = _within(piece, window)
        good = valid(samples)
        wrong = numpy.flatnonzero(good & bad(samples))
        count += len(samples)
        failing += len(wrong)
        if len(wrong):
            at = piece.start + float(index + wrong[0]) / piece.rate
            first = at if first is None else min(first, at)
        known += _stretches(piece, index, good)
    unknown = tuple(missing(window, known))
    verdict: Verdict = "fail" if failing else "unknown" if unknown else "pass"
    return Reading(verdict, count, failing, first, unknown)


def _within(piece: Piece, window: Segment) -> tuple[int, NDArray[Any]]:
    """The samples whose stretch overlaps the window, and the index of the first."""
    # a millionth of a sample is rounding of times in double precision
    first = max(0, int(numpy.floor((window[0] - piece.start) * piece.rate + 1e-6)))
    last = min(len(piece.samples), int(numpy.ceil((window[1] - piece.start) * piece.rate - 1e-6)))
    return first, piece.samples[first : max(first, last)]


def _stretches(piece: Piece, index: int, good: NDArray[numpy.bool_]) -> list[Segment]:
    """Where samples from `index` on are good, as segments."""
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([False], good, [False])).astype(numpy.int8)))
    times = piece.start + (index + edges) / piece.rate
    return [(float(times[at]), float(times[at + 1])) for at in range(0, len(times), 2)]


def _integers(samples: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Which samples are states: integers, and floats that are whole, not negative, and small enough to be exact."""
    if samples.dtype.kind in "iub":
        return numpy.ones(len(samples), dtype=bool)
    if samples.dtype.kind != "f":
        return numpy.zeros(len(samples), dtype=bool)
    exact = 2.0 ** (numpy.finfo(samples.dtype).nmant + 1)
    found: NDArray[numpy.bool_] = (
        numpy.isfinite(samples) & (samples >= 0) & (samples <= exact) & (numpy.floor(samples) == samples)
    )
    return found


def _off(samples: NDArray[Any], number: int) -> NDArray[numpy.bool_]:
    valid = _integers(samples)
    if not valid.any():
        return ~valid
    states = numpy.zeros(len(samples), dtype=numpy.int64)
    states[valid] = samples[valid].astype(numpy.int64)  # a negative integer keeps its bits: two's complement
    found: NDArray[numpy.bool_] = (states >> number) & 1 == 0
    return found


__all__ = ["Piece", "Reading", "judge", "weigh"]

"""iDQ: how likely clean data look as glitchy as these (Essick et al. 2021, MLST 2, 015004), at its worst within the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from gwfollow.data.segments import Segment
from gwfollow.quality.vectors import Piece, Reading, judge, weigh


def judge_fap(pieces: Sequence[Piece], threshold: float, window: Segment, ok: Sequence[Piece] | None = None) -> Reading:
    """*fail* where a false-alarm probability is at the threshold or below.

    `ok` are the samples of iDQ's own state: where it does not say 1 throughout, its probabilities say nothing and all is *unknown*.
    What is no probability (NaN, outside 0 to 1) is unknown.
    """
    if ok is not None and judge(ok, 0, window).verdict != "pass":
        return Reading("unknown", sum(len(piece.samples) for piece in pieces), unknown=(window,))
    return weigh(
        pieces,
        window,
        lambda samples: samples <= threshold,
        lambda samples: numpy.isfinite(samples) & (samples >= 0) & (samples <= 1),
    )


def smallest(pieces: Sequence[Piece], window: Segment) -> float | None:
    """The smallest probability within the window; None where there is none."""
    found = [float(piece.samples[good].min()) for piece in pieces if (good := _inside(piece, window)).any()]
    return min(found, default=None)


def _inside(piece: Piece, window: Segment) -> numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]:
    times = piece.start + numpy.arange(len(piece.samples)) / piece.rate
    found: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]] = (
        (times < window[1]) & (times + 1 / piece.rate > window[0]) & (piece.samples >= 0) & (piece.samples <= 1)
    )
    return found


__all__ = ["judge_fap", "smallest"]

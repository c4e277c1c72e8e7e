"""Stretches of GPS time, half-open: a segment (start, end) holds start and not end, so two that touch do not overlap.  Seconds.

The arithmetic is that of `igwn_segments`, imported where it is used: what Airflow parses comes by here.  Segments go in and out as plain
pairs, so that they can be stored as JSON; one that is empty, or ends before it begins, holds no time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Segment = tuple[float, float]


def coalesced(segments: Iterable[Segment]) -> list[Segment]:
    """The same time as few, sorted, disjoint segments; what touches is joined, what is empty is left out."""
    return _plain(_joined(segments))


def missing(wanted: Segment, have: Iterable[Segment]) -> list[Segment]:
    """What of `wanted` no segment of `have` holds, in order."""
    return _plain(_joined([wanted]) - _joined(have))


def overlaps(one: Segment, other: Segment) -> bool:
    """Whether they share any time; touching is not overlapping."""
    return bool(_joined([one]) & _joined([other]))


def livetime(segments: Iterable[Segment]) -> float:
    """Seconds, each counted once."""
    return float(abs(_joined(segments)))


def told(segments: Iterable[Segment], most: int | None = None) -> str:
    """As people write them: ``[1126259446, 1126259450) and [1126259460, 1126259462)``; of more than `most` the first ones."""
    every = [f"[{_number(start)}, {_number(end)})" for start, end in segments]
    if most is not None and len(every) > most:
        every = [*every[:most], f"{len(every) - most} more"]
    return " and ".join(every)


def _joined(segments: Iterable[Segment]) -> Any:
    from igwn_segments import segment, segmentlist

    # igwn_segments would turn round what ends before it begins
    return segmentlist(segment(start, end) for start, end in segments if start < end).coalesce()


def _plain(segments: Any) -> list[Segment]:
    return [(start, end) for start, end in segments]


def _number(gps: float) -> str:
    return f"{gps:.4f}".rstrip("0").rstrip(".")

"""Stretches of GPS time, half-open: a segment (start, end) holds start and not end, so two that touch do not overlap.  Seconds."""

from __future__ import annotations

from collections.abc import Iterable

Segment = tuple[float, float]


def coalesced(segments: Iterable[Segment]) -> list[Segment]:
    """The same time as few, sorted, disjoint segments; what touches is joined, what is empty is left out."""
    joined: list[Segment] = []
    for start, end in sorted(segments):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def missing(wanted: Segment, have: Iterable[Segment]) -> list[Segment]:
    """What of `wanted` no segment of `have` holds, in order."""
    gaps = []
    at, end = wanted
    for start, stop in coalesced(have):
        if stop <= at:
            continue
        if start >= end:
            break
        if start > at:
            gaps.append((at, start))
        at = stop
    if at < end:
        gaps.append((at, end))
    return gaps


def overlaps(one: Segment, other: Segment) -> bool:
    """Whether they share any time; touching is not overlapping."""
    return max(one[0], other[0]) < min(one[1], other[1])


def livetime(segments: Iterable[Segment]) -> float:
    """Seconds, each counted once."""
    return sum(end - start for start, end in coalesced(segments))


def told(segments: Iterable[Segment]) -> str:
    """As people write them: ``[1126259446, 1126259450) and [1126259460, 1126259462)``."""
    return " and ".join(f"[{_number(start)}, {_number(end)})" for start, end in segments)


def _number(gps: float) -> str:
    return f"{gps:.4f}".rstrip("0").rstrip(".")

"""Fast pictures of many events at once: plain columns, no documents, the same two queries however many events there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from gwfollow.ledger.schema import Analysis, Event, Need


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """What a DAG needs to know of an analysis."""

    name: str
    pipeline: str
    status: str
    needs: tuple[str, ...] = ()  # names of the analyses that it waits for
    dangling: tuple[str, ...] = ()  # conditions that nothing in the event meets, as the blueprint says them


@dataclass(frozen=True, slots=True)
class EventView:
    name: str
    gps: float | None  # s
    graceid: str | None
    source: str
    revision: int
    interferometers: tuple[str, ...]
    analyses: tuple[AnalysisView, ...]


def active_events(session: Session, name: str | None = None) -> list[EventView]:
    """All active events, oldest first, or the one called `name` (an empty list where it is not active)."""
    analyses: dict[int, list[AnalysisView]] = defaultdict(list)
    for _, rows in groupby(session.execute(_analyses(name)), key=lambda row: row.id):
        edges = list(rows)
        analyses[edges[0].event_id].append(_view(edges))
    return [
        EventView(
            row.name, row.gps, row.graceid, row.source, row.revision, tuple(row.interferometers or ()), tuple(analyses[row.id])
        )
        for row in session.execute(_events(name))
    ]


def _events(name: str | None) -> Select[Any]:
    query = select(
        Event.id,
        Event.name,
        Event.gps,
        Event.graceid,
        Event.source,
        Event.revision,
        # the database takes it from the document, so that the document itself does not travel
        Event.document["interferometers"].label("interferometers"),
    )
    query = query.where(Event.active).order_by(Event.id)
    return query.where(Event.name == name) if name is not None else query


def _analyses(name: str | None) -> Select[Any]:
    """A row for each edge; an analysis without needs has one row."""
    needed = select(Analysis.id, Analysis.name).subquery()
    query = (
        select(
            Analysis.id,
            Analysis.event_id,
            Analysis.name,
            Analysis.pipeline,
            Analysis.status,
            Need.condition,
            Need.optional,
            Need.dynamic,
            needed.c.name.label("needed"),
        )
        .join(Event, Analysis.event_id == Event.id)
        .outerjoin(Need, Need.analysis_id == Analysis.id)
        .outerjoin(needed, Need.needed_id == needed.c.id)
        .where(Event.active)
        .order_by(Analysis.id, Need.position, Need.id)
    )
    return query.where(Event.name == name) if name is not None else query


def _view(edges: Sequence[Row[Any]]) -> AnalysisView:
    first = edges[0]
    needs = dict.fromkeys(edge.needed for edge in edges if edge.needed is not None)
    dangling = tuple(
        edge.condition
        for edge in edges
        if edge.condition is not None and edge.needed is None and not edge.optional and not edge.dynamic
    )
    return AnalysisView(first.name, first.pipeline, first.status, tuple(needs), dangling)

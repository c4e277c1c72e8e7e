"""Fast pictures of many events at once: plain columns, no documents, the same two queries however many events there are."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

# Every task asks this at its start, in a process of its own: SQLAlchemy would take longer to compile a query than the database to answer.
_EVENTS = """\
SELECT id, name, gps, graceid, source, revision, kind, {detectors} AS detectors
FROM events WHERE active {which} ORDER BY id
"""

#: the database takes it from the document, so that the document itself does not travel
_DETECTORS = {"sqlite": "json_extract(document, '$.interferometers')", "postgresql": "document -> 'interferometers'"}
_SUBJECTS = {"sqlite": "json_extract(analyses.document, '$.subjects')", "postgresql": "analyses.document -> 'subjects'"}

#: a row for each edge; an analysis without needs has one row.  An archived event's analyses are needed like any others
_ANALYSES = """\
SELECT analyses.id, analyses.event_id, analyses.name, analyses.pipeline, analyses.status, analyses.review_first,
       needs.condition, needs.optional, needs.dynamic, needs.role, needed.name AS needed,
       elsewhere.name AS elsewhere,
       CASE WHEN events.kind = 'project' THEN {subjects} END AS subjects
FROM analyses JOIN events ON analyses.event_id = events.id
     LEFT JOIN needs ON needs.analysis_id = analyses.id
     LEFT JOIN analyses AS needed ON needs.needed_id = needed.id
     LEFT JOIN events AS elsewhere ON needed.event_id = elsewhere.id AND needed.event_id <> analyses.event_id
WHERE events.active {which}
ORDER BY analyses.id, needs.position, needs.id
"""


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """What a DAG needs to know of an analysis."""

    name: str
    pipeline: str
    status: str
    needs: tuple[str, ...] = ()  # names of the analyses of its event that it waits for
    dangling: tuple[str, ...] = ()  # conditions that nothing in the event meets, as the blueprint says them
    elsewhere: tuple[str, ...] = ()  # what it waits for in other events: event/analysis
    subjects: tuple[str, ...] = ()  # of a project analysis: its events
    review_first: bool = False  # a person approves before it is published


@dataclass(frozen=True, slots=True)
class EventView:
    name: str
    gps: float | None  # s
    graceid: str | None
    source: str
    revision: int
    interferometers: tuple[str, ...]
    analyses: tuple[AnalysisView, ...]
    kind: str = "event"  # or project: the row that holds the analyses that span events


def active_events(session: Session, name: str | None = None, part: tuple[int, int] | None = None) -> list[EventView]:
    """All active events, oldest first, or the one called `name` (an empty list where it is not active).

    With `part` = (k, n) those alone whose id leaves k when divided by n.
    """
    which, values = _which(name, part)
    analyses: dict[int, list[AnalysisView]] = defaultdict(list)
    dialect = session.get_bind().dialect.name
    query = _ANALYSES.format(which=which, subjects=_SUBJECTS[dialect])
    for _, rows in groupby(session.execute(text(query), values), key=lambda row: row.id):
        edges = list(rows)
        analyses[edges[0].event_id].append(_view(edges))
    query = _EVENTS.format(detectors=_DETECTORS[dialect], which=which)
    return [
        EventView(
            row.name, row.gps, row.graceid, row.source, row.revision, _names(row.detectors), tuple(analyses[row.id]), row.kind
        )
        for row in session.execute(text(query), values)
    ]


def _which(name: str | None, part: tuple[int, int] | None) -> tuple[str, dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if name is not None:
        conditions.append("AND events.name = :name")
        values["name"] = name
    if part is not None:
        conditions.append("AND events.id % :parts = :part")
        values["part"], values["parts"] = part
    return " ".join(conditions), values


def _names(value: Any) -> tuple[str, ...]:
    """SQLite gives a part of a document as text."""
    return tuple((json.loads(value) if isinstance(value, str) else value) or ())


def _view(edges: Sequence[Row[Any]]) -> AnalysisView:
    first = edges[0]
    here = [edge for edge in edges if edge.needed is not None and edge.elsewhere is None and not edge.dynamic]
    dangling = tuple(
        edge.condition
        for edge in edges
        if edge.condition is not None and edge.needed is None and not edge.optional and not edge.dynamic and edge.role == "needs"
    )
    return AnalysisView(
        first.name,
        first.pipeline,
        first.status,
        tuple(dict.fromkeys(edge.needed for edge in here)),
        dangling,
        tuple(dict.fromkeys(f"{edge.elsewhere}/{edge.needed}" for edge in edges if edge.elsewhere is not None)),
        _names(first.subjects),
        bool(first.review_first),
    )

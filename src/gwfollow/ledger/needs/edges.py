"""The static part of needs as rows of `Need`: name, pipeline and document are known when an event's analyses change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.merge import pipeline_defaults
from gwfollow.ledger.needs.candidates import Pool, Wish, load_events
from gwfollow.ledger.needs.conditions import Entry
from gwfollow.ledger.needs.grammar import has_needs
from gwfollow.ledger.schema import Analysis, Event, Need
from gwfollow.naming import PROJECT

#: key of a document: a person approves before it is published
REVIEW_FIRST = "review before publishing"

_Edge = tuple[int, str, Analysis | None, str, bool, bool]


def link(event: Event, project: Mapping[str, Any], subjects: Mapping[str, Event] | None = None) -> set[str]:
    """Make the `Need` rows of an event's analyses anew where they differ; returns the names whose edges have changed.

    Call it whenever the event's analyses or their documents change, then `relink_projects`.  Raises `InputError` for a circle, which
    it names.

    Parameters
    ----------
    subjects : of the project's analyses: the events that they look at, by name (`relink_projects` finds them)
    """
    pool = Pool(project, [event, *(other for other in (subjects or {}).values() if other is not event)])
    changed = set()
    for row in event.analyses:
        wanted = list(_edges(Wish(row), pool)) if _looks(row) else []
        present = [(n.position, n.condition, n.needed, n.role, n.optional, n.dynamic) for n in row.needs]
        if present != wanted:
            row.needs = [Need(position=p, condition=c, needed=n, role=r, optional=o, dynamic=d) for p, c, n, r, o, d in wanted]
            changed.add(row.name)
        if row.review_first != (first := _review_first(project, event, row)):
            row.review_first = first
    _refuse_circles(event)
    return changed


def _looks(row: Analysis) -> bool:
    return has_needs(row.document) or bool(row.document.get("subjects"))


def _edges(wish: Wish, pool: Pool) -> Iterable[_Edge]:
    for name in wish.subjects:
        if name not in pool.events:
            yield -1, f"subject {name}", None, "needs", False, False
    for role, entries in wish.lists.items():
        for position, entry in enumerate(entries):
            for scope in wish.scopes(entry):
                yield from _entry_edges(role, position, entry, scope, wish, pool)


def _entry_edges(role: str, position: int, entry: Entry, scope: str, wish: Wish, pool: Pool) -> Iterable[_Edge]:
    said = str(entry) if len(wish.scopes(entry)) == 1 else f"{entry} (in {scope})"
    if not entry.selects:
        yield position, said, None, role, entry.optional, True
        return
    found: list[Analysis | None] = [other.row for other in pool.static(entry, wish.row, scope)]
    for needed in found or [None]:
        yield position, said, needed, role, entry.optional, position in wish.counted(role)


def _review_first(project: Mapping[str, Any], event: Event, row: Analysis) -> bool:
    """The key as the merged document has it, without merging: it stands at the top of each layer."""
    for document in (row.document, event.document, pipeline_defaults(project, row.pipeline), project):
        if (said := document.get(REVIEW_FIRST)) is not None:
            return bool(said)
    return False


def _refuse_circles(event: Event) -> None:
    graph = {
        row.name: [need.needed.name for need in row.needs if need.needed is not None and need.needed.event is event]
        for row in event.analyses
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib names each before the one that needs it
        circle = " needs ".join(reversed(error.args[1]))
        raise InputError(f"event {event.name}, needs", circle, "no circle") from None


# ---- the project's analyses ---------------------------------------------------------------------------------------------


def affected_projects(session: Session, events: Collection[str]) -> list[Analysis]:
    """The project's analyses that look at any of `events` (one query)."""
    query = select(Analysis).join(Event).where(Event.name == PROJECT).order_by(Analysis.id)
    wanted = set(events)
    return [row for row in session.scalars(query) if not wanted.isdisjoint(Wish(row).places())]


def relink_projects(
    session: Session, project: Mapping[str, Any], events: Mapping[str, Event], *, row: Event | None = None
) -> set[str]:
    """Make the edges of the project's analyses anew after `events` (by name) have changed; returns the names whose edges have changed.

    Parameters
    ----------
    row : the project's own row, where it is in the session and perhaps not yet in the ledger
    """
    if row is None:
        row = session.scalar(select(Event).where(Event.name == PROJECT))
        if row is None or not any(not events.keys().isdisjoint(Wish(one).places()) for one in row.analyses):
            return set()
    places = {name for one in row.analyses for name in Wish(one).places()}
    return link(row, project, load_events(session, places, {**events, row.name: row}))


__all__ = ["REVIEW_FIRST", "affected_projects", "link", "relink_projects"]

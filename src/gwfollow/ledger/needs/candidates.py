"""The analyses that an entry may mean, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gwfollow.ledger.merge import merge_rows
from gwfollow.ledger.needs.conditions import Condition, Entry, reached, text_of
from gwfollow.ledger.needs.grammar import NeedsSettings, parse_needs, parse_settings
from gwfollow.ledger.reviews import verdicts_in
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.naming import PROJECT

NEEDS, ANALYSES = "needs", "analyses"


class Candidate:
    """An analysis that may meet a condition; its merged document is made only when one asks for it."""

    def __init__(self, row: Analysis, document: Callable[[], Mapping[str, Any]]) -> None:
        self.row, self.verdict, self._make = row, "", document
        self._document: Mapping[str, Any] | None = None

    def meets(self, conditions: Iterable[Condition], *, finished: bool = False) -> bool:
        """Whether all of them hold; with `finished` as it would be once the analysis is finished."""
        return all(condition.holds(self.values(condition.path, finished=finished)) for condition in conditions)

    def values(self, path: tuple[str, ...], *, finished: bool = False) -> set[str]:
        """What it has there, as texts; a list gives several, and nothing gives none."""
        head = path[0]
        if path == ("name",):
            return {self.row.name}
        if path == ("event",):
            return {self.row.event.name}
        if path == ("pipeline",):
            return {self.row.pipeline.lower()}
        if head == "status":
            return set(reached("finished" if finished else self.row.status))
        if head == "review":
            # what is preferred has been approved
            return {self.verdict, "approved"} if self.verdict == "preferred" else {self.verdict}
        return self._document_values(path)

    @property
    def retracted(self) -> bool:
        """Whether the alerts say that its event is none."""
        return bool((self.row.event.alert or {}).get("retracted"))

    def interesting(self) -> bool:
        """asimov's condition: its labeller says so."""
        said = self._document_values(("labels", "interesting")) | self._document_values(("interest status",))
        return any(value not in ("false", "0", "") for value in said)

    def _document_values(self, path: tuple[str, ...]) -> set[str]:
        if self._document is None:
            self._document = self._make()
        here: Any = self._document
        if path[0] == "labels":  # a label may have dots in its name
            path = ("labels", ".".join(path[1:]))
        for step in path:
            here = here.get(step) if isinstance(here, Mapping) else None
        values = here if isinstance(here, list) else [here]
        return {text_of(value) for value in values if value is not None}


class Pool:
    """Where an analysis looks: its event, or the subjects of a project analysis (and the project itself, for `project/NAME`)."""

    def __init__(self, project: Mapping[str, Any], events: Iterable[Event]) -> None:
        self.events: dict[str, list[Candidate]] = {}
        self._names: dict[tuple[str, str], Candidate] = {}
        self._project = project
        for event in events:
            self.events[event.name] = [self._candidate(event, row) for row in event.analyses]

    def _candidate(self, event: Event, row: Analysis) -> Candidate:
        found = Candidate(row, lambda: merge_rows(self._project, event, row))
        self._names[event.name, row.name] = found
        return found

    def static(self, entry: Entry, row: Analysis, event: str) -> list[Candidate]:
        """Those of the event called `event` that meet what does not come and go; never `row` itself."""
        if entry.name is not None:
            one = self._names.get((event, entry.name))
            return [] if one is None or one.row is row else [one]
        return [other for other in self.events.get(event, ()) if other.row is not row and other.meets(entry.static)]

    def add_reviews(self, session: Session) -> None:
        """The verdict that counts of each analysis (one query)."""
        ids = {other.row.event_id for others in self.events.values() for other in others}
        verdicts = verdicts_in(session, ids) if ids else {}
        for others in self.events.values():
            for other in others:
                if (review := verdicts.get(other.row.id)) is not None:
                    other.verdict = review.verdict.lower()


class Wish:
    """The two lists of an analysis, read, and where each is looked for."""

    def __init__(self, row: Analysis) -> None:
        about = f"analysis {row.name}"
        document = row.document
        self.row = row
        self.lists = {
            NEEDS: parse_needs(document.get("needs"), f"{about}, needs"),
            ANALYSES: parse_needs(document.get("analyses"), f"{about}, analyses"),
        }
        self._settings = parse_settings(document.get("needs settings"), f"{about}, needs settings")
        self.subjects = subjects_of(row)

    def settings(self, role: str) -> NeedsSettings:
        """They speak of `needs` where there is such a list, else of `analyses`."""
        mine = NEEDS if self.lists[NEEDS] else ANALYSES
        return self._settings if role == mine else NeedsSettings()

    def counted(self, role: str) -> frozenset[int]:
        """Positions of the entries among which `minimum` counts: the alternatives, or the names where there are only names."""
        if self.settings(role).minimum is None:
            return frozenset()
        wanted = [(position, entry) for position, entry in enumerate(self.lists[role]) if not entry.optional]
        alternatives = frozenset(position for position, entry in wanted if entry.name is None)
        return alternatives or frozenset(position for position, _ in wanted)

    def scopes(self, entry: Entry) -> tuple[str, ...]:
        """Names of the events in which the entry is looked for."""
        if entry.event is not None:
            return (entry.event,)
        return self.subjects if self.row.event.kind == PROJECT else (self.row.event.name,)

    def places(self) -> tuple[str, ...]:
        """Every event that any entry is looked for in."""
        named = (scope for entries in self.lists.values() for entry in entries for scope in self.scopes(entry))
        return tuple(dict.fromkeys([*self.subjects, *named]))

    def asks_reviews(self) -> bool:
        return any(c.path[0] == "review" for entries in self.lists.values() for entry in entries for c in entry.conditions)


def starts_early(row: Analysis) -> bool:
    """Whether it may start in the middle of a run that works on what it needs: enough are done, or something was said of one."""
    wish = Wish(row)
    counted = any(wish.settings(role).minimum is not None for role in wish.lists)
    return counted or any(entry.dynamic for entries in wish.lists.values() for entry in entries)


def subjects_of(row: Analysis) -> tuple[str, ...]:
    """The events of a project analysis; none for any other."""
    return tuple(row.document.get("subjects") or ()) if row.event.kind == PROJECT else ()


def load_events(session: Session, names: Collection[str], known: Mapping[str, Event] | None = None) -> dict[str, Event]:
    """Events with their analyses, by name; those in `known` are taken from there, and one that is not in the ledger is left out."""
    found = {name: event for name in names if (event := (known or {}).get(name)) is not None}
    missing = sorted(set(names) - found.keys())
    for start in range(0, len(missing), 500):  # SQLite binds at most 32766 values
        query = select(Event).where(Event.name.in_(missing[start : start + 500])).options(selectinload(Event.analyses))
        found |= {event.name: event for event in session.scalars(query)}
    return found


def pool_for(session: Session, project: Mapping[str, Any], event: Event, wishes: Sequence[Wish]) -> Pool:
    """The pool of several analyses of one event (or of the project), with reviews where somebody asks for them."""
    if event.kind == PROJECT:
        names = {name for wish in wishes for name in wish.places()}
        pool = Pool(project, load_events(session, names, {event.name: event}).values())
    else:
        pool = Pool(project, [event])
    if any(wish.asks_reviews() for wish in wishes):
        pool.add_reviews(session)
    return pool


__all__ = ["ANALYSES", "NEEDS", "Candidate", "Pool", "Wish", "load_events", "pool_for", "starts_early", "subjects_of"]

"""Needs that nothing can ever meet: refused when they are applied, not found out when nothing starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.needs.candidates import NEEDS, Pool, Wish, load_events
from gwfollow.ledger.needs.conditions import Entry
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.suggest import nearly
from gwfollow.naming import PROJECT

_LATER = "--later lets it wait for one that will be applied"
#: values that are listed where none is nearly the one asked for
_LISTED = 8


def refuse_impossible(
    session: Session, row: Analysis, place: str, project: Mapping[str, Any], *, later: bool, known: Mapping[str, Event]
) -> list[str]:
    """Look at the edges of an analysis that was just applied and linked; returns warnings for a person.

    Parameters
    ----------
    place : of its document, for messages
    later : what is not there may be applied later
    known : events that are loaded, by name

    Raises
    ------
    InputError : a name that no analysis of the event has, or conditions that none meets (unless `later`); another event's analysis
    """
    if row.event.kind != PROJECT and "needs settings" not in row.document and all(need.needed is not None for need in row.needs):
        return []  # each entry means something: nothing to read again
    return _Check(session, row, place, project, known).run(later)


class _Check:
    def __init__(
        self, session: Session, row: Analysis, place: str, project: Mapping[str, Any], known: Mapping[str, Event]
    ) -> None:
        self.session, self.row, self.place, self.project, self.known = session, row, place, project, known
        self.wish = Wish(row)
        #: (role, position) -> the analyses that it means
        self.found: dict[tuple[str, int], list[Analysis]] = {}
        for need in row.needs:
            if need.needed is not None:
                self.found.setdefault((need.role, need.position), []).append(need.needed)

    def run(self, later: bool) -> list[str]:
        self._own_places()
        if later:
            return []
        self._subjects()
        for role, entries in self.wish.lists.items():
            for position, entry in enumerate(entries):
                if entry.name is not None:
                    self._name(role, position, entry)
        return self._alternatives()

    def _own_places(self) -> None:
        """Nobody looks into events that are not its own: that is for project analyses."""
        event = self.row.event
        allowed = (*self.wish.subjects, PROJECT) if event.kind == PROJECT else (event.name,)
        if PROJECT in self.wish.subjects:
            raise InputError(f"{self.place}, subjects", PROJECT, "events")
        for role, entries in self.wish.lists.items():
            for position, entry in enumerate(entries):
                if entry.event is not None and entry.event not in allowed:
                    whose = "one of its subjects" if event.kind == PROJECT else f"an analysis of {event.name}, its own event"
                    raise InputError(f"{self.place}, {role}[{position}]", str(entry), whose)

    def _subjects(self) -> None:
        events = self._events()
        for index, name in enumerate(self.wish.subjects):
            if name not in events:
                names = self.session.scalars(select(Event.name).where(Event.kind != PROJECT))
                expected = f"an event of the ledger{nearly(name, names)}; --later lets it wait for the event"
                raise InputError(f"{self.place}, subjects[{index}]", name, expected)

    def _name(self, role: str, position: int, entry: Entry) -> None:
        there = {other.event.name for other in self.found.get((role, position), ())}
        for scope in self.wish.scopes(entry):
            if scope not in there:
                event = self._events().get(scope)
                names = [other.name for other in event.analyses if other is not self.row] if event is not None else []
                expected = f"the name of another analysis of {scope}{nearly(entry.name or '', names)}; {_LATER}"
                raise InputError(f"{self.place}, {role}[{position}]", str(entry), expected)

    def _alternatives(self) -> list[str]:
        """`needs` alone: what a subject analysis works on may be there later."""
        entries = self.wish.lists[NEEDS]
        numbered = [(position, entry) for position, entry in enumerate(entries) if not (entry.name or entry.optional)]
        if not numbered or any(not entry.selects for _, entry in numbered):
            return []  # what is about status or review alone can be met by any
        minimum = self.wish.settings(NEEDS).minimum
        if minimum is not None:
            means = {id(other) for position, _ in numbered for other in self.found.get((NEEDS, position), ())}
            if len(means) < minimum:
                expected = f"at least {minimum} (needs settings.minimum); {_LATER}"
                raise InputError(f"{self.place}, needs", f"{len(means)} that they select", expected)
        warnings = []
        for position, entry in numbered:
            there = {other.event.name for other in self.found.get((NEEDS, position), ())}
            for scope in self.wish.scopes(entry):
                if scope in there:
                    continue
                if minimum is None and not self._others_in(scope, numbered):
                    expected = f"what an analysis of {scope} has{self._near(entry, scope)}; {_LATER}"
                    raise InputError(f"{self.place}, needs[{position}]", str(entry), expected)
                warnings.append(
                    f"{self.place}, needs[{position}]: nothing in {scope} has {entry} at present; the other entries are enough"
                )
        return warnings

    def _others_in(self, scope: str, numbered: list[tuple[int, Entry]]) -> bool:
        return any(other.event.name == scope for position, _ in numbered for other in self.found.get((NEEDS, position), ()))

    def _near(self, entry: Entry, scope: str) -> str:
        """What the analyses of the event have instead."""
        event = self._events().get(scope)
        condition = next((c for c in entry.static if c.path != ("event",)), None)
        if event is None or condition is None:
            return ""
        others = [other for other in Pool(self.project, [event]).events[event.name] if other.row is not self.row]
        values = sorted({value for other in others for value in other.values(condition.path)})
        listed = ", ".join(values[:_LISTED]) + (", ..." if len(values) > _LISTED else "")
        return nearly(condition.value.lower(), values) or (f" ({'.'.join(condition.path)}: {listed})" if values else "")

    def _events(self) -> Mapping[str, Event]:
        return load_events(self.session, self.wish.places() or (self.row.event.name,), self.known)


__all__ = ["refuse_impossible"]

"""What an analysis waits for.

``needs`` is a list; each entry stands for all analyses of the event that meet it, and every one of those is waited for:

    needs:
      - generate-psd                            # by name
      - pipeline: bayeswave                     # by a value of its document, all defaults merged in
      - pipeline:bayeswave                      # the same, as asimov's files have it
      - waveform.approximant: "!IMRPhenomD"     # any other value
      - - pipeline: bayeswave                   # a nested list: all of these
        - review.status: approved
      - {optional: true, pipeline: rift}        # waited for where there is one

Name, pipeline and document are known when the event's analyses change and make the edges of its graph (rows of `Need`).  ``status``
and ``review`` come and go: such a condition is looked at when somebody asks (`unmet`).  An entry that nothing meets is never met.
An analysis never needs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.fields import NAME
from gwfollow.ledger.merge import merge_rows, project_document
from gwfollow.ledger.schema import Analysis, Event, Need, Review
from gwfollow.ledger.states import FINAL, SATISFIES

_RULE = "an analysis' name, 'attribute: value', a list of those, or {optional: true, ...}"
_DONE = ("finished", "processing", "uploaded", "finalised")
#: an optional need is not waited for in these: nothing will come of it unless a person acts
_HOPELESS = (FINAL | {"stuck", "manual"}) - SATISFIES


@dataclass(frozen=True)
class Condition:
    """``path`` of an attribute and the value that it must have, or must not."""

    path: tuple[str, ...]
    value: str
    negated: bool = False

    @property
    def dynamic(self) -> bool:
        return self.path[0] in ("status", "review")

    @property
    def wanted(self) -> str:
        return self.value if self.path == ("name",) else self.value.lower()

    def __str__(self) -> str:
        if self.path == ("name",) and not self.negated:
            return self.value
        return f"{'.'.join(self.path)}: {'!' if self.negated else ''}{self.value}"


@dataclass(frozen=True)
class Entry:
    """One entry of ``needs``: all conditions hold for an analysis that meets it."""

    conditions: tuple[Condition, ...]
    optional: bool = False

    @property
    def static(self) -> tuple[Condition, ...]:
        return tuple(c for c in self.conditions if not c.dynamic)

    @property
    def dynamic(self) -> tuple[Condition, ...]:
        return tuple(c for c in self.conditions if c.dynamic)

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))


class Candidate:
    """An analysis that may meet a condition; its merged document is made only when one asks for it."""

    def __init__(self, row: Analysis, document: Callable[[], Mapping[str, Any]], verdict: str = "") -> None:
        self.row, self.verdict, self._make = row, verdict, document
        self._document: Mapping[str, Any] | None = None

    def meets(self, conditions: Iterable[Condition]) -> bool:
        return all((condition.wanted in self._values(condition.path)) != condition.negated for condition in conditions)

    def _values(self, path: tuple[str, ...]) -> set[str]:
        if path == ("name",):
            return {self.row.name}
        if path == ("pipeline",):
            return {self.row.pipeline.lower()}
        if path[0] == "status":
            # what is uploaded has been finished before
            return set(_DONE[: _DONE.index(self.row.status) + 1]) if self.row.status in _DONE else {self.row.status}
        if path[0] == "review":
            return {self.verdict.lower()}
        return self._document_values(path)

    def _document_values(self, path: tuple[str, ...]) -> set[str]:
        if self._document is None:
            self._document = self._make()
        here: Any = self._document
        for step in path:
            here = here.get(step) if isinstance(here, Mapping) else None
        values = here if isinstance(here, list) else [here]
        return {_text(value) for value in values if value is not None}


def parse_needs(needs: object, place: str) -> tuple[Entry, ...]:
    """The entries of a ``needs`` list.  Raises `InputError`, whose place is `place` and the entry's number."""
    if needs is None:
        return ()
    if not isinstance(needs, list):
        raise InputError(place, needs, "a list")
    return tuple(_entry(value, f"{place}[{index}]") for index, value in enumerate(needs))


def _entry(value: object, place: str) -> Entry:
    if isinstance(value, Mapping) and "optional" in value:
        optional = value["optional"]
        if not isinstance(optional, bool):
            raise InputError(f"{place}.optional", optional, "true or false")
        return Entry(_conditions({k: v for k, v in value.items() if k != "optional"}, place), optional)
    if isinstance(value, list):
        parts = [_entry(inner, f"{place}[{index}]") for index, inner in enumerate(value) if not isinstance(inner, list)]
        if not parts or len(parts) < len(value):
            raise InputError(place, value, "conditions that hold together, at least one")
        return Entry(tuple(c for part in parts for c in part.conditions), all(part.optional for part in parts))
    return Entry(_conditions(value, place))


def _conditions(value: object, place: str) -> tuple[Condition, ...]:
    if isinstance(value, str):
        path, colon, wanted = value.partition(":")
        return (_condition(path, wanted.strip(), place) if colon else _condition("name", value, place),)
    if isinstance(value, Mapping) and value:
        return tuple(_condition(path, wanted, f"{place}.{path}") for path, wanted in value.items())
    raise InputError(place, value, _RULE)


def _condition(path: str, value: object, place: str) -> Condition:
    text = value.strip() if isinstance(value, str) else _text(value) if isinstance(value, int | float) else ""
    negated = text.startswith("!")
    text = text[1:].strip() if negated else text
    steps = tuple(step.strip() for step in path.split("."))
    if not text or not all(steps):
        raise InputError(place, value, _RULE)
    if steps == ("name",) and not NAME.fullmatch(text):
        raise InputError(place, value, _RULE)
    return Condition(steps, text, negated)


def _text(value: object) -> str:
    """Values are compared as text, numbers by value: 20 and 20.0 are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value).strip().lower()


# ---- edges -----------------------------------------------------------------------------------------------------------


def link(event: Event, project: Mapping[str, Any]) -> set[str]:
    """Make the `Need` rows of an event's analyses anew where they differ; returns the names whose edges have changed.

    Call it whenever the event's analyses or their documents change.  Raises `InputError` for a circle, which it names.
    """
    candidates = [_candidate(project, event, row) for row in event.analyses]
    entries = {row.name: entries_of(row) for row in event.analyses}
    changed = set()
    for row in event.analyses:
        wanted = [edge for position, entry in enumerate(entries[row.name]) for edge in _edges(position, entry, row, candidates)]
        present = [(n.position, n.condition, n.needed, n.optional, n.dynamic) for n in row.needs]
        if present != wanted:
            row.needs = [Need(position=p, condition=c, needed=n, optional=o, dynamic=d) for p, c, n, o, d in wanted]
            changed.add(row.name)
    _refuse_circles(event)
    return changed


def _edges(
    position: int, entry: Entry, row: Analysis, candidates: Sequence[Candidate]
) -> list[tuple[int, str, Analysis | None, bool, bool]]:
    if not entry.static:
        return [(position, str(entry), None, entry.optional, True)]
    found: list[Analysis | None] = [other.row for other in candidates if other.row is not row and other.meets(entry.static)]
    return [(position, str(entry), needed, entry.optional, False) for needed in (found or [None])]


def entries_of(row: Analysis) -> tuple[Entry, ...]:
    return parse_needs(row.document.get("needs"), f"analysis {row.name}, needs")


def _candidate(project: Mapping[str, Any], event: Event, row: Analysis, verdict: str = "") -> Candidate:
    return Candidate(row, lambda: merge_rows(project, event, row), verdict)


def _refuse_circles(event: Event) -> None:
    graph = {row.name: [need.needed.name for need in row.needs if need.needed is not None] for row in event.analyses}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib names each before the one that needs it
        circle = " needs ".join(reversed(error.args[1]))
        raise InputError(f"event {event.name}, needs", circle, "no circle") from None


# ---- asking ----------------------------------------------------------------------------------------------------------


def unmet(session: Session, analysis: Analysis) -> list[str]:
    """A sentence for each need of one analysis that is not met; empty when it may start."""
    return unmet_in_event(session, analysis.event, [analysis])[analysis.name]


def unmet_in_event(session: Session, event: Event, rows: Iterable[Analysis] | None = None) -> dict[str, list[str]]:
    """`unmet` for several analyses of one event (all by default), by name, with a handful of queries however many there are."""
    asked = list(event.analyses if rows is None else rows)
    if not any(row.document.get("needs") for row in asked):
        return {row.name: [] for row in asked}
    project = project_document(session)
    verdicts = _verdicts(session, event)
    candidates = [_candidate(project, event, row, verdicts.get(row.id, "")) for row in event.analyses]
    return {row.name: _unmet(row, candidates) for row in asked}


def _unmet(row: Analysis, candidates: Sequence[Candidate]) -> list[str]:
    sentences = []
    for entry in entries_of(row):
        sentences += _unmet_entry(entry, row, candidates)
    return list(dict.fromkeys(sentences))


def _unmet_entry(entry: Entry, row: Analysis, candidates: Sequence[Candidate]) -> list[str]:
    known = [other for other in candidates if other.row is not row and other.meets(entry.static)]
    found = [other.row for other in known if other.meets(entry.dynamic)]
    if entry.optional:
        return [f"{other.name} is {other.status}" for other in found if other.status not in SATISFIES | _HOPELESS]
    if not found:
        return [_nothing(entry, known)]
    # an entry about status alone is met by whatever meets it: what also waits for this one would be a circle
    waited = found if entry.static else [other for other in found if other.status in SATISFIES] or found
    return [f"{other.name} is {other.status}" for other in waited if not _done(other, entry)]


def _done(row: Analysis, entry: Entry) -> bool:
    """Finished, or in the very status that the entry asks for."""
    return row.status in SATISFIES or any(c.path == ("status",) and not c.negated for c in entry.dynamic)


def _nothing(entry: Entry, known: Sequence[Candidate]) -> str:
    if entry.dynamic and entry.static and known:
        return f"{', '.join(other.row.name for other in known)} is not yet {' and '.join(map(str, entry.dynamic))}"
    (first, *more) = entry.conditions
    if not more and first.path == ("name",) and not first.negated:
        return f"nothing is called {first.value}"
    return f"nothing has {entry}"


def _verdicts(session: Session, event: Event) -> dict[int, str]:
    """The newest review of each analysis of the event."""
    rows = session.execute(
        select(Review.analysis_id, Review.verdict).join(Analysis).where(Analysis.event_id == event.id).order_by(Review.id)
    )
    return {row.analysis_id: row.verdict for row in rows}

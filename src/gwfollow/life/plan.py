"""What a run of an event's DAG has work for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from gwfollow.ledger.needs import unmet
from gwfollow.ledger.reviews import rejected_ids
from gwfollow.ledger.schema import Analysis, Event, Need
from gwfollow.ledger.states import IN_HAND, SATISFIES, STARTABLE
from gwfollow.ledger.store import find_event
from gwfollow.life.retraction import taken
from gwfollow.life.site import Site

_RESULTS = frozenset({"finished", "processing"})


@dataclass(frozen=True)
class Plan:
    """Names of the analyses that this run works on, those to be stopped, and why each other one is left alone."""

    work: tuple[str, ...]
    stop: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    name: str
    status: str
    needs: tuple[str | None, ...]  # None: nothing in the event meets the need


def plan(site: Site, event: str, *, everything: bool = False) -> Plan:
    """What is ready and can start, and what that waits for; with `everything` also all that is in hand already.

    An analysis that is in hand for another run is left to that run unless something here needs it: `everything` is for runs that a
    person or upkeep starts, when no other run may be left.
    """
    with site.ledger.read() as session:
        found = find_event(session, event)
        rows = rows_of(found, withheld=rejected_ids(session, found))
        choice = choose(rows, everything=everything)
        sentences = {
            a.name: "; ".join(unmet(session, a)) for a in found.analyses if a.status in STARTABLE and a.name not in choice
        }
    skipped = {
        name: sentences.get(name) or f"is {row.status}"
        for name, row in rows.items()
        if name not in choice and row.status != "stop"
    }
    stop = tuple(name for name, row in rows.items() if row.status == "stop")
    return Plan(tuple(name for name in rows if name in choice), stop, skipped)


def choose(rows: Mapping[str, _Row], *, everything: bool) -> set[str]:
    """The names to work on.  Pure: `rows` maps each analysis to its status and the names that it needs."""

    def possible(name: str, seen: frozenset[str]) -> bool:
        row = rows[name]
        if row.status in IN_HAND - {"stop"}:
            return True
        if row.status not in STARTABLE or name in seen:
            return False
        return all(need is not None and (rows[need].status in SATISFIES or possible(need, seen | {name})) for need in row.needs)

    chosen: set[str] = set()
    waiting = [n for n, r in rows.items() if possible(n, frozenset()) and (r.status in STARTABLE or everything)]
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        chosen.add(name)
        waiting += [need for need in rows[name].needs if need is not None and rows[need].status not in SATISFIES]
    return chosen


def has_work(site: Site, event: str) -> bool:
    """Whether any run would find something to do."""
    found = plan(site, event, everything=True)
    return bool(found.work or found.stop)


def rows_of(event: Event, *, withheld: Collection[int] = ()) -> dict[str, _Row]:
    """What `choose` looks at; `withheld` are the ids of analyses that will not be published."""
    names = {a.id: a.name for a in event.analyses}
    return {
        a.name: _Row(
            a.name, _status(a, withheld), tuple(names.get(n.needed_id) if n.needed_id else None for n in a.needs if not _idle(n))
        )
        for a in event.analyses
    }


def _status(row: Analysis, withheld: Collection[int]) -> str:
    """Results that were rejected, or whose event was retracted meanwhile, stay where they are: they meet needs, and are no work."""
    stays = (row.status == "finished" and taken(row) is not None) or (row.status in _RESULTS and row.id in withheld)
    return "uploaded" if stays else row.status


def _idle(need: Need) -> bool:
    """An optional need that nothing meets, or that nobody will run, holds nothing up; one about review or status is asked at build."""
    return need.dynamic or (need.optional and (need.needed is None or need.needed.status not in STARTABLE | IN_HAND))


def events_with_work(site: Site) -> list[str]:
    """Active events whose analyses' statuses may ask for a run (one query)."""
    query = (
        select(Event.name)
        .join(Analysis)
        .where(Event.active, Analysis.status.in_(STARTABLE | IN_HAND))
        .distinct()
        .order_by(Event.name)
    )
    with site.ledger.read() as session:
        return [name for name in session.scalars(query) if name]

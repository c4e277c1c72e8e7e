"""What a run of an event's DAG has work for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from gwfollow.ledger.needs import Evaluation, Group, evaluate
from gwfollow.ledger.reviews import rejected_ids
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.states import IN_HAND, STARTABLE
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
class Needed:
    """An analysis that one thing waits for."""

    name: str  # in the event of this run; empty for one of another event, on which this run cannot work
    done: bool
    waited: bool = True  # also when enough others are done
    coming: bool = True  # it will do once it is finished


@dataclass(frozen=True)
class Need:
    """What an analysis waits for: `least` of these, and all that are waited for."""

    members: tuple[Needed, ...]
    least: int = 1
    all: bool = True  # False: `least` are enough

    @property
    def met(self) -> bool:
        done = sum(member.done for member in self.members)
        return done >= self.least and not (self.all and any(member.waited and not member.done for member in self.members))

    def possible(self, reachable: Collection[str]) -> bool:
        """Whether a run that brings `reachable` to their end meets it."""
        will = [member.done or (member.coming and member.name in reachable) for member in self.members]
        left = any(member.waited and not good for member, good in zip(self.members, will, strict=True))
        return sum(will) >= self.least and not (self.all and left)


@dataclass(frozen=True)
class Row:
    name: str
    status: str
    needs: tuple[Need, ...] = ()


def plan(site: Site, event: str, *, everything: bool = False) -> Plan:
    """What is ready and can start, and what that waits for; with `everything` also all that is in hand already.

    An analysis that is in hand for another run is left to that run unless something here needs it: `everything` is for runs that a
    person or upkeep starts, when no other run may be left.
    """
    with site.ledger.read() as session:
        found = find_event(session, event)
        evaluations = evaluate(session, found)
        rows = rows_of(found, evaluations, withheld=rejected_ids(session, found))
        choice = choose(rows, everything=everything)
        sentences = {
            a.name: "; ".join(evaluations[a.name].unmet) for a in found.analyses if a.status in STARTABLE and a.name not in choice
        }
    skipped = {
        name: sentences.get(name) or f"is {row.status}"
        for name, row in rows.items()
        if name not in choice and row.status != "stop"
    }
    stop = tuple(name for name, row in rows.items() if row.status == "stop")
    return Plan(tuple(name for name in rows if name in choice), stop, skipped)


def choose(rows: Mapping[str, Row], *, everything: bool) -> set[str]:
    """The names to work on.  Pure: `rows` maps each analysis to its status and what it waits for."""
    possible = _possible(rows)
    chosen: set[str] = set()
    waiting = [name for name in possible if rows[name].status in STARTABLE or everything]
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        chosen.add(name)
        if rows[name].status in STARTABLE:
            waiting += _helpers(rows[name], possible)
    return chosen


def _possible(rows: Mapping[str, Row]) -> dict[str, None]:
    """Those that are in hand, and those that can start once others here have ended; what waits for itself never can."""
    found = {name: None for name, row in rows.items() if row.status in IN_HAND - {"stop"}}
    left = {name: row for name, row in rows.items() if row.status in STARTABLE}
    while more := [name for name, row in left.items() if all(need.possible(found) for need in row.needs)]:
        for name in more:
            found[name] = None
            del left[name]
    return found


def _helpers(row: Row, possible: Collection[str]) -> list[str]:
    """Analyses of this event that it waits for; none for what is met already."""
    return [
        member.name
        for need in row.needs
        if not need.met
        for member in need.members
        if member.coming and not member.done and member.name in possible
    ]


def has_work(site: Site, event: str) -> bool:
    """Whether any run would find something to do."""
    found = plan(site, event, everything=True)
    return bool(found.work or found.stop)


def rows_of(event: Event, evaluations: Mapping[str, Evaluation], *, withheld: Collection[int] = ()) -> dict[str, Row]:
    """What `choose` looks at; `withheld` are the ids of analyses that will not be published."""
    return {
        a.name: Row(a.name, _status(a, withheld), tuple(_need(group, event) for group in evaluations[a.name].groups))
        for a in event.analyses
    }


def _need(group: Group, event: Event) -> Need:
    members = tuple(
        Needed(member.row.name if member.row.event is event else "", member.done, member.waited, member.coming)
        for member in group.members()
    )
    return Need(members, group.least, all=group.minimum is None)


def _status(row: Analysis, withheld: Collection[int]) -> str:
    """Results that were rejected, or whose event was retracted meanwhile, stay where they are: they meet needs, and are no work."""
    stays = (row.status == "finished" and taken(row) is not None) or (row.status in _RESULTS and row.id in withheld)
    return "uploaded" if stays else row.status


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

"""Who counts and who is done at this moment.

An entry that is a plain name is required by itself.  The other entries of a list are alternatives: together they select a set, all of
which is waited for, and which has at least one member.  With `minimum` that many that are done are enough, whatever the others do.
An optional entry is waited for while there is one that may still come.  In a project analysis each subject is looked at by itself, but
for `minimum`, which counts over all of them.  Nothing of a retracted event counts there, also where it is called by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from gwfollow.ledger.merge import project_document
from gwfollow.ledger.needs.candidates import ANALYSES, NEEDS, Candidate, Pool, Wish, pool_for
from gwfollow.ledger.needs.conditions import Entry
from gwfollow.ledger.needs.grammar import has_needs
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.states import FINAL, SATISFIES

#: nothing will come of it unless a person acts: an optional need does not wait for these
_HOPELESS = (FINAL | {"stuck", "manual"}) - SATISFIES
#: why an analysis does not count for those of other events
_RETRACTED = "its event is retracted"


@dataclass(frozen=True)
class Member:
    """An analysis that meets what does not come and go in an entry."""

    row: Analysis
    label: str  # its name, with the event's where it is another one
    why_not: str = ""  # empty: it counts now
    done: bool = False  # it counts, and its results are there
    waited: bool = False  # it counts, and is waited for
    coming: bool = False  # would count once it is finished

    @property
    def counts(self) -> bool:
        return not self.why_not

    @property
    def text(self) -> str:
        """For people: what it is and what that means."""
        status = f"{self.label} is {self.row.status}"
        if self.why_not:
            return f"{self.label} is not counted: {self.why_not}"
        if self.done:
            return f"{status}: met"
        return status if self.waited else f"{status}: not waited for"


@dataclass(frozen=True)
class Part:
    """One entry in one event."""

    role: str
    position: int  # in its list
    entry: Entry
    event: str
    members: tuple[Member, ...]
    known: bool = True  # False: the ledger has no such event
    foreign: bool = False  # the event is another one than the analysis' own

    @property
    def counted(self) -> list[Member]:
        return [member for member in self.members if member.counts]

    @property
    def missing(self) -> str:
        """Why nothing counts."""
        where = f"{self.event} " if self.foreign else ""
        if not self.known:
            return f"no event is called {self.event}"
        names = ", ".join(member.label for member in self.members)
        if any(member.why_not == _RETRACTED for member in self.members):  # all are of the one event
            return f"{names} is not counted: {_RETRACTED}"
        if self.entry.name is not None:
            return f"nothing{f' in {self.event}' if where else ''} is called {self.entry.name}"
        if self.entry.selects and self.members:
            asked = " and ".join(map(str, self.entry.dynamic))
            reasons = {member.why_not for member in self.members}
            return f"{names} is not yet {asked}" if asked else f"{names} is not counted: {', '.join(sorted(reasons))}"
        return f"nothing{f' in {self.event}' if where else ''} has {self.entry}"


@dataclass(frozen=True)
class Group:
    """Entries that are met together: one required name, the alternatives of a list, or one optional entry."""

    role: str
    parts: tuple[Part, ...]
    minimum: int | None = None
    optional: bool = False

    def members(self) -> list[Member]:
        """Each analysis once; where two entries mean it, by the one under which more of it is so."""
        best: dict[int, Member] = {}
        for member in (m for part in self.parts for m in part.members):
            old = best.get(id(member.row))
            if old is None or (member.counts, member.done, member.waited, member.coming) > (
                old.counts,
                old.done,
                old.waited,
                old.coming,
            ):
                best[id(member.row)] = member
        return list(best.values())

    @property
    def least(self) -> int:
        """How many must be done."""
        return 0 if self.optional else self.minimum or 1

    @property
    def met(self) -> bool:
        return not self.unmet

    @property
    def unmet(self) -> list[str]:
        """A sentence for each thing that it waits for; empty when it is met."""
        members = self.members()
        done = sum(member.done for member in members)
        waiting = [f"{member.label} is {member.row.status}" for member in members if member.waited and not member.done]
        if self.minimum is not None:
            return [] if done >= self.minimum else [f"{done} of at least {self.minimum} are done", *waiting]
        if waiting or done >= self.least:
            return waiting
        if counted := [f"{member.label} is {member.row.status}" for member in members if member.counts]:
            return counted
        reasons = list(dict.fromkeys(part.missing for part in self.parts if not part.counted))
        return [", and ".join(reasons)]


@dataclass(frozen=True)
class Evaluation:
    """What one analysis waits for at this moment."""

    groups: tuple[Group, ...] = ()

    @property
    def unmet(self) -> list[str]:
        """A sentence for each need that is not met, once; empty when the analysis may start."""
        return list(dict.fromkeys(sentence for group in self.groups for sentence in group.unmet))

    def entries(self) -> list[tuple[Part, str]]:
        """Each entry in each event, in the order of the document, with a word: met, waits, or not met where others are enough."""
        found = [(part, _state(part, group)) for group in self.groups for part in group.parts]
        return sorted(found, key=lambda pair: (pair[0].role != NEEDS, pair[0].position))

    def done(self, role: str) -> list[Analysis]:
        """The analyses whose results it would be given now, in the order of its document."""
        parts = sorted(
            (part for group in self.groups if group.role == role for part in group.parts), key=lambda part: part.position
        )
        found = {id(member.row): member.row for part in parts for member in part.members if member.done}
        return list(found.values())


def _state(part: Part, group: Group) -> str:
    if not Group(part.role, (part,), optional=group.optional).unmet:
        return "met"
    return "not met" if group.met else "waits"


def unmet(session: Session, analysis: Analysis) -> list[str]:
    """A sentence for each need of one analysis that is not met; empty when it may start."""
    return evaluate(session, analysis.event, [analysis])[analysis.name].unmet


def unmet_in_event(session: Session, event: Event, rows: Iterable[Analysis] | None = None) -> dict[str, list[str]]:
    """`unmet` for several analyses of one event (all by default), by name, with a handful of queries however many there are."""
    return {name: found.unmet for name, found in evaluate(session, event, rows).items()}


def evaluate(session: Session, event: Event, rows: Iterable[Analysis] | None = None) -> dict[str, Evaluation]:
    """Everything about the needs of several analyses of one event (all by default), by name."""
    asked = list(event.analyses if rows is None else rows)
    wishes = {row.name: Wish(row) for row in asked if has_needs(row.document) or row.document.get("subjects")}
    if not wishes:
        return {row.name: Evaluation() for row in asked}
    pool = pool_for(session, project_document(session), event, list(wishes.values()))
    return {row.name: _evaluation(wishes[row.name], pool) if row.name in wishes else Evaluation() for row in asked}


def _evaluation(wish: Wish, pool: Pool) -> Evaluation:
    groups = [Group(NEEDS, (_subject(wish, name),)) for name in wish.subjects if name not in pool.events]
    for role, entries in wish.lists.items():
        groups += _groups(wish, pool, role, entries)
    return Evaluation(tuple(groups))


def _subject(wish: Wish, name: str) -> Part:
    return Part(NEEDS, -1, Entry(()), name, (), known=False, foreign=True)


def _groups(wish: Wish, pool: Pool, role: str, entries: Sequence[Entry]) -> list[Group]:
    minimum = wish.settings(role).minimum
    parts = [
        _part(wish, pool, role, position, entry, scope) for position, entry in enumerate(entries) for scope in wish.scopes(entry)
    ]
    counted = wish.counted(role)
    alternatives, groups = [], []
    for part in parts:
        if part.entry.optional or (part.entry.name is not None and part.position not in counted):
            groups.append(Group(role, (part,), optional=part.entry.optional))
        else:
            alternatives.append(part)
    if minimum is not None:
        together = [alternatives] if alternatives else []
    else:
        together = [[p for p in alternatives if p.event == scope] for scope in dict.fromkeys(p.event for p in alternatives)]
    return groups + [Group(role, tuple(some), minimum) for some in together]


def _part(wish: Wish, pool: Pool, role: str, position: int, entry: Entry, scope: str) -> Part:
    own, interesting = wish.row.event.name, wish.settings(role).interesting
    found = pool.static(entry, wish.row, scope)
    # an entry about status or review alone is met by whatever meets it: what also waits for this one would be a circle
    early = position in wish.counted(role)
    members = tuple(_member(entry, other, own, interesting and not entry.optional, early) for other in found)
    return Part(role, position, entry, scope, members, scope in pool.events, scope != own)


def _member(entry: Entry, other: Candidate, own: str, interesting: bool, early: bool) -> Member:
    row = other.row
    label = row.name if row.event.name == own else f"{row.event.name}/{row.name}"
    why_not = _RETRACTED if row.event.name != own and other.retracted else _why_not(entry, other, interesting)
    done = not why_not and (row.status in SATISFIES or _asked_for(entry))
    # what starts as soon as enough are done has no edges in the DAG: a run cannot work on both
    coming = not early and entry.selects and other.meets(entry.dynamic, finished=True)
    waited = not why_not and not done and entry.selects
    if entry.optional:
        waited = not why_not and not done and row.status not in _HOPELESS
    return Member(row, label, why_not, done, waited, coming and (not entry.optional or waited))


def _asked_for(entry: Entry) -> bool:
    """An analysis in the very status that the entry asks for is what is waited for."""
    return any(c.path == ("status",) and not c.negated for c in entry.dynamic)


def _why_not(entry: Entry, other: Candidate, interesting: bool) -> str:
    """Why an analysis that is meant does not count at this moment; empty where it does."""
    if entry.name is not None:
        return ""
    for condition in entry.dynamic:
        if not other.meets([condition]):
            return _lacking(condition.path, other)
    if other.row.status == "cancelled" and not _asked_for(entry):
        return "it is cancelled"
    return "it is not labelled interesting" if interesting and not other.interesting() else ""


def _lacking(path: tuple[str, ...], other: Candidate) -> str:
    if path[0] == "status":
        return f"status is {other.row.status}"
    if path[0] == "review":
        return f"review is {other.verdict}" if other.verdict else "it has no review"
    values = ", ".join(sorted(other.values(path)))
    return f"{'.'.join(path)} is {values}" if values else f"it has no {'.'.join(path)}"


__all__ = ["ANALYSES", "NEEDS", "Evaluation", "Group", "Member", "Part", "evaluate", "unmet", "unmet_in_event"]

"""What a result, a verdict or a label gives other analyses to do: start, or be made anew of other inputs.

Whoever changes something calls this in the same transaction.  What nobody called it for (an input that got stuck or was cancelled, so that
the others are all that is left; a result that came while one that takes it was being built) is found by upkeep: `gwfollow.life.missed`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from sqlalchemy import CompoundSelect, bindparam, false, select, true, union_all
from sqlalchemy.orm import Session

from gwfollow.ledger.merge import merged_document
from gwfollow.ledger.needs import ANALYSES, NEEDS, Evaluation, affected_projects, evaluate, has_needs, starts_early
from gwfollow.ledger.schema import Analysis, Attempt, Event, Need
from gwfollow.ledger.states import SATISFIES, STARTABLE
from gwfollow.ledger.store import Change
from gwfollow.life.changes import digest, may_be_repeated, outdate_dependants, repeat
from gwfollow.life.site import assets_of, current_attempt, find_labelled, name_for, taken_inputs
from gwfollow.naming import PROJECT


def refresh_after(change: Change, analysis: Analysis) -> list[str]:
    """Call it after any change of an analysis that others may look at: a result, a verdict, a status, a label.

    Analyses that took other files from it are asked for again; so are *refreshable* ones that would now be given other analyses than
    their attempt was.  Those that waited for nothing else get a run.  Returns ``event/analysis`` of all that have work by it.
    """
    change.session.flush()
    rows = _onlookers(change.session, analysis)
    if not rows:
        return []
    attempt = current_attempt(change.session, analysis)
    again = outdate_dependants(change, analysis, attempt) if attempt is not None and analysis.status in SATISFIES else []
    return _give_work(change, again + _look_again(change, [row for row in rows if row not in again]))


def refresh_events(change: Change, names: Collection[str], *, updated: bool) -> list[str]:
    """The same after blueprints have changed events: names of those that have work by it.

    With `updated` what has not begun is looked at too: its own document gives it work, or a label that another one has now.
    """
    change.session.flush()
    rows = {row.id: row for row in affected_projects(change.session, names)} if names else {}
    wanted, session = sorted(names), change.session
    for start in range(0, len(wanted), 500):  # SQLite binds at most 32766 values
        begun = true() if updated else Analysis.attempt > 0
        query = select(Analysis).join(Event).where(Event.name.in_(wanted[start : start + 500]), begun)
        rows |= {row.id: row for row in session.scalars(query) if has_needs(row.document)}
    found = _give_work(change, _look_again(change, list(rows.values())))
    return list(dict.fromkeys(name.partition("/")[0] for name in found))


def refresh_projects(change: Change, event: str) -> list[str]:
    """The same for analyses that span events alone, after what counts of one of their events has changed."""
    change.session.flush()
    return _give_work(change, _look_again(change, affected_projects(change.session, [event])))


def overdue(session: Session, rows: Sequence[Analysis]) -> list[tuple[Analysis, Attempt, str]]:
    """Those of `rows` whose attempt was given other results than they would be now, and why; nothing is changed.

    Refreshable ones, and those that took files from one that has made others since.
    """
    found = []
    for event in dict.fromkeys(row.event for row in rows):
        some = [row for row in rows if row.event is event and _refreshable(session, row)]
        evaluations = evaluate(session, event, some) if some else {}
        for row in (row for row in rows if row.event is event):
            attempt = current_attempt(session, row)
            if attempt is None or not may_be_repeated(row, attempt):
                continue
            evaluation = evaluations.get(row.name)
            why = _why_again(session, row, attempt, evaluation) if evaluation is not None and not evaluation.unmet else ""
            if why := why or _remade(session, row, attempt):
                found.append((row, attempt, why))
    return found


def make_up(change: Change, rows: Sequence[Analysis]) -> list[str]:
    """Ask for fresh attempts of those that are `overdue`; returns ``event/analysis`` of those that have work by it."""
    return _give_work(change, [row for row, attempt, why in overdue(change.session, rows) if repeat(change, row, attempt, why)])


def _remade(session: Session, row: Analysis, attempt: Attempt) -> str:
    """Which analysis that it needs has made other files than it was built with; empty where none has."""
    needed = {need.needed_id for need in row.needs if need.role == NEEDS}
    for role, label, number, value in taken_inputs(attempt):
        maker = find_labelled(session, row, label) if role == NEEDS else None
        if maker is None or maker.id not in needed or maker.attempt == number or maker.status not in SATISFIES:
            continue
        present = current_attempt(session, maker)
        took = any(key.startswith(f"from {label}: ") for key in attempt.inputs)
        if took and present is not None and digest(assets_of(session, present)) != value:
            return f"{label} has made other files"
    return ""


def _onlookers(session: Session, analysis: Analysis) -> list[Analysis]:
    """Analyses whose needs may speak of this one."""
    found = session.execute(_looking(), {"analysis": analysis.id, "event": analysis.event_id}).all()
    ids = {row_id for row_id, of_project in found if not of_project}
    rows = session.scalars(select(Analysis).where(Analysis.id.in_(ids)).order_by(Analysis.id)).all() if ids else []
    of_projects = any(of_project for _, of_project in found)
    others = affected_projects(session, [analysis.event.name]) if of_projects else []
    return [row for row in dict.fromkeys([*rows, *others]) if row is not analysis]


@cache
def _looking() -> CompoundSelect[int, bool]:
    """Ids of those that wait for one analysis or look at its event, and of all that span events: one question, since mostly there are none.

    Each part has its index: the cost must not grow with the other events.
    """
    need, row, of = Need.__table__.c, Analysis.__table__.c, Event.__table__.c
    edges = select(need.analysis_id, false()).where(need.needed_id == bindparam("analysis"))
    same_event = select(row.id).where(row.event_id == bindparam("event"))
    looks = select(need.analysis_id, false()).where(need.dynamic, need.analysis_id.in_(same_event))
    of_projects = select(row.id, true()).join(Event.__table__, row.event_id == of.id).where(of.name == PROJECT)
    return union_all(edges, looks, of_projects)


def _look_again(change: Change, rows: Sequence[Analysis]) -> list[Analysis]:
    """Those of `rows` that have work now: they can start, or would be given something else.

    What merely waits for an analysis of its own event is left to the run that works on both.
    """
    by_event: dict[int, list[Analysis]] = {}
    for row in rows:
        startable = row.status in STARTABLE and (row.event.kind == PROJECT or starts_early(row))
        if startable or (row.attempt and _refreshable(change.session, row)):
            by_event.setdefault(row.event_id, []).append(row)
    found = []
    for some in by_event.values():
        for name, evaluation in evaluate(change.session, some[0].event, some).items():
            row = next(one for one in some if one.name == name)
            if not evaluation.unmet and (_refresh(change, row, evaluation) or row.status in STARTABLE):
                found.append(row)
    return found


def _refreshable(session: Session, row: Analysis) -> bool:
    return bool(merged_document(session, row).get("refreshable"))


def _refresh(change: Change, row: Analysis, evaluation: Evaluation) -> bool:
    """Ask for a fresh attempt of a refreshable analysis that took other results than it would be given now."""
    attempt = current_attempt(change.session, row)
    if attempt is None or attempt.state == "building" or not _refreshable(change.session, row):
        return False
    why = _why_again(change.session, row, attempt, evaluation)
    return bool(why) and repeat(change, row, attempt, why)


def _why_again(session: Session, row: Analysis, attempt: Attempt, evaluation: Evaluation) -> str:
    """What of its inputs is not what it would be given now; empty where all is."""
    taken = {(role, label): value for role, label, _, value in taken_inputs(attempt)}
    present = _present_inputs(session, row, evaluation)
    # two that work on each other's results would make each other anew for ever
    mutual = {
        key for key in taken.keys() | present.keys() if taken.get(key) != present.get(key) and _made_from(session, row, key[1])
    }
    taken, present = ({key: value for key, value in some.items() if key not in mutual} for some in (taken, present))
    return "" if not taken or taken == present else _what_changed(taken, present)


def _present_inputs(session: Session, row: Analysis, evaluation: Evaluation) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    inputs = evaluation.done(ANALYSES)
    for role, others in ((NEEDS, evaluation.done(NEEDS)), (ANALYSES, inputs)):
        for other in others:
            if role == NEEDS and other in inputs:
                continue
            attempt = current_attempt(session, other)
            label = name_for(row.event.name, other.event.name, other.name)
            found[role, label] = digest(assets_of(session, attempt) if attempt is not None else {})
    return found


def _made_from(session: Session, row: Analysis, label: str) -> bool:
    """Whether the results of the analysis that `row` calls `label` were made from those of `row`."""
    waiting, seen = [find_labelled(session, row, label)], set[int]()
    while waiting:
        other = waiting.pop()
        if other is row:
            return True
        attempt = current_attempt(session, other) if other is not None else None
        if other is None or attempt is None or other.id in seen:
            continue
        seen.add(other.id)
        waiting += [find_labelled(session, other, name) for _, name, _, _ in taken_inputs(attempt)]
    return False


def _what_changed(taken: Mapping[tuple[str, str], str], present: Mapping[tuple[str, str], str]) -> str:
    new = sorted(label for role, label in present.keys() - taken.keys())
    gone = sorted(label for role, label in taken.keys() - present.keys())
    other = sorted(label for role, label in taken.keys() & present.keys() if taken[role, label] != present[role, label])
    parts = ((new, "new among its inputs"), (gone, "no longer among its inputs"), (other, "with other results"))
    return "; ".join(f"{', '.join(labels)} {what}" for labels, what in parts if labels)


def _give_work(change: Change, rows: Sequence[Analysis]) -> list[str]:
    for event in dict.fromkeys(row.event for row in rows):
        if not event.active:
            event.active = True
            change.journal("active again: it has been given work", event=event.name)
        change.give_work(event)
    return [f"{row.event.name}/{row.name}" for row in rows]


__all__ = ["make_up", "overdue", "refresh_after", "refresh_events", "refresh_projects"]

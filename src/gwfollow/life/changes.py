"""What a change makes outdated: analyses whose recorded inputs are no longer what they would be given today.

Every attempt records in `Attempt.inputs`, beside the files that its build read,

    document                      the merged document with event time and detectors, as canonical JSON
    from <analysis>: <asset>[, <label>]   each asset of each analysis that it needs
    needs <analysis>, attempt <n>         all assets of an analysis that it needs, together
    analyses <analysis>, attempt <n>      the same of one that it works on

as SHA-256.  Analyses of other events have their event's name before theirs.  What people read and what says how a job runs (comments,
GraceDB ids, scheduler, folders) is not in it: a new false-alarm rate or a label changes no input.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session

from gwfollow.ledger.merge import merge_rows, merged_document, project_document
from gwfollow.ledger.needs import ANALYSES, NEEDS, Evaluation, affected_projects, evaluate, has_needs, starts_early
from gwfollow.ledger.schema import Analysis, Attempt, Event, Need, now
from gwfollow.ledger.states import SATISFIES, STARTABLE
from gwfollow.ledger.store import Change
from gwfollow.life.site import assets_of, current_attempt, name_for, taken_inputs
from gwfollow.naming import PROJECT
from gwfollow.pipelines.base import Assets, Task

DOCUMENT = "document"
#: keys of the merged document that change no result
_NO_INPUT = frozenset(
    {
        "comment",
        "comments",
        "description",
        "notes",
        "review",
        "gid",
        "needs",
        "needs settings",
        "analyses",
        "labels",
        "interest status",
        "refreshable",
        "review before publishing",
        "scheduler",
        "webdir",
        "repository",
        "working directory",
    }
)
#: not yet submitted: the attempt is left, and the next build begins another
_NOT_STARTED = frozenset({"wait", "ready", "cancelled", "manual"})
#: a fresh attempt is asked for, where the table of transitions allows it
_REPEATED = frozenset({"running", "finished", "processing", "uploaded", "stuck"})


def document_checksum(session: Session, analysis: Analysis) -> str:
    """SHA-256 of what the pipeline is given, but for the files."""
    merged = merge_rows(project_document(session), analysis.event, analysis)
    given = {key: value for key, value in merged.items() if key not in _NO_INPUT} | {"pipeline": analysis.pipeline.lower()}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def document_checksums(session: Session, event: Event) -> dict[str, str]:
    """`document_checksum` of every analysis that has begun, by name."""
    return {row.name: document_checksum(session, row) for row in event.analyses if row.attempt}


def asset_inputs(task: Task) -> dict[str, str]:
    """The assets that an attempt is given, as entries of its inputs."""
    found: dict[str, str] = {}
    for other in task.needed:
        label = name_for(task.event, other.event or task.event, other.name)
        role = ANALYSES if other.input else NEEDS
        found[f"{role} {label}, attempt {other.attempt}"] = _digest(other.assets)
        found |= _assets(label, other.assets)
    return found


def outdate(change: Change, event: Event, before: Mapping[str, str], why: str) -> list[str]:
    """Ask for a fresh attempt of every analysis whose document is another one than it was `before` and than its attempt recorded.

    Returns the names of those that need a run.  What a person changed earlier without asking for a new run is left alone.
    """
    again = []
    for row in event.analyses:
        if row.name not in before or (present := document_checksum(change.session, row)) == before[row.name]:
            continue
        attempt = current_attempt(change.session, row)
        recorded = attempt.inputs.get(DOCUMENT) if attempt is not None else None
        if attempt is not None and recorded not in (None, present) and _repeat(change, row, attempt, why):
            again.append(row.name)
    return again


def outdate_dependants(change: Change, maker: Analysis, attempt: Attempt) -> list[Analysis]:
    """The same for the analyses that need `maker` and took other assets from it than `attempt` has made."""
    assets = assets_of(change.session, attempt)
    again = []
    query = select(Analysis).join(Need, Need.analysis_id == Analysis.id).where(Need.needed_id == maker.id, Need.role == NEEDS)
    for row in dict.fromkeys(change.session.scalars(query)):
        label = name_for(row.event.name, maker.event.name, maker.name)
        present = current_attempt(change.session, row)
        inputs = present.inputs if present else {}
        taken = {key: value for key, value in inputs.items() if key.startswith(_prefix(label))}
        if present is None or not taken or taken == _assets(label, assets):
            continue
        if _repeat(change, row, present, f"{label} has made other files"):
            again.append(row)
    return again


# ---- what a result, a verdict or a label gives others to do ----------------------------------------------------------------


def refresh_after(change: Change, analysis: Analysis) -> list[str]:
    """Call it after any change of an analysis that others may look at: a result, a verdict, a status, a label.

    Analyses that took other files from it are asked for again; so are *refreshable* ones that would now be given other analyses than
    their attempt was.  Those that waited for nothing else get a run.  Returns ``event/analysis`` of all that have work by it.
    """
    change.session.flush()
    attempt = current_attempt(change.session, analysis)
    again = outdate_dependants(change, analysis, attempt) if attempt is not None and analysis.status in SATISFIES else []
    rows = [row for row in _onlookers(change.session, analysis) if row not in again]
    return _give_work(change, again + _look_again(change, rows))


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


def _onlookers(session: Session, analysis: Analysis) -> list[Analysis]:
    """Analyses whose needs may speak of this one."""
    own = or_(Need.needed_id == analysis.id, and_(Need.dynamic, Analysis.event_id == analysis.event_id))
    rows = session.scalars(select(Analysis).join(Need, Need.analysis_id == Analysis.id).where(own)).unique().all()
    others = affected_projects(session, [analysis.event.name])
    return [row for row in dict.fromkeys([*rows, *others]) if row is not analysis]


def _look_again(change: Change, rows: Sequence[Analysis]) -> list[Analysis]:
    """Those of `rows` that have work now: they can start, or would be given something else.

    What merely waits for an analysis of its own event is left to the run that works on both.
    """
    by_event: dict[int, list[Analysis]] = {}
    for row in rows:
        startable = row.status in STARTABLE and (row.event.kind == PROJECT or starts_early(row))
        if startable or (row.attempt and _refreshable(change, row)):
            by_event.setdefault(row.event_id, []).append(row)
    found = []
    for some in by_event.values():
        for name, evaluation in evaluate(change.session, some[0].event, some).items():
            row = next(one for one in some if one.name == name)
            if not evaluation.unmet and (_refresh(change, row, evaluation) or row.status in STARTABLE):
                found.append(row)
    return found


def _refreshable(change: Change, row: Analysis) -> bool:
    return bool(merged_document(change.session, row).get("refreshable"))


def _refresh(change: Change, row: Analysis, evaluation: Evaluation) -> bool:
    """Ask for a fresh attempt of a refreshable analysis that took other results than it would be given now."""
    attempt = current_attempt(change.session, row)
    if attempt is None or attempt.state == "building" or not _refreshable(change, row):
        return False
    taken = {(role, label): value for role, label, _, value in taken_inputs(attempt)}
    present = _present_inputs(change.session, row, evaluation)
    if not taken or taken == present:
        return False
    return _repeat(change, row, attempt, _what_changed(taken, present))


def _present_inputs(session: Session, row: Analysis, evaluation: Evaluation) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    inputs = evaluation.done(ANALYSES)
    for role, others in ((NEEDS, evaluation.done(NEEDS)), (ANALYSES, inputs)):
        for other in others:
            if role == NEEDS and other in inputs:
                continue
            attempt = current_attempt(session, other)
            label = name_for(row.event.name, other.event.name, other.name)
            found[role, label] = _digest(assets_of(session, attempt) if attempt is not None else {})
    return found


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


def _repeat(change: Change, row: Analysis, attempt: Attempt, why: str) -> bool:
    """Whether a run has work by it."""
    if row.status in _REPEATED:
        change.set_status(row, "restart", reason=why)
        return True
    if row.status in _NOT_STARTED and attempt.state in {"building", "built"}:
        attempt.state, attempt.ended = "left", now()
        change.journal(f"attempt {attempt.number} left: {why}", event=row.event.name, analysis=row.name)
        return row.status == "ready"
    if row.status == "finalised":
        change.journal(f"is finalised, not repeated: {why}", event=row.event.name, analysis=row.name)
    return False


def _assets(name: str, assets: Assets) -> dict[str, str]:
    return {
        f"{_prefix(name)}{asset}{f', {label}' if label else ''}": file.sha256
        for asset, files in assets.items()
        for label, file in files.items()
    }


def _prefix(name: str) -> str:
    return f"from {name}: "


def _digest(assets: Assets) -> str:
    files = {name: {label: file.sha256 for label, file in labels.items()} for name, labels in assets.items()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


__all__ = [
    "DOCUMENT",
    "asset_inputs",
    "document_checksum",
    "document_checksums",
    "outdate",
    "outdate_dependants",
    "refresh_after",
    "refresh_events",
]

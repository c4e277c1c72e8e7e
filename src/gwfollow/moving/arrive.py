"""What `translate` has made, into the ledger.

First everything in one transaction, or nothing: documents as `gwfollow apply` stores them, and each analysis that speaks of a job or
of results *parked*, stuck with a reason that begins with `PARKED`.  Then each parked one is looked at on its own: results are opened, jobs
are found in the queue and given our key, so that they are watched as if we had submitted them.  A crash in between loses nothing: the
next import looks at what is still parked.  What the ledger has already is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import Blueprint, Reading, read_text
from gwfollow.ledger.documents import AnalysisDocument, Document, EventDocument, ProjectAnalysisDocument
from gwfollow.ledger.merge import deep_merge, project_document
from gwfollow.ledger.schema import Analysis, Attempt, Event, now
from gwfollow.ledger.states import IN_HAND, STARTABLE
from gwfollow.ledger.store import Change
from gwfollow.ledger.yamlfile import write_documents
from gwfollow.life import Site
from gwfollow.life.changes import DOCUMENT, document_checksum
from gwfollow.moving.parked import PARKED, Settled, settle
from gwfollow.moving.translate import RECORDS, Move, Past
from gwfollow.naming import PROJECT


@dataclass
class Arrival:
    """What an import did."""

    added: Counter[str] = field(default_factory=Counter)  # events, analyses, ...
    statuses: Counter[str] = field(default_factory=Counter)  # of the analyses that are new, after all was looked at
    known: int = 0  # documents that the ledger had already
    notes: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)  # still parked: import again

    @property
    def changed(self) -> bool:
        return bool(self.added)


class _OnlyLooking(Exception):
    """Ends the transaction of a dry run without storing anything."""


def arrive(site: Site, move: Move, *, dry_run: bool = False) -> Arrival:
    """Store it all.  With `dry_run` nothing is stored, and what is parked is not looked at.

    Raises `InputError`, and then nothing is stored.
    """
    reading = read_text(write_documents(move.documents), move.source)
    arrival = Arrival(notes=[*move.notes, *reading.warnings, *_plain_keys(reading)])

    def action(change: Change) -> Arrival:
        found = _store(change, reading, move.pasts, Arrival(notes=list(arrival.notes)))
        if dry_run:
            raise _OnlyLooking(found)
        return found

    try:
        arrival = site.ledger.run(action, who=site.who, why=f"import of {move.source}")
    except _OnlyLooking as looked:
        found: Arrival = looked.args[0]
        return found
    fresh = _fresh(site, move.pasts)
    for past in fresh:
        _tell(arrival, past, settle(site, past))
    _count(site, move.pasts, arrival)
    site.ledger.run(lambda change: _give_work(change, {past.event for past in move.pasts}), who=site.who, why="imported")
    return arrival


def _plain_keys(reading: Reading) -> list[str]:
    """Keys that gwfollow itself does not know: kept for pipelines and templates."""
    models: dict[str, type[Document]] = {
        "event": EventDocument,
        "analysis": AnalysisDocument,
        "projectanalysis": ProjectAnalysisDocument,
    }
    notes = []
    for kind, model in models.items():
        known = {str(field.alias) for field in model.model_fields.values()} | {RECORDS}
        found = Counter(key for one in reading.blueprints if one.kind == kind for key in one.document if key not in known)
        if found:
            keys = ", ".join(f"{key} ({count})" for key, count in sorted(found.items()))
            notes.append(f"kept as plain keys of kind {kind}: {keys}")
    return notes


def _tell(arrival: Arrival, past: Past, settled: Settled) -> None:
    if settled.text:
        arrival.notes.append(f"{past.event}/{past.name}: {settled.text}")
    if settled.later:
        arrival.later.append(f"{past.event}/{past.name}")


# ---- one transaction -------------------------------------------------------------------------------------------------


def _store(change: Change, reading: Reading, pasts: Sequence[Past], arrival: Arrival) -> Arrival:
    events, analyses = _known(change.session)
    wanted = []
    for blueprint in reading.blueprints:
        known = (blueprint.kind == "event" and blueprint.name in events) or (
            _event_of(blueprint),
            blueprint.name,
        ) in analyses
        if known:
            arrival.known += 1
        else:
            wanted.append(blueprint)
    wanted = _below_ours(change.session, wanted)
    if wanted:
        report = apply(change, wanted, update=True, work=False, later=True)
        arrival.notes += report.warnings
        arrival.added.update(entry.kind for entry in report.entries if entry.verdict == "added" or entry.keys)
    change.session.flush()
    for past in pasts:
        if (past.event, past.name) not in analyses:
            _begin(change, past, arrival)
    return arrival


def _event_of(blueprint: Blueprint) -> str | None:
    return PROJECT if blueprint.kind == "projectanalysis" else blueprint.event


def _known(session: Session) -> tuple[set[str], set[tuple[str | None, str]]]:
    rows = session.execute(select(Event.name, Analysis.name).join(Analysis, Analysis.event_id == Event.id))
    return set(session.scalars(select(Event.name))), {(event, name) for event, name in rows}


def _below_ours(session: Session, blueprints: Sequence[Blueprint]) -> list[Blueprint]:
    """Defaults of the project that the ledger has already stay; what it has not is added."""
    from dataclasses import replace

    ours = project_document(session)
    found = []
    for blueprint in blueprints:
        if blueprint.kind in ("configuration", "postprocessing") and ours:
            blueprint = replace(blueprint, document=_where_ours_win(blueprint.document, ours))
        found.append(blueprint)
    return found


def _where_ours_win(theirs: Mapping[str, object], ours: Mapping[str, object]) -> dict[str, object]:
    merged = deep_merge(theirs, ours)
    return {key: merged[key] for key in theirs}


def _begin(change: Change, past: Past, arrival: Arrival) -> None:
    """The new row of an analysis gets what it has behind it."""
    row = change.analysis(past.event, past.name)
    claim = past.claim
    if past.held:
        _is_now(change, row, "wait", f"was {claim.word!r}, and the import was told to hold it")
    elif claim.about:
        _is_now(change, row, "stuck", f"{PARKED}{claim.word!r}; it has not been looked at yet")
    elif claim.status != row.status or claim.remark:
        _is_now(change, row, claim.status, claim.remark or None)
    if claim.remark:
        arrival.notes.append(f"{past.event}/{past.name}: {claim.remark}; it is {row.status!r} here")
    if past.rundir is not None and (claim.about or (claim.status in {"stuck", "stopped", "restart"} and past.rundir.is_dir())):
        change.session.add(_attempt(change.session, row, past, "submitted" if claim.about else "failed"))
        row.attempt = 1
    for review in past.reviews:
        if not review.verdict or claim.about != "results":
            _remark(change, past, review.verdict, review.message, review.time)
            if review.verdict:
                arrival.notes.append(
                    f"{past.event}/{past.name}: the verdict {review.verdict!r} without results is in the journal only"
                )


def _is_now(change: Change, row: Analysis, status: str, reason: str | None) -> None:
    """The status with which an analysis arrives: no transition, it has had none here."""
    row.status, row.reason, row.status_since = status, reason, now()
    change.journal(f"arrived as {status}", event=row.event.name, analysis=row.name, **({"reason": reason} if reason else {}))


def _attempt(session: Session, row: Analysis, past: Past, state: str) -> Attempt:
    """The run folder as the first attempt.  It begins before its first review: a verdict is about the attempt that it follows."""
    times = [review.time for review in past.reviews if review.time is not None]
    return Attempt(
        analysis_id=row.id,
        number=1,
        folder=str(past.rundir),
        state=state,
        inputs={DOCUMENT: document_checksum(session, row)},
        created=min([now(), *times]),
        ended=None if state == "submitted" else now(),
    )


def _remark(change: Change, past: Past, verdict: str, message: str, time: datetime | None) -> None:
    details = {"message": message, "verdict": verdict, "time": time.isoformat() if time else ""}
    change.journal("review remark, imported", event=past.event, analysis=past.name, **{k: v for k, v in details.items() if v})


# ---- afterwards ------------------------------------------------------------------------------------------------------


def _fresh(site: Site, pasts: Sequence[Past]) -> list[Past]:
    """Those that are parked: of this import, or of one before that was killed."""
    with site.ledger.read() as session:
        query = select(Event.name, Analysis.name).join(Analysis, Analysis.event_id == Event.id)
        query = query.where(Analysis.status == "stuck", Analysis.reason.startswith(PARKED, autoescape=True))
        parked = {(event, name) for event, name in session.execute(query)}
    return [past for past in pasts if (past.event, past.name) in parked]


def _count(site: Site, pasts: Sequence[Past], arrival: Arrival) -> None:
    with site.ledger.read() as session:
        rows = session.execute(select(Event.name, Analysis.name, Analysis.status).join(Analysis, Analysis.event_id == Event.id))
        statuses = {(event, name): status for event, name, status in rows}
    arrival.statuses.update(statuses[past.event, past.name] for past in pasts if (past.event, past.name) in statuses)


def _give_work(change: Change, names: set[str]) -> None:
    """A run for every event that has something to do and has never been given a run."""
    busy = select(Analysis.event_id).where(Analysis.status.in_(STARTABLE | IN_HAND))
    for event in change.session.scalars(select(Event).where(Event.active, Event.revision == 0, Event.id.in_(busy))):
        if event.name in names:
            change.give_work(event, everything=True)


__all__ = ["Arrival", "arrive"]

"""An event's data-quality record: questions about its data, each with its present answer.

Pipelines answer when they are collected (`Pipeline.checks`), people and other programs with ``gwfollow checks``.  A later answer to the
same question takes the place of the earlier one; the journal keeps what has changed.  docs/dataquality.schema.json describes
`as_document`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Analysis, Check, Event, now
from gwfollow.ledger.store import Change
from gwfollow.quality.document import document, entry
from gwfollow.quality.verdicts import VERDICTS, worst

if TYPE_CHECKING:
    from gwfollow.pipelines.base import CheckResult

#: lengths of the ledger's columns
_LONGEST = {"name": 120, "process": 40, "ifo": 10}


def record(
    change: Change, event: Event, answers: Iterable[CheckResult], *, analysis: Analysis | None = None, attempt: int = 0
) -> list[str]:
    """Store the answers in the transaction of `change`; returns the names of those that are new, changed or gone.

    What `analysis` answered at an earlier attempt and does not answer any more is taken away.  Raises `InputError`.
    """
    given = valid(answers)
    lock(change, event)
    rows = {row.name: row for row in change.session.scalars(select(Check).where(Check.event_id == event.id))}
    changed: dict[str, str] = {}
    for answer in given:
        row = rows.get(answer.name)
        if row is None:
            row = rows[answer.name] = Check(event_id=event.id, name=answer.name, verdict="")
            change.session.add(row)
        old = row.verdict
        if _fill(row, answer, analysis, attempt):
            changed[answer.name] = answer.verdict if old in ("", answer.verdict) else f"{old} -> {answer.verdict}"
    changed |= _withdraw(change, rows.values(), {answer.name for answer in given}, analysis)
    if changed:
        by = analysis.name if analysis is not None else None
        state = worst(row.verdict for row in rows.values())
        change.journal(
            f"checks of the data: {len(changed)} new or changed, now {state}", event=event.name, analysis=by, **changed
        )
        change.session.flush()
    return list(changed)


def valid(answers: Iterable[CheckResult]) -> list[CheckResult]:
    """The answers, if the ledger can keep them.  Raises `InputError`."""
    given = list(answers)
    for answer in given:
        _check(answer)
    names = [answer.name for answer in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("checks", twice, "one answer to each question")
    return given


def lock(change: Change, event: Event) -> None:
    """Whoever else would change the record, or what follows from it, waits until `change` is stored (SQLite lets one writer in at a time anyway)."""
    change.session.flush()
    change.session.execute(select(Event.id).where(Event.id == event.id).with_for_update())


def of(session: Session, event: Event) -> list[Check]:
    """All checks of an event: by detector, then in the order in which they were first answered."""
    return list(session.scalars(select(Check).where(Check.event_id == event.id).order_by(Check.ifo, Check.id)))


def took_part(event: Event, ifo: str) -> bool:
    """Whether the detector counts for the event; all do where nobody has said which took part."""
    detectors = event.document.get("interferometers") or ()
    return not ifo or not detectors or ifo in detectors


def as_document(session: Session, event: Event) -> dict[str, Any]:
    """The record as one JSON document."""
    entries = [_entry_of(row) for row in of(session, event)]
    return document(event.name, event.gps, tuple(event.document.get("interferometers") or ()), entries)


def _entry_of(row: Check) -> dict[str, Any]:
    details = {key: value for key, value in row.details.items() if key != "links"}
    return entry(row.process, row.ifo, row.name, row.verdict, row.summary, row.details.get("links", ()), details, row.time)


def _check(answer: CheckResult) -> None:
    place = f"check {answer.name!r}"
    if answer.verdict not in VERDICTS:
        raise InputError(f"{place}, verdict", answer.verdict, ", ".join(VERDICTS))
    for key, longest in _LONGEST.items():
        value = getattr(answer, key)
        if len(value) > longest or (not value.strip() and key != "ifo"):
            raise InputError(f"{place}, {key}", value, f"1 to {longest} characters")


def _fill(row: Check, answer: CheckResult, analysis: Analysis | None, attempt: int) -> bool:
    """Whether a person would call it a change: the verdict, the words or the details; not who said it again."""
    details = dict(answer.details) | ({"links": list(answer.links)} if answer.links else {})
    said = (answer.process, answer.ifo, answer.verdict, answer.summary, details)
    same = (row.process, row.ifo, row.verdict, row.summary, row.details) == said
    if not same:
        row.process, row.ifo, row.verdict, row.summary, row.details = said
        row.time = now()
    row.analysis_id, row.attempt = (analysis.id if analysis is not None else None), attempt
    return not same


def _withdraw(change: Change, rows: Iterable[Check], answered: set[str], analysis: Analysis | None) -> dict[str, str]:
    if analysis is None:
        return {}
    gone = [row for row in rows if row.analysis_id == analysis.id and row.name not in answered]
    for row in gone:
        change.session.delete(row)
    return {row.name: f"{row.verdict} -> not asked any more" for row in gone}


__all__ = ["as_document", "lock", "of", "record", "took_part", "valid"]

"""What the report says of each event, as JSON has it: asked of the ledger in batches, the same few queries however many events there are.

docs/report.schema.json describes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Job, Journal, Need, ProgressMark, Result, Review
from gwfollow.naming import event_dag_id
from gwfollow.settings import Settings

#: events whose rows are in memory at once
BATCH = 100
#: journal entries of an event that its page shows, the newest
JOURNAL = 30

Facts = dict[str, Any]
# of any columns: SQLAlchemy's own types count them
_Query = Any
_Row = Any


def all_events(session: Session, settings: Settings) -> Iterator[Facts]:
    """The facts of every event, archived ones too, oldest first; the project's own analyses as the event ``project``."""
    ids = list(session.scalars(select(Event.id).order_by(Event.id)))
    for first in range(0, len(ids), BATCH):
        yield from some_events(session, settings, ids[first : first + BATCH])


def some_events(session: Session, settings: Settings, ids: Sequence[int]) -> list[Facts]:
    """The facts of the events with these ids of their rows."""
    columns = (
        Event.id,
        Event.name,
        Event.kind,
        Event.gps,
        Event.graceid,
        Event.category,
        Event.active,
        Event.alert,
        Event.document,
    )
    events = session.execute(select(*columns, Event.created, Event.updated).where(Event.id.in_(ids)).order_by(Event.id)).all()
    analyses = _analyses(session, ids)
    journal = _journal(session, [event.name for event in events])
    return [_event(event, analyses[event.id], journal[event.name], settings) for event in events]


def _event(event: _Row, analyses: list[Facts], journal: list[Facts], settings: Settings) -> Facts:
    alert, document = event.alert or {}, event.document or {}
    return {
        "name": event.name,
        "kind": event.kind,
        "gps": event.gps,
        "utc": _utc_of(event.gps),
        "graceid": event.graceid,
        "category": event.category,
        "active": bool(event.active),
        "retracted": bool(alert.get("retracted")),
        "labels": sorted(map(str, alert.get("labels") or ())),
        "interferometers": [str(name) for name in document.get("interferometers") or ()],
        "created": _time(event.created),
        "updated": max([_time(event.updated), *(row["updated"] for row in analyses)]),
        "links": _links(event, alert, document, settings),
        "analyses": analyses,
        "journal": journal,
    }


def _links(event: _Row, alert: Mapping[str, Any], document: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    links = {"gracedb": alert.get("gracedb") or "", "repository": document.get("repository") or "", "airflow": ""}
    server, api, _ = settings.gracedb_url.partition("/api")
    if not links["gracedb"] and event.graceid and api:
        links["gracedb"] = f"{server}/{'superevents' if 'S' in event.graceid[:2] else 'events'}/{quote(event.graceid)}/view/"
    if settings.airflow_url and event.active:
        links["airflow"] = f"{settings.airflow_url.rstrip('/')}/dags/{quote(event_dag_id(event.name), safe='')}"
    return {name: str(address) for name, address in links.items() if address}


# ---- analyses ----------------------------------------------------------------------------------------------------------------
def _analyses(session: Session, ids: Sequence[int]) -> defaultdict[int, list[Facts]]:
    columns = (
        Analysis.id,
        Analysis.event_id,
        Analysis.name,
        Analysis.pipeline,
        Analysis.status,
        Analysis.status_since,
        Analysis.reason,
    )
    wanted = select(*columns, Analysis.comment, Analysis.attempt, Analysis.review_first, Analysis.updated)
    rows = session.execute(wanted.where(Analysis.event_id.in_(ids)).order_by(Analysis.id)).all()
    parts = {
        "needs": _by(session, _needs(ids), _need),
        "reviews": _by(session, _reviews(ids), _review),
        "results": _by(session, _results(ids), _result),
        "pages": _by(session, _pages(ids), lambda row: row.path),
        "jobs": _by(session, _jobs(ids), _job),
        "progress": _by(session, _progress(ids), _progressed),
    }
    found: defaultdict[int, list[Facts]] = defaultdict(list)
    for row in rows:
        found[row.event_id].append(_analysis(row, {name: part[row.id] for name, part in parts.items()}))
    return found


def _analysis(row: _Row, parts: dict[str, list[Any]]) -> Facts:
    progress = [
        mark for mark in parts.pop("progress") if mark["attempt"] == row.attempt and row.status in {"running", "processing"}
    ]
    verdict = next((review for review in reversed(parts["reviews"])), None)
    return {
        "name": row.name,
        "pipeline": row.pipeline,
        "status": row.status,
        "since": _time(row.status_since),
        "reason": row.reason or "",
        "comment": row.comment or "",
        "attempt": row.attempt,
        "review_first": bool(row.review_first),
        "verdict": verdict["verdict"] if verdict else "",
        "progress": progress[0] if progress else None,
        "updated": _time(row.updated),
        **parts,
    }


def _by(session: Session, query: _Query, make: Callable[[_Row], Any]) -> defaultdict[int, list[Any]]:
    """Rows whose first column is an analysis' id, as what `make` makes of them."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        found[row[0]].append(make(row))
    return found


def _needs(ids: Sequence[int]) -> _Query:
    needed, owner = aliased(Analysis), aliased(Event)
    columns = select(
        Need.analysis_id, Need.condition, Need.role, Need.optional, needed.name, owner.name, needed.event_id, Analysis.event_id
    )
    joined = columns.join(Analysis, Need.analysis_id == Analysis.id).outerjoin(needed, Need.needed_id == needed.id)
    joined = joined.outerjoin(owner, needed.event_id == owner.id)
    return joined.where(Analysis.event_id.in_(ids)).order_by(Need.position, Need.id)


def _need(row: _Row) -> Facts:
    _, condition, role, optional, name, event, event_id, own = row
    return {
        "condition": condition,
        "role": role,
        "optional": bool(optional),
        "analysis": name,
        "event": event if event_id != own else None,  # of another event: a project analysis spans them
    }


def _reviews(ids: Sequence[int]) -> _Query:
    columns = select(Review.analysis_id, Review.verdict, Review.person, Review.message, Review.time)
    return columns.join(Analysis, Review.analysis_id == Analysis.id).where(Analysis.event_id.in_(ids)).order_by(Review.id)


def _review(row: _Row) -> Facts:
    return {"verdict": row.verdict, "person": row.person, "message": row.message, "time": _time(row.time)}


def _present(query: _Query, ids: Sequence[int]) -> _Query:
    """Of the present attempts (and of results that were brought by hand) of these events' analyses."""
    return query.join(Analysis, Attempt.analysis_id == Analysis.id).where(
        Analysis.event_id.in_(ids), Attempt.number.in_((0, Analysis.attempt))
    )


def _results(ids: Sequence[int]) -> _Query:
    columns = select(Attempt.analysis_id, Result.name, Result.label, Result.filename, Result.sha256, Result.size, Result.summary)
    return _present(columns.join(Attempt, Result.attempt_id == Attempt.id), ids).order_by(Result.id)


def _result(row: _Row) -> Facts:
    keys = ("name", "label", "filename", "sha256")
    return {key: getattr(row, key) for key in keys} | {"bytes": row.size, "summary": row.summary or {}}


def _pages(ids: Sequence[int]) -> _Query:
    columns = select(Attempt.analysis_id, Asset.path).join(Attempt, Asset.attempt_id == Attempt.id).where(Asset.name == "pages")
    return _present(columns, ids).order_by(Asset.id)


def _jobs(ids: Sequence[int]) -> _Query:
    columns = select(Attempt.analysis_id, Job.job_id, Job.scheduler, Job.state, Job.purpose)
    wanted = columns.join(Attempt, Job.attempt_id == Attempt.id).where(Job.job_id.is_not(None))
    return _present(wanted, ids).order_by(Job.id)


def _job(row: _Row) -> Facts:
    return {"id": row.job_id, "scheduler": row.scheduler, "state": row.state, "purpose": row.purpose}


def _progress(ids: Sequence[int]) -> _Query:
    columns = select(ProgressMark.analysis_id, ProgressMark.attempt, ProgressMark.fraction, ProgressMark.line, ProgressMark.time)
    return columns.join(Analysis, ProgressMark.analysis_id == Analysis.id).where(Analysis.event_id.in_(ids))


def _progressed(row: _Row) -> Facts:
    return {"attempt": row.attempt, "fraction": row.fraction, "line": row.line, "time": _time(row.time)}


# ---- journal, times ----------------------------------------------------------------------------------------------------------
def _journal(session: Session, names: Sequence[str]) -> defaultdict[str, list[Facts]]:
    rank = func.row_number().over(partition_by=Journal.event, order_by=Journal.id.desc()).label("rank")
    columns = (Journal.id, Journal.event, Journal.analysis, Journal.time, Journal.who, Journal.what, Journal.why)
    ranked = select(*columns, rank).where(Journal.event.in_(names)).subquery()
    found: defaultdict[str, list[Facts]] = defaultdict(list)
    for row in session.execute(select(ranked).where(ranked.c.rank <= JOURNAL).order_by(ranked.c.id.desc())):
        keys = ("analysis", "who", "what", "why")
        # a subquery's columns keep their types, so times are aware here too
        found[row.event].append({"time": _time(row.time)} | {key: getattr(row, key) or "" for key in keys})
    return found


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc_of(gps: float | None) -> str | None:
    from gwfollow.times import gps_to_utc

    try:
        return _time(gps_to_utc(gps)) if gps is not None else None
    except InputError:
        return None


def outside(address: Any) -> str:
    """An address that a link may lead to; nothing for any other (``javascript:``, ``git@host:``), which is shown as text."""
    return address if isinstance(address, str) and urlsplit(address).scheme in {"http", "https"} else ""


__all__ = ["Facts", "all_events", "outside", "some_events"]

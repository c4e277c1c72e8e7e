"""``gwfollow show``"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from gwfollow.commands.common import echo_json, split_name
from gwfollow.ledger import open_ledger
from gwfollow.ledger.glance import said
from gwfollow.ledger.merge import event_document, merged_document
from gwfollow.ledger.needs import unmet, unmet_in_event
from gwfollow.ledger.schema import Analysis, Attempt, Event, Job, ProgressMark, Review
from gwfollow.ledger.states import RUNS
from gwfollow.ledger.store import find_analysis, find_event
from gwfollow.ledger.yamlfile import write_documents
from gwfollow.repository.address import link_of
from gwfollow.settings import Settings
from gwfollow.times import gps_to_utc


@click.command()
@click.argument("name", metavar="EVENT[/ANALYSIS]")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def show(name: str, as_json: bool) -> None:
    """Show all that the ledger knows of an event, or of an analysis with the defaults that apply to it."""
    event, analysis = split_name(name)
    with open_ledger().read() as session:
        if analysis is None:
            found = event_facts(session, find_event(session, event))
        else:
            found = analysis_facts(session, find_analysis(session, event, analysis))
    if as_json:
        echo_json(found)
    else:
        click.echo(write_documents([_plain(found)]).removeprefix("---\n"), nl=False)


def event_facts(session: Session, event: Event) -> dict[str, Any]:
    unmet_needs = unmet_in_event(session, event)
    return {
        "event": event.name,
        "gps": event.gps,
        "utc": gps_to_utc(event.gps) if event.gps is not None else None,
        "graceid": event.graceid,
        "source": event.source,
        "active": event.active,
        "revision": event.revision,
        "created": event.created,
        "updated": event.updated,
        "analyses": [_summary(row, unmet_needs[row.name]) for row in event.analyses],
        "repository": link_of(event, Settings.read()),
        "document": event_document(event),
    }


def analysis_facts(session: Session, row: Analysis) -> dict[str, Any]:
    return {
        "event": row.event.name,
        **_summary(row, unmet(session, row)),
        "comment": row.comment,
        "needs": [need.condition + (f" ({_label(row, need.needed)})" if need.needed else "") for need in row.needs],
        "created": row.created,
        "updated": row.updated,
        "attempts": [_attempt(attempt) for attempt in row.attempts],
        "reviews": _reviews(session, row),
        "document": merged_document(session, row),
    }


def _label(row: Analysis, other: Analysis) -> str:
    return other.name if other.event_id == row.event_id else f"{other.event.name}/{other.name}"


def _summary(row: Analysis, unmet_needs: list[str]) -> dict[str, Any]:
    return {
        "name": row.name,
        "pipeline": row.pipeline,
        "status": row.status,
        "since": row.status_since,
        "reason": row.reason,
        "progress": _progress(row),
        "attempt": row.attempt,
        "waits for": unmet_needs,
    }


def _progress(row: Analysis) -> dict[str, Any] | None:
    session = object_session(row)
    mark = session.get(ProgressMark, row.id) if session is not None and row.status in RUNS else None
    if mark is None or mark.attempt != row.attempt:
        return None
    return {"text": said(mark.fraction, mark.line), "since": mark.time, "values": mark.values}


def _reviews(session: Session, row: Analysis) -> list[dict[str, Any]]:
    found = session.scalars(select(Review).where(Review.analysis_id == row.id).order_by(Review.id))
    return [{"verdict": r.verdict, "person": r.person, "message": r.message, "time": r.time} for r in found]


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "state": attempt.state,
        "folder": attempt.folder,
        "built": attempt.built,
        "ended": attempt.ended,
        "jobs": [_job(job) for job in attempt.jobs],
        "assets": [
            {"name": asset.name, "label": asset.label, "path": asset.path, "sha256": asset.sha256, "bytes": asset.size}
            for asset in attempt.assets
        ],
    }


def _job(job: Job) -> dict[str, Any]:
    keys = ("number", "purpose", "key", "scheduler", "job_id", "state", "adopted", "outcome", "submitted", "ended")
    return {key: getattr(job, key) for key in keys}


def _plain(value: Any) -> Any:
    """For people: times to the second, and nothing where there is nothing."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner not in (None, [], {}, "")}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value

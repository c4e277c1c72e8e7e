"""The ledger as blueprints with asimov's keys: what `gwfollow.ledger.apply` reads back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gwfollow.ledger.merge import event_document, project_document
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import find_event


def documents(session: Session, event: str | None = None) -> list[dict[str, Any]]:
    """The configuration, then each event (archived ones too) with its analyses.  Raises `NotFound`."""
    project = project_document(session)
    found: list[dict[str, Any]] = [{"kind": "configuration", **project}] if project else []
    if event is not None:
        return found + _event(find_event(session, event))
    rows = session.scalars(select(Event).order_by(Event.id).options(selectinload(Event.analyses)))
    return found + [document for row in rows for document in _event(row)]


def _event(event: Event) -> list[dict[str, Any]]:
    return [{"kind": "event", "name": event.name, **event_document(event)}, *(_analysis(event, row) for row in event.analyses)]


def _analysis(event: Event, row: Analysis) -> dict[str, Any]:
    comment = {"comment": row.comment} if row.comment else {}
    return {
        "kind": "analysis",
        "name": row.name,
        "event": event.name,
        "pipeline": row.pipeline,
        "status": row.status,
        **comment,
        **row.document,
    }

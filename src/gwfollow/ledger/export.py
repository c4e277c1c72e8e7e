"""The ledger as blueprints with asimov's keys: what `gwfollow.ledger.apply` reads back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gwfollow.ledger.merge import event_document, project_document
from gwfollow.ledger.reviews import reviews_of
from gwfollow.ledger.schema import Analysis, Event, Review
from gwfollow.ledger.store import find_event
from gwfollow.naming import PROJECT

#: verdicts are written for these: an analysis that is applied with another status has no results to review yet
_REVIEWED = frozenset({"finished", "uploaded", "finalised"})


def documents(session: Session, event: str | None = None) -> list[dict[str, Any]]:
    """The configuration, then each event (archived ones too) with its analyses, then those of the project.  Raises `NotFound`."""
    project = project_document(session)
    found: list[dict[str, Any]] = [{"kind": "configuration", **project}] if project else []
    if event is not None:
        return found + _event(session, find_event(session, event))
    rows = session.scalars(select(Event).order_by(Event.id).options(selectinload(Event.analyses))).all()
    # the project's analyses speak of the events
    in_order = sorted(rows, key=lambda row: row.name == PROJECT)
    return found + [document for row in in_order for document in _event(session, row)]


def _event(session: Session, event: Event) -> list[dict[str, Any]]:
    reviews = reviews_of(session, event.analyses)
    analyses = [_analysis(event, row, reviews[row.id]) for row in event.analyses]
    if event.name == PROJECT:
        return analyses
    return [{"kind": "event", "name": event.name, **event_document(event)}, *analyses]


def _analysis(event: Event, row: Analysis, reviews: Sequence[Review]) -> dict[str, Any]:
    spans = event.name == PROJECT
    return {
        "kind": "projectanalysis" if spans else "analysis",
        "name": row.name,
        **({} if spans else {"event": event.name}),
        "pipeline": row.pipeline,
        "status": row.status,
        **({"comment": row.comment} if row.comment else {}),
        **row.document,
        **({"review": [_review(one) for one in reviews]} if reviews and row.status in _REVIEWED else {}),
    }


def _review(review: Review) -> dict[str, Any]:
    said = {"message": review.message} if review.message else {}
    return {"status": review.verdict, "person": review.person, **said, "timestamp": review.time.astimezone(UTC).isoformat()}

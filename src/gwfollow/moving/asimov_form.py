"""The ledger as a ``ledger.yml`` that asimov 0.8 loads, and that `gwfollow import asimov` reads back.

asimov knows no journal, no earlier attempts and no inbox: they stay behind.  What it would not understand (the status *finalised*, and
analyses of pipelines that only gwfollow has) stands under the key ``gwfollow``, which asimov keeps and does not look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gwfollow.ledger.forms.postprocessing import is_definition
from gwfollow.ledger.merge import event_document, project_document
from gwfollow.ledger.reviews import reviews_of
from gwfollow.ledger.schema import Analysis, Event, Review
from gwfollow.life.site import current_attempt, last_job
from gwfollow.moving.translate import OURS, RECORDS
from gwfollow.naming import PROJECT

#: the version whose form this is
VERSION = "0.8.0"
#: asimov does not load a ledger with a pipeline that it does not have
ONLY_HERE = frozenset({"psd"})


@dataclass
class Exported:
    document: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def export(session: Session) -> Exported:
    """Everything, as one document."""
    found = Exported({"asimov": {"version": VERSION}})
    project = dict(project_document(session))
    found.document |= _configuration(project)
    load = selectinload(Event.analyses)
    events = session.scalars(select(Event).order_by(Event.id).options(load)).all()
    given = found.document.setdefault("postprocessing", {})
    given.setdefault("pesummary", {})
    reviews = {event.name: reviews_of(session, event.analyses) for event in events}
    found.document["events"] = [_event(session, e, reviews[e.name], given, found.warnings) for e in events if e.name != PROJECT]
    spanning = [row for event in events if event.name == PROJECT for row in event.analyses]
    found.document["project analyses"] = [
        {"name": row.name, **_analysis(session, row, reviews[PROJECT][row.id], given)} for row in spanning
    ]
    return found


def _configuration(project: Mapping[str, Any]) -> dict[str, Any]:
    plain = {"project": {"name": "gwfollow"}, **project}
    entries = plain.pop("postprocessing", None) or {}
    stages = {name: {"name": name, **entry} for name, entry in entries.items() if is_definition(entry)}
    settings = {name: entry for name, entry in entries.items() if not is_definition(entry)}
    if settings:
        plain["postprocessing"] = settings
    if stages:
        plain["postprocessing stages"] = stages
    return plain


def _event(
    session: Session, event: Event, reviews: Mapping[int, list[Review]], given: Mapping[str, Any], warnings: list[str]
) -> dict[str, Any]:
    ours: dict[str, Any] = {}
    document = {"name": event.name, **event_document(event)}
    if "working directory" not in document:  # asimov has no run folders without one
        document["working directory"] = f"working/{event.name}"
        ours["made up"] = ["working directory"]
    productions, only_here = [], []
    for row in event.analyses:
        written = {row.name: _analysis(session, row, reviews[row.id], given)}
        if row.pipeline.lower() in ONLY_HERE:
            only_here.append(written)
            warnings.append(
                f"{event.name}/{row.name}: asimov has no pipeline {row.pipeline!r}; it stands where asimov does not look"
            )
        else:
            productions.append(written)
    if only_here:
        ours["productions"] = only_here
        hidden = {name for written in only_here for name in written}
        warnings += [text for row in event.analyses if (text := _missing(row, hidden))]
    return document | ({OURS: ours} if ours else {}) | {"productions": productions}


def _missing(row: Analysis, hidden: set[str]) -> str:
    lost = sorted({need.needed.name for need in row.needs if need.needed is not None} & hidden)
    if not lost or row.pipeline.lower() in ONLY_HERE:
        return ""
    return f"{row.event.name}/{row.name}: needs {', '.join(lost)}, which asimov will not know: it starts without"


def _analysis(session: Session, row: Analysis, reviews: Sequence[Review], given: Mapping[str, Any]) -> dict[str, Any]:
    document = dict(row.document)
    records = document.pop(RECORDS, None) or {}
    found: dict[str, Any] = {"pipeline": row.pipeline, "status": row.status}
    if row.status == "finalised":
        found |= {"status": "uploaded", OURS: {"status": "finalised"}}
    if row.comment:
        found["comment"] = row.comment
    found |= document | records
    if row.pipeline.lower() == "pesummary":
        # asimov's plugin does not load without its settings, and an analysis over others does not inherit them; import takes them out
        found.setdefault("postprocessing", dict(given))
    attempt = current_attempt(session, row)
    if attempt is not None:
        found["rundir"] = str(_rundir(Path(attempt.folder)))
        job = last_job(attempt)
        if job is not None and job.job_id and job.job_id.partition(".")[0].isdigit():
            found["scheduler"] = {**(found.get("scheduler") or {}), "job id": int(job.job_id.partition(".")[0])}
    if reviews:
        found["review"] = [_review(review) for review in reviews]
    return found


def _rundir(folder: Path) -> Path:
    """Where the builder's own files are, as asimov's plugins expect them."""
    inner = folder / "run"
    return inner.resolve() if inner.is_dir() else folder


def _review(review: Review) -> dict[str, Any]:
    time = review.time.astimezone().replace(tzinfo=None).isoformat(" ", "microseconds")
    return {"status": review.verdict.upper(), "message": review.message or None, "timestamp": time}


__all__ = ["ONLY_HERE", "Exported", "export"]

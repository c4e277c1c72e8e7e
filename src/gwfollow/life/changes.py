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
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.ledger.merge import merge_rows, project_document
from gwfollow.ledger.needs import ANALYSES, NEEDS
from gwfollow.ledger.schema import Analysis, Attempt, Event, Need, now
from gwfollow.ledger.store import Change
from gwfollow.life.site import assets_of, current_attempt, name_for
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
        found[f"{role} {label}, attempt {other.attempt}"] = digest(other.assets)
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
        if attempt is not None and recorded not in (None, present) and repeat(change, row, attempt, why):
            again.append(row.name)
    return again


def outdate_dependants(change: Change, maker: Analysis, attempt: Attempt) -> list[Analysis]:
    """The same for the analyses that need `maker` and took other assets from it than `attempt` has made."""
    query = select(Analysis).join(Need, Need.analysis_id == Analysis.id).where(Need.needed_id == maker.id, Need.role == NEEDS)
    dependants = list(dict.fromkeys(change.session.scalars(query)))
    assets = assets_of(change.session, attempt) if dependants else {}
    again = []
    for row in dependants:
        label = name_for(row.event.name, maker.event.name, maker.name)
        present = current_attempt(change.session, row)
        inputs = present.inputs if present else {}
        taken = {key: value for key, value in inputs.items() if key.startswith(_prefix(label))}
        if present is None or not taken or taken == _assets(label, assets):
            continue
        if repeat(change, row, present, f"{label} has made other files"):
            again.append(row)
    return again


def may_be_repeated(row: Analysis, attempt: Attempt) -> bool:
    """Whether `repeat` would find something to do: not where it has been asked already, or a person has closed it."""
    return row.status in _REPEATED or (row.status in _NOT_STARTED and attempt.state == "built")


def repeat(change: Change, row: Analysis, attempt: Attempt, why: str) -> bool:
    """Ask for a fresh attempt where the status allows it; whether a run has work by it."""
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


def digest(assets: Assets) -> str:
    """One checksum of all that an attempt has made."""
    files = {name: {label: file.sha256 for label, file in labels.items()} for name, labels in assets.items()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


__all__ = [
    "DOCUMENT",
    "asset_inputs",
    "digest",
    "document_checksum",
    "document_checksums",
    "may_be_repeated",
    "outdate",
    "outdate_dependants",
    "repeat",
]

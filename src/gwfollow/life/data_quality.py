"""GraceDB's labels follow the event's data-quality record, by the policy in ``state_checks.yaml``.

What the policy wants is compared with what was last said of each label, so that a label is asked for once, and again when the verdict
has changed.  A label that nobody but we can have set (*unknown*) is taken back only where we have set it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from gwfollow.errors import InputError
from gwfollow.ledger import checks
from gwfollow.ledger.schema import Analysis, Event, Outbox
from gwfollow.ledger.store import Change, is_test
from gwfollow.life.retraction import taken
from gwfollow.life.site import Site, current_attempt
from gwfollow.naming import STATE_CHECKS
from gwfollow.pipelines.base import CheckResult, Pipeline
from gwfollow.quality.verdicts import STATE_VECTOR
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from gwfollow.quality.labels import Labels  # pydantic is for those alone who have checks

_ADD, _REMOVE = "label", "unlabel"


def labels_of(site: Site, pipeline: Pipeline) -> Labels | None:
    """The policy, for a pipeline that answers checks; None for all others.  Raises `InputError` for a policy that is wrong."""
    return None if type(pipeline).checks is Pipeline.checks else policy(site.settings)


def policy(settings: Settings) -> Labels | None:
    """The site's policy; None where it has none.  Raises `InputError`."""
    from gwfollow.quality.bits import FILE, load

    configs = settings.configs_folder
    return load(configs).labels if (configs / FILE).is_file() else None


def answer(change: Change, event: Event, result: CheckResult, labels: Labels | None) -> list[str]:
    """What a person or another program says: recorded, told in GraceDB, and the labels follow; empty where that was known."""
    changed = checks.record(change, event, [result])
    if not changed:
        return []
    if _may_say(event):
        said = f"{result.name}: {result.verdict}" + (f" ({result.summary})" if result.summary else "")
        comment = " ".join([f"gwfollow: data quality of {event.name}, recorded by {change.who}: {said}", *result.links])
        prefix = f"gracedb:{event.name}:data quality recorded:"
        payload = {"graceid": event.graceid, "comment": comment, "tags": ["data_quality"]}
        change.send("gracedb", "log", payload, key=f"{prefix}{len(_said(change, event, prefix))}", event=event)
    return changed + (follow(change, event, labels) if labels is not None else [])


def follow(change: Change, event: Event, labels: Labels) -> list[str]:
    """Store the messages that bring the labels where the policy wants them; returns what was asked: ``+DQOK``, ``-DQV``."""
    from gwfollow.quality.labels import wanted

    if not _may_say(event) or is_test(event):
        return []
    checks.lock(change, event)
    verdicts = [(row.process, row.verdict) for row in checks.of(change.session, event) if checks.took_part(event, row.ifo)]
    asked = []
    for label, there, ours_alone in wanted(labels, verdicts):
        prefix = f"gracedb:{event.name}:data quality:{label}:"
        said = _said(change, event, prefix)
        last = said[-1] if said else None
        kind = _ADD if there else _REMOVE
        if last == kind or (ours_alone and last != _ADD):
            continue
        change.send("gracedb", kind, {"graceid": event.graceid, "label": label}, key=f"{prefix}{len(said)}", event=event)
        asked.append(f"{'+' if there else '-'}{label}")
    if asked:
        change.journal(f"labels asked for: {' '.join(asked)}", event=event.name)
    return asked


def failed(change: Change, row: Analysis, reason: str, settings: Settings) -> None:
    """State checks that are stuck: what they answered before is not known any more, and GraceDB is told why."""
    if row.pipeline.lower() != STATE_CHECKS or taken(row) is not None:
        return
    attempt = current_attempt(change.session, row)
    if attempt is not None and attempt.state == "collected":
        return  # its answers stand, whatever happened to their publication
    event = row.event
    before = [check for check in checks.of(change.session, event) if check.analysis_id == row.id]
    asked = [(check.name, check.process, check.ifo) for check in before]
    asked = asked or [(f"{ifo} {STATE_VECTOR}", STATE_VECTOR, ifo) for ifo in event.document.get("interferometers") or ()]
    words = f"could not be checked: {reason}"
    answers = [CheckResult(name, process, "unknown", ifo, words) for name, process, ifo in asked]
    checks.record(change, event, answers, analysis=row, attempt=row.attempt)
    if not _may_say(event):
        return
    comment = f"gwfollow: data quality of {event.name} {words} (analysis {row.name}, attempt {row.attempt})"
    payload = {"graceid": event.graceid, "comment": comment, "tags": ["data_quality"]}
    change.send("gracedb", "log", payload, key=f"gracedb:{event.name}/{row.name}/{row.attempt}:failed", event=event)
    try:
        labels = policy(settings)
    except InputError:  # may be the very reason; labels stay until somebody has mended the policy
        return
    if labels is not None:
        follow(change, event, labels)


def _may_say(event: Event) -> bool:
    """GraceDB has the event, and it is not retracted: of such a one what was said stands, and nothing is added."""
    return bool(event.graceid) and not (event.alert or {}).get("retracted")


def _said(change: Change, event: Event, prefix: str) -> list[str]:
    """The kinds of our messages whose keys begin so, oldest first; the next one's key ends in how many there are, so one writer alone has it."""
    ours = (Outbox.event_id == event.id, Outbox.destination == "gracedb", func.substr(Outbox.key, 1, len(prefix)) == prefix)
    return list(change.session.scalars(select(Outbox.kind).where(*ours).order_by(Outbox.id)))


__all__ = ["answer", "failed", "follow", "labels_of", "policy"]

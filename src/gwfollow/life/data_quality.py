"""GraceDB's labels follow the event's data-quality record, by the policy in ``state_checks.yaml``.

What the policy wants is compared with what was last said of each label, so that a label is asked for once, and again when the verdict
has changed.  A label that nobody but we can have set (*unknown*) is taken back only where we have set it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from gwfollow.ledger import checks
from gwfollow.ledger.schema import Event, Outbox
from gwfollow.ledger.store import Change, is_test
from gwfollow.life.site import Site
from gwfollow.pipelines.base import Pipeline

if TYPE_CHECKING:
    from gwfollow.quality.labels import Labels  # pydantic is for those alone who have checks

_ADD, _REMOVE = "label", "unlabel"


def labels_of(site: Site, pipeline: Pipeline) -> Labels | None:
    """The policy, for a pipeline that answers checks; None for all others.  Raises `InputError` for a policy that is wrong."""
    if type(pipeline).checks is Pipeline.checks:
        return None
    from gwfollow.quality.labels import load_labels

    return load_labels(site.settings.configs_folder)


def follow(change: Change, event: Event, labels: Labels) -> list[str]:
    """Store the messages that bring the labels where the policy wants them; returns what was asked: ``+DQOK``, ``-DQV``."""
    from gwfollow.quality.labels import wanted

    if not event.graceid or is_test(event):
        return []
    verdicts = [(row.process, row.verdict) for row in checks.of(change.session, event) if checks.took_part(event, row.ifo)]
    asked = []
    for label, there, ours_alone in wanted(labels, verdicts):
        last, number = _last_said(change, event, label)
        kind = _ADD if there else _REMOVE
        if last == kind or (ours_alone and last != _ADD):
            continue
        payload = {"graceid": event.graceid, "label": label}
        change.send("gracedb", kind, payload, key=f"gracedb:{event.name}:data quality:{label}:{number}", event=event)
        asked.append(f"{'+' if there else '-'}{label}")
    if asked:
        change.journal(f"labels by the checks of the data: {' '.join(asked)}", event=event.name)
    return asked


def _last_said(change: Change, event: Event, label: str) -> tuple[str | None, int]:
    """What we last asked of the label, and how often we have; the next has the next number, which one writer alone can have."""
    prefix = f"gracedb:{event.name}:data quality:{label}:"
    ours = (Outbox.event_id == event.id, Outbox.destination == "gracedb", func.substr(Outbox.key, 1, len(prefix)) == prefix)
    kinds = change.session.scalars(select(Outbox.kind).where(*ours).order_by(Outbox.id)).all()
    return (kinds[-1] if kinds else None), len(kinds)


__all__ = ["follow", "labels_of"]

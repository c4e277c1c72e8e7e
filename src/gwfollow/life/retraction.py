"""A retraction takes what has not ended from an event; the end of the retraction brings back just that.

    wait, ready, restart    -> cancelled
    a job with a scheduler  -> stop: its job is removed, then it is stopped
    finished                stays, and is neither post-processed nor published
    all others              stay: they have ended, or a person holds them

What was taken carries its earlier status in its reason, ``retracted (was ready): ...``.  A person who sets another status takes the
mark away, and with it the analysis out of all this.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from gwfollow.errors import TransientError
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.states import TRANSITIONS
from gwfollow.ledger.store import Change
from gwfollow.life.site import current_attempt

_MARK = re.compile(r"retracted \(was ([a-z]+)\)")
_CANCELLED = frozenset({"wait", "ready", "restart", "stuck"})
_RUNNING = frozenset({"running", "processing"})


def mark(status: str, why: str) -> str:
    """The reason of an analysis that a retraction takes."""
    return f"retracted (was {status}): {why}"


def taken(row: Analysis) -> str | None:
    """The status before a retraction took the analysis; None where none has."""
    found = _MARK.match(row.reason or "")
    return found[1] if found and row.status in {"cancelled", "stop", "stopped", "finished"} else None


def withdraw(change: Change, event: Event, why: str, *, fresh: Collection[str]) -> bool:
    """Take the analyses named in `fresh`, and say `why` on those that were taken before; whether a run has jobs to remove."""
    stopped = False
    for row in event.analyses:
        old = taken(row)
        if old is not None:
            change.set_status(row, row.status, reason=mark(old, why))
        elif row.name in fresh:
            stopped |= _take(change, row, why)
    return stopped


def _take(change: Change, row: Analysis, why: str) -> bool:
    attempt = current_attempt(change.session, row)
    jobs = attempt is not None and any(job.state in {"intent", "submitted"} for job in attempt.jobs)
    reason = mark(row.status, why)
    if row.status in _RUNNING or (jobs and row.status in _CANCELLED and "stop" in TRANSITIONS[row.status]):
        change.set_status(row, "stop", reason=reason)
        return True
    if row.status in _CANCELLED:
        change.set_status(row, "cancelled", reason=reason)
    elif row.status == "finished":
        change.set_status(row, "finished", reason=reason)
    return False


def bring_back(change: Change, event: Event) -> list[str]:
    """Give back what a retraction took; returns the names that a run has work by.

    Raises `TransientError` while a job is still being removed: only then can its analysis begin again.
    """
    again = []
    for row in event.analyses:
        old = taken(row)
        if old is None:
            continue
        if row.status == "stop":
            raise TransientError(f"{event.name}/{row.name}: its job is still being removed, it is brought back after that")
        if row.status == "finished":
            row.reason = None
            change.journal("no longer retracted", event=event.name, analysis=row.name)
            again.append(row.name)
            continue
        to = old if row.status == "cancelled" and old in {"wait", "ready"} else "restart"
        change.set_status(row, to, reason=None)
        if to != "wait":
            again.append(row.name)
    return again


__all__ = ["bring_back", "mark", "taken", "withdraw"]

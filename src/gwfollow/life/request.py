"""A person, or a DAG, asks for an omega scan of any time: an analysis in the ledger, whose event's own DAG does the work.

    requested = scan(site, read(gps=1126259462.4, channel_set="H1_strain"))      # `gwfollow.scans.asked.read`
    deliver_now(site.ledger, site.settings)

Where no event is named the request makes one, called after the time: ``scan-1126259462.400``.  The same request again finds the same
analysis; one that ended without a scan (stuck, stopped, skipped for want of data) is asked for once more.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select

from gwfollow.errors import GWFollowError, InputError, SchedulerSilent, TransientError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis, Event, now
from gwfollow.ledger.states import IN_HAND, STARTABLE
from gwfollow.ledger.store import Change, Ledger, find_analysis
from gwfollow.life.site import Site
from gwfollow.naming import OMEGA_SCAN, PROJECT
from gwfollow.scans.asked import PREFIX, Asked, digest
from gwfollow.schedulers.base import JobState, JobStatus

#: of events that a request made
SOURCE = "request"
#: for so long they stay active after the last scan has ended, s
KEPT = 7 * 86400.0
#: two times no further apart are the same, s
SAME_TIME = 0.001
#: an end that is no scan: a request asks for it once more
_WITHOUT = frozenset({"stuck", "stopped", "cancelled"})
_WITH = frozenset({"uploaded", "finalised"})
#: nothing follows by itself
_ENDS = _WITHOUT | _WITH | {"manual"}


@dataclass(frozen=True)
class Requested:
    """Who does it, and from which revision of the event on."""

    event: str
    analysis: str
    revision: int
    work: bool = True  # False: it is being done already, or has been


@dataclass(frozen=True)
class Standing:
    """How a request stands."""

    status: str
    reason: str
    attempt: int

    @property
    def ended(self) -> bool:
        return self.status in _ENDS

    @property
    def good(self) -> bool:
        """There is a scan, and it has been published."""
        return self.status in _WITH


def scan(site: Site, asked: Asked, *, event: str | None = None, again: bool = False) -> Requested:
    """Ensure that the ledger has the scan that is asked for, and that a run of its event is asked for where it gives work.

    Parameters
    ----------
    event : name in the ledger, whose time is taken where `asked` has none; else the request has an event of its own
    again : also where it has been scanned: a fresh attempt

    Raises
    ------
    InputError : and nothing was stored
    NotFound : no such event, or no such channel set
    TransientError : the analysis is just being stopped
    """
    if asked.gps is None and not event:
        raise InputError("time", None, "a time, or an event that has one")
    detector = _detector(site, asked)
    why = asked.title or "an omega scan was asked for"
    return site.ledger.run(lambda change: _ask(change, asked, event or None, detector, again), who=site.who, why=why)


def _detector(site: Site, asked: Asked) -> str:
    """The detector whose channels are scanned.  Raises for what cannot be scanned: no such channel set, or no such channel in it, ..."""
    from gwfollow.scans.channel_sets import from_document  # pydantic's models: only who asks pays for them

    found = from_document(asked.scan, site.settings.configs_folder, "the request")
    if asked.ifo and found.ifo != asked.ifo:
        raise InputError("detector", asked.ifo, f"{found.ifo}, whose channels these are")
    return str(found.ifo)


def _ask(change: Change, asked: Asked, event: str | None, detector: str, again: bool) -> Requested:
    found = _named_event(change, event, asked.gps) if event else _own_event(change, asked.gps)
    names = found.document.get("interferometers") or []
    if found.source == SOURCE and detector not in names:
        found.document = {**found.document, "interferometers": sorted([*names, detector])}
    row = next((row for row in found.analyses if _is_asked(row, asked)), None)
    if row is None:
        name = _add(change, found, asked)
        return Requested(found.name, name, found.revision)
    work = _once_more(change, row, again)
    if work:
        found.active = True
        change.give_work(found)
    return Requested(found.name, row.name, found.revision, work)


def _named_event(change: Change, name: str, gps: float | None) -> Event:
    event = change.event(name)
    if event.kind == PROJECT:
        raise InputError("event", name, "an event; the project has no time")
    if event.gps is None:
        raise InputError("event", name, "an event with a time; this one has none yet")
    if gps is not None and abs(gps - event.gps) > SAME_TIME:
        raise InputError(
            "time", gps, f"none, or that of {name} ({event.gps:.3f}): a scan of another time has an event of its own"
        )
    return event


def _own_event(change: Change, gps: float | None) -> Event:
    assert gps is not None
    name = f"{PREFIX}{gps:.3f}"
    event = change.session.scalar(select(Event).where(Event.name == name))
    if event is None:
        event = Event(name=name, gps=gps, source=SOURCE, document={}, analyses=[], revision=0)
        change.session.add(event)
        change.session.flush()
        change.journal("event added", event=name, source=SOURCE)
    return event


def _is_asked(row: Analysis, asked: Asked) -> bool:
    """Whether an analysis does what is asked; where it runs counts only for who says so."""
    same = row.pipeline.lower() == OMEGA_SCAN and row.document.get("scan") == asked.scan
    return same and (not asked.scheduler or row.document.get("scheduler") == asked.scheduler)


def _add(change: Change, event: Event, asked: Asked) -> str:
    taken = {row.name for row in event.analyses}
    name = asked.name
    if name in taken:
        name = f"{name}-{digest([asked.scan, asked.scheduler])}"
    blueprints = read_text(json.dumps(asked.document(name)), "the request").blueprints
    apply(change, blueprints, event=event.name)
    return name


def _once_more(change: Change, row: Analysis, again: bool) -> bool:
    """Whether a run has work by it."""
    if row.status == "stop":
        raise TransientError(f"{row.event.name}/{row.name} is just being stopped; ask again in a moment")
    if row.status in STARTABLE | IN_HAND or (row.status in _WITH and not again):
        return False
    if row.status == "manual":
        raise InputError(f"{row.event.name}/{row.name}", "manual", "a status under which gwfollow runs it (gwfollow set)")
    change.set_status(row, "ready" if row.status == "wait" else "restart", reason=None)
    return True


def retire(site: Site, *, after: float = KEPT) -> list[str]:
    """Archive the events of requests that ended, well or not, longer than `after` s ago; the next request makes one active again.

    Nobody else would: people ask for scans by the hundred, and every active event costs something.
    """
    before = now() - timedelta(seconds=after)
    lively = Event.analyses.any(or_(Analysis.status.not_in(_ENDS), Analysis.status_since > before))
    query = select(Event.name).where(Event.active, Event.source == SOURCE, Event.created < before, ~lively)
    with site.ledger.read() as session:
        names = list(session.scalars(query))

    def action(change: Change, name: str) -> bool:
        found = change.session.scalar(query.where(Event.name == name).with_only_columns(Event))
        if found is None:
            return False
        found.active = False
        change.journal("archived", event=name)
        return True

    why = f"nothing was asked of it for {after / 86400:g} days"
    return [name for name in names if site.ledger.run(lambda change, name=name: action(change, name), who=site.who, why=why)]  # type: ignore[misc]


# ---- following it ------------------------------------------------------------------------------------------------------------
def standing(site: Site, event: str, analysis: str) -> Standing:
    """How an analysis stands now.  Raises `NotFound` where it has been withdrawn."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        return Standing(row.status, row.reason or "", row.attempt)


def key_of(event: str, analysis: str) -> str:
    """Under which `ends` tells of an analysis."""
    return f"{event}/{analysis}"


def ends(ledger: Ledger, keys: Collection[str]) -> dict[str, JobStatus]:
    """For the shared poller, as a scheduler tells of jobs: what has come to an end, good or bad, or is gone, has *completed*."""
    events = sorted({key.partition("/")[0] for key in keys})
    try:
        with ledger.read() as session:
            query = select(Event.name, Analysis.name, Analysis.status).join(Analysis.event).where(Event.name.in_(events))
            found = {key_of(event, analysis): status for event, analysis, status in session.execute(query)}
    except GWFollowError as error:
        raise SchedulerSilent(f"the ledger does not say: {error}") from error
    return {
        key: JobStatus(
            JobState.COMPLETED if found.get(key, "cancelled") in _ENDS else JobState.RUNNING, reason=found.get(key, "")
        )
        for key in keys
    }


__all__ = ["SOURCE", "Requested", "Standing", "ends", "key_of", "retire", "scan", "standing"]

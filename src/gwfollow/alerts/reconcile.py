"""Asking GraceDB what the alerts should have told us: a lost message costs minutes, not the event.

    report = reconcile(ledger, folders, client)

Every superevent of the last days, and every active one of the ledger, goes through the inbox as a *snapshot*.  One that looks as it did
when it was last asked about is the same message and stored once; the way back to an earlier state (a label added and removed) is a new
message, because each snapshot names the one before it.

The row ``gracedb``/``superevents`` of the listeners' table has the life signs: heartbeat is the last success, started the last try.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select

from gwfollow.alerts import inbox, signs
from gwfollow.alerts.folders import Folders
from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.ledger.outbox import scrub
from gwfollow.ledger.schema import Event, Inbox, Listener, now
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings

SOURCE, TOPIC = "gracedb", "superevents"
#: how far back the first question goes, and how far the longest absence
FIRST, LONGEST = timedelta(days=3), timedelta(days=30)
#: how much of what was asked for before is asked for again: GraceDB's clock, a transaction that took its time
MARGIN = timedelta(hours=1)
#: active events that are asked for by themselves in one pass; the next pass takes the next ones
BY_THEMSELVES = 50
#: seconds between two such questions: GraceDB allows 300 a minute to somebody anonymous
PACE = 0.25
#: seconds to the next try after one that failed
RETRY_SECONDS = 60.0
#: the key by which a snapshot names the one before it
PREVIOUS = "gwfollow_previous"
_SUPEREVENT = re.compile(r"[MT]?S\d{6}[a-z]+")


class GraceDB(Protocol):
    """What is asked of `gwfollow.gracedb.client.GraceDBClient`."""

    def superevents(self, query: str) -> Iterator[dict[str, Any]]: ...

    def superevent(self, superevent_id: str) -> dict[str, Any]: ...


@dataclass
class Report:
    """What one pass did."""

    asked: int = 0  # superevents that GraceDB told about
    stored: int = 0  # of those, the ones that said something new
    error: str | None = None

    def __str__(self) -> str:
        text = f"{self.asked} superevents asked for, {self.stored} of them new or changed"
        return f"{text}; not complete: {self.error}" if self.error else text


def reconcile(
    ledger: Ledger,
    folders: Folders,
    client: GraceDB,
    *,
    since: datetime | None = None,
    categories: Sequence[str] = ("Production",),
    pace: float = PACE,
    clock: Callable[[], datetime] = now,
) -> Report:
    """Store what GraceDB knows and the inbox does not.

    Parameters
    ----------
    since : begin of the question; None takes up where the last success ended
    categories : Production, Test, MDC (GraceDB leaves the latter two out unless they are named)

    Raises
    ------
    LedgerBusy, OSError : not stored; the next pass asks again.  GraceDB's silence and refusals are in the report and in the row.
    """
    report, begun = Report(), clock()
    start = since or _start(ledger, begun)
    seen: set[str] = set()
    try:
        for category in categories:
            # whole days: the one form of a date that needs no quotes
            query = f"category: {category} created: {start:%Y-%m-%d} .. now"
            _store(ledger, folders, client.superevents(query), begun, report, seen)
        _store(ledger, folders, _active(ledger, client, seen, begun, pace), begun, report, seen)
    except (RemoteSilent, RemoteRefused) as error:
        report.error = scrub(str(error))
        later = error.retry_after if isinstance(error, RemoteSilent) else None
        _failed(ledger, report, begun + timedelta(seconds=later or 0.0))
    else:
        _succeeded(ledger, report, begun)
    return report


def is_due(ledger: Ledger, settings: Settings, *, clock: Callable[[], datetime] = now) -> bool:
    """Whether the period has passed since the last pass (a minute, since one that failed)."""
    row = _row(ledger)
    if row is None:
        return True
    period = settings.reconcile_period
    if row.error:
        period = min(period, RETRY_SECONDS)
    return clock() - row.started >= timedelta(seconds=period)


def categories_for(settings: Settings) -> tuple[str, ...]:
    """Production, and those whose topics are listened to."""
    topics = {topic.strip() for topic in settings.igwn_alert_topics.split(",")} if settings.igwn_alert_server else set()
    named = {"test_superevent": "Test", "mdc_superevent": "MDC"}
    return ("Production", *(category for topic, category in named.items() if topic in topics))


def as_message(superevent: Mapping[str, Any], previous: str = "") -> bytes:
    """A superevent as a message that is the same as long as the superevent is.

    Addresses are left out, but for its own, and lists without an order are sorted.  `previous` is the key of the snapshot before.
    """
    found = _stable(superevent)
    address = superevent.get("links", {}).get("self")
    if address:
        found["links"] = {"self": address}
    if previous:
        found[PREVIOUS] = previous
    return inbox.as_json(found)


def _stable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _stable(part) for key, part in value.items() if key not in ("links", PREVIOUS)}
    if isinstance(value, list):
        return sorted(value) if all(isinstance(part, str) for part in value) else [_stable(part) for part in value]
    return value


def _store(
    ledger: Ledger, folders: Folders, found: Iterable[dict[str, Any]], asked: datetime, report: Report, seen: set[str]
) -> None:
    for superevent in found:
        name = str(superevent.get("superevent_id"))
        report.asked += 1
        seen.add(name)
        raw = _news(ledger, name, superevent)
        if raw is not None:
            stored = inbox.store(ledger, folders, raw, source=SOURCE, topic=TOPIC, published=asked)
            report.stored += stored.new


def _news(ledger: Ledger, name: str, superevent: Mapping[str, Any]) -> bytes | None:
    """The message to store; None where the superevent is as the last snapshot shows it."""
    with ledger.read() as session:
        query = select(Inbox.key).where(Inbox.source == SOURCE, Inbox.event == name).order_by(Inbox.id.desc()).limit(2)
        keys = [*session.scalars(query), "", ""]
    last, before = keys[0], keys[1]
    if last and inbox.content_key(as_message(superevent, before)) == last:
        return None
    return as_message(superevent, last)


def _active(ledger: Ledger, client: GraceDB, seen: set[str], moment: datetime, pace: float) -> Iterator[dict[str, Any]]:
    """Superevents of the ledger that are active and were not in the answer; some at a time, in turn."""
    with ledger.read() as session:
        rows = session.scalars(select(Event.graceid).where(Event.active, Event.graceid.is_not(None)).order_by(Event.id))
        names = [name for name in rows if name and _SUPEREVENT.fullmatch(name) and name not in seen]
    if len(names) > BY_THEMSELVES:
        turn = int(moment.timestamp() // RETRY_SECONDS) * BY_THEMSELVES % len(names)
        names = (names[turn:] + names[:turn])[:BY_THEMSELVES]
    for number, name in enumerate(names):
        if number:
            time.sleep(pace)
        try:
            yield client.superevent(name)
        except RemoteRefused:  # of another GraceDB, or no longer for us to see
            continue


def _row(ledger: Ledger) -> Listener | None:
    with ledger.read() as session:
        return session.scalar(select(Listener).where(Listener.source == SOURCE, Listener.topic == TOPIC))


def _start(ledger: Ledger, moment: datetime) -> datetime:
    row = _row(ledger)
    if row is None or row.heartbeat == signs.NEVER:
        return moment - FIRST
    return max(row.heartbeat - MARGIN, moment - LONGEST)


def _succeeded(ledger: Ledger, report: Report, begun: datetime) -> None:
    sign = signs.Sign(messages=report.stored, last_message=now() if report.stored else None)
    signs.beat(ledger, SOURCE, {TOPIC: sign}, answered=begun, started=begun)


def _failed(ledger: Ledger, report: Report, tried: datetime) -> None:
    sign = signs.Sign(messages=report.stored, error=report.error)
    signs.beat(ledger, SOURCE, {TOPIC: sign}, answered=None, started=tried)


__all__ = ["GraceDB", "Report", "as_message", "categories_for", "is_due", "reconcile"]

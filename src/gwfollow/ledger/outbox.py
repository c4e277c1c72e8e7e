"""Delivering the outbox: each message reaches the outside world once, in the order of its event, however often we crash.

A deliverer *claims* a message by compare-and-set before it sends it, so two of them (the command line and upkeep) never send the same
one.  A crash between the remote's yes and our record leaves a claim that runs out; whoever takes the message then asks the
destination whether it is there *already* before sending again.

    silence   (`RemoteSilent`, nothing there to talk to)    tried again, ever more slowly, for as long as it takes
    refusal   (`RemoteRefused`, or an error of ours)         tried `REFUSALS` times, then set aside as *poisoned* with its reason

A message waits for earlier pending ones of its event and destination; a poisoned one lets the next go on.  Claims and failed tries
are kept in the row alone; deliveries, supersessions and poisonings have their journal entries.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from gwfollow.errors import RemoteSilent, StaleVersion
from gwfollow.ledger.schema import Event, Outbox, now
from gwfollow.ledger.store import Change, Ledger

log = logging.getLogger(__name__)

#: refusals after which a message is set aside
REFUSALS = 3
#: seconds to the second try; doubled with each further one
FIRST_WAIT = 5.0
#: longest wait between two tries, s; also the longest Retry-After that is believed
LONGEST_WAIT = 900.0
#: silent answers in a row after which a destination is left alone for the rest of the call
SILENCES = 3
#: (destination, kind) of messages that a newer one of the same event replaces
SUPERSEDED_BY_NEWER = frozenset({("airflow", "run")})
#: has its turn when nothing else is due: nobody waits for deleted files, and a disk that hangs must not hold up an announcement
LAST = frozenset({"disk"})


@dataclass(frozen=True)
class Message:
    """One row of the outbox as a destination sees it."""

    id: int
    event: str | None
    destination: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    created: datetime = field(default_factory=now)
    tries: int = 0  # before this one; not 0 means that it may have arrived
    answers: tuple[Mapping[str, Any], ...] = ()  # if so: the results of other messages, which are not its own
    event_id: int | None = None  # of the event's row in the ledger


class Destination(Protocol):
    """Somewhere that messages go.  Both calls raise `RemoteSilent` or `RemoteRefused`, and end in less than `claim_seconds`."""

    #: how long others leave a message alone that is being sent, s
    claim_seconds: float

    def send(self, message: Message) -> dict[str, Any]:
        """Deliver it; the answer (ids, versions, no secrets) is kept in the ledger."""

    def already(self, message: Message) -> dict[str, Any] | None:
        """What `send` would have answered, when the message has arrived before; None when it has not."""


@dataclass(frozen=True)
class Failure:
    key: str
    event: str | None
    destination: str
    reason: str


@dataclass
class Report:
    """What one call of `deliver` did."""

    delivered: int = 0
    found: int = 0  # of those delivered: had arrived before, not sent again
    superseded: int = 0
    failed: list[Failure] = field(default_factory=list)  # to be tried again
    poisoned: list[Failure] = field(default_factory=list)
    pending: int = 0  # of these destinations, when the call ended

    def __str__(self) -> str:
        return (
            f"{self.delivered} delivered ({self.found} had arrived before), {self.superseded} superseded, "
            f"{len(self.failed)} to be tried again, {len(self.poisoned)} set aside, {self.pending} pending"
        )


def deliver(
    ledger: Ledger,
    destinations: Mapping[str, Destination],
    *,
    who: str,
    deadline: float = 60.0,
    limit: int | None = None,
    clock: Callable[[], datetime] = now,
) -> Report:
    """Send what is due.

    Parameters
    ----------
    destinations : by the name that the outbox has for them; messages for others stay
    who : for the journal
    deadline : seconds after which no further message is begun
    limit : how many messages at most
    clock : the present time (tests compress hours)

    Raises
    ------
    LedgerBusy : the ledger did not answer; what was sent is found again by `Destination.already`
    """
    report, run = Report(), _Run(ledger, destinations, who, clock)
    if not destinations:
        return report
    report.superseded = run.supersede()
    end = time.monotonic() + deadline
    while heads := run.heads():
        for message_id in heads:
            if time.monotonic() >= end or (limit is not None and run.begun >= limit):
                report.pending = run.pending()
                return report
            run.one(message_id, report)
    report.pending = run.pending()
    return report


def pending(ledger: Ledger, destinations: Iterable[str]) -> int:
    """How many messages wait for these destinations."""
    with ledger.read() as session:
        query = select(func.count()).where(Outbox.state == "pending", Outbox.destination.in_(list(destinations)))
        return session.scalar(query) or 0


def retry_poisoned(ledger: Ledger, *, who: str, why: str = "", event: str | None = None, destination: str | None = None) -> int:
    """Put poisoned messages back, with a fresh count of refusals; the number of them."""

    def action(change: Change) -> int:
        query = select(Outbox, Event.name).outerjoin(Event, Event.id == Outbox.event_id).where(Outbox.state == "poisoned")
        if event is not None:
            query = query.where(Event.name == event)
        if destination is not None:
            query = query.where(Outbox.destination == destination)
        rows = change.session.execute(query).all()
        for row, name in rows:
            row.state, row.refusals, row.next_try, row.claimed = "pending", 0, now(), None
            change.journal(f"{row.destination} {row.kind} to be tried again", event=name, key=row.key)
        return len(rows)

    return ledger.run(action, who=who, why=why)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without credentials, for the ledger and the logs: known `secrets`, and what looks like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    for pattern, kept in _CREDENTIALS:
        text = pattern.sub(kept, text)
    return text if len(text) <= 500 else text[:497] + "..."


_CREDENTIALS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",]+"), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    (re.compile(r"""(?i)((?:password|passwd|token|secret|authorization)["']?\s*[=:]\s*["']?)[^\s"',;&}]+"""), r"\1***"),
)


class _Run:
    """One call of `deliver`."""

    def __init__(self, ledger: Ledger, destinations: Mapping[str, Destination], who: str, clock: Callable[[], datetime]) -> None:
        self.ledger, self.destinations, self.who, self.clock = ledger, destinations, who, clock
        self.begun = 0
        self.lost: set[int] = set()  # taken by another deliverer while we looked
        self.silences = dict.fromkeys(destinations, 0)

    # ---- what there is to do -------------------------------------------------------------------------------------------
    def heads(self) -> list[int]:
        """Ids of due messages that nothing earlier of their event and destination holds back, oldest first; those of `LAST` alone."""
        talking = [name for name, count in self.silences.items() if count < SILENCES]
        earlier = aliased(Outbox)
        held_back = (
            select(earlier.id)
            .where(
                earlier.state == "pending",
                earlier.destination == Outbox.destination,
                earlier.event_id.is_not_distinct_from(Outbox.event_id),
                earlier.id < Outbox.id,
            )
            .exists()
        )
        with self.ledger.read() as session:
            query = select(Outbox.id, Outbox.destination).where(self._due(), Outbox.destination.in_(talking), ~held_back)
            found = [(number, where) for number, where in session.execute(query.order_by(Outbox.id)) if number not in self.lost]
        return [number for number, where in found if where not in LAST] or [number for number, _ in found]

    def pending(self) -> int:
        return pending(self.ledger, self.destinations)

    def supersede(self) -> int:
        """Set aside what a newer message of the same event makes pointless."""
        query = self._outdated()
        with self.ledger.read() as session:
            if session.execute(query.limit(1)).first() is None:
                return 0

        def action(change: Change) -> int:
            rows = change.session.execute(query).all()
            for row, name in rows:
                row.state = "superseded"
                change.journal(f"{row.destination} {row.kind} superseded by a newer one", event=name, key=row.key)
            return len(rows)

        return self.ledger.run(action, who=self.who)

    def _outdated(self) -> Any:
        newer = aliased(Outbox)
        kinds = or_(*(and_(Outbox.destination == d, Outbox.kind == k) for d, k in sorted(SUPERSEDED_BY_NEWER)))
        same = and_(newer.destination == Outbox.destination, newer.kind == Outbox.kind, newer.event_id == Outbox.event_id)
        return (
            select(Outbox, Event.name)
            .join(Event, Event.id == Outbox.event_id)
            .where(Outbox.state == "pending", self._unclaimed(), kinds)
            .where(select(newer.id).where(same, newer.state == "pending", newer.id > Outbox.id).exists())
        )

    def _unclaimed(self) -> Any:
        return or_(Outbox.claimed.is_(None), Outbox.claimed < self.clock())

    def _due(self) -> Any:
        return and_(Outbox.state == "pending", Outbox.next_try <= self.clock(), self._unclaimed())

    # ---- one message ---------------------------------------------------------------------------------------------------
    def one(self, message_id: int, report: Report) -> None:
        claim = self._claim(message_id)
        if claim is None:
            self.lost.add(message_id)
            return
        message, until = claim
        self.begun += 1
        destination = self.destinations[message.destination]
        try:
            answer = destination.already(message) if message.tries else None
            found = answer is not None
            if answer is None:
                answer = destination.send(message)
        except RemoteSilent as error:
            self._silent(message, until, error, report)
        except Exception as error:  # an error of ours must not stop the messages of others
            self._refused(message, until, error, report)
        else:
            self.silences[message.destination] = 0
            report.delivered += 1
            report.found += found
            self._record_delivered(message, answer, found)

    def _claim(self, message_id: int) -> tuple[Message, datetime] | None:
        """The message and until when it is ours; None when it is somebody else's."""
        try:
            with self.ledger.change(who=self.who) as change:
                row = change.session.scalar(select(Outbox).where(Outbox.id == message_id, self._due()))
                if row is None or row.destination not in self.destinations:
                    return None
                until = self.clock() + timedelta(seconds=self.destinations[row.destination].claim_seconds)
                message = _message(change.session, row)
                row.claimed = until
                row.tries += 1  # before it is sent: after a crash here we ask whether it arrived
        except StaleVersion:
            return None
        return message, until

    def _record_delivered(self, message: Message, answer: dict[str, Any], found: bool) -> None:
        def action(change: Change) -> None:
            row = change.session.get_one(Outbox, message.id)
            if row.state == "delivered":
                return
            row.state, row.delivered, row.claimed, row.error, row.result = "delivered", self.clock(), None, None, answer
            how = "had arrived before" if found else "delivered"
            change.journal(f"{message.destination} {message.kind} {how}", event=message.event, key=message.key, answer=answer)

        self.ledger.run(action, who=self.who)

    def _silent(self, message: Message, until: datetime, error: RemoteSilent, report: Report) -> None:
        reason = scrub(str(error))
        self.silences[message.destination] += 1
        wait = min(FIRST_WAIT * 2 ** min(message.tries, 16), LONGEST_WAIT)
        if error.retry_after is not None:
            # it asked for a pause: nothing else goes there before
            self.silences[message.destination] = SILENCES
            asked = min(max(error.retry_after, 0.0), LONGEST_WAIT)
            wait = max(asked, 1.0)
            self._pause(message.destination, asked)
        log.info("%s is silent, %s waits %.0f s: %s", message.destination, message.key, wait, reason)
        report.failed.append(Failure(message.key, message.event, message.destination, reason))
        self._record_failure(message, until, reason, wait)

    def _pause(self, destination: str, seconds: float) -> None:
        until = self.clock() + timedelta(seconds=seconds)
        with self.ledger.change(who=self.who) as change:
            rows = (Outbox.state == "pending", Outbox.destination == destination, Outbox.next_try < until)
            change.session.execute(update(Outbox).where(*rows).values(next_try=until))

    def _refused(self, message: Message, until: datetime, error: Exception, report: Report) -> None:
        kind = "" if type(error).__module__ == "gwfollow.errors" else f"{type(error).__name__}: "
        reason = scrub(f"{kind}{error}")
        poisoned = self._record_failure(message, until, reason, min(FIRST_WAIT * 2**message.tries, LONGEST_WAIT), refused=True)
        level = logging.ERROR if poisoned else logging.WARNING
        log.log(level, "%s refused %s%s: %s", message.destination, message.key, ", set aside" if poisoned else "", reason)
        failures = report.poisoned if poisoned else report.failed
        failures.append(Failure(message.key, message.event, message.destination, reason))

    def _record_failure(self, message: Message, until: datetime, reason: str, wait: float, *, refused: bool = False) -> bool:
        """Keep why it failed and when to try again; True when that makes it poisoned."""

        def action(change: Change) -> bool:
            row = change.session.get_one(Outbox, message.id)
            if row.state != "pending" or row.claimed != until:
                return False  # our claim ran out and somebody else has it
            row.claimed, row.error, row.next_try = None, reason, self.clock() + timedelta(seconds=wait)
            row.refusals += refused
            if row.refusals < REFUSALS:
                return False
            row.state = "poisoned"
            change.journal(f"{message.destination} {message.kind} set aside", event=message.event, key=message.key, reason=reason)
            return True

        return self.ledger.run(action, who=self.who)


def _message(session: Session, row: Outbox) -> Message:
    event = session.scalar(select(Event.name).where(Event.id == row.event_id)) if row.event_id is not None else None
    return Message(
        id=row.id,
        event=event,
        destination=row.destination,
        kind=row.kind,
        key=row.key,
        payload=row.payload,
        created=row.created,
        tries=row.tries,
        event_id=row.event_id,
        answers=_answers(session, row) if row.tries else (),
    )


def _answers(session: Session, row: Outbox) -> tuple[Mapping[str, Any], ...]:
    """What the destination answered to other messages of the event."""
    same = (Outbox.destination == row.destination, Outbox.event_id.is_not_distinct_from(row.event_id), Outbox.id != row.id)
    return tuple(session.scalars(select(Outbox.result).where(Outbox.state == "delivered", *same)))


__all__ = ["Destination", "Failure", "Message", "Report", "deliver", "pending", "retry_poisoned", "scrub"]

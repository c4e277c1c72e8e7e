"""From the inbox to the ledger: every event with new messages is brought to what all its messages say together.

    report = process(site)
    if report.work:
        deliver_now(site.ledger, site.settings)

Each event is one transaction: its rows leave the state *new* with the change that they cause.  Two processors at once, or one that
dies, do everything once: the rows and the event are compared and set.  What follows outside the ledger (jobs to remove, files to keep)
comes after the transaction; a run of the event's DAG removes what could not be removed here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.enact import ALERT, Enacted, enact
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.history import prefixes
from gwfollow.alerts.policy import Decision, Policy, load
from gwfollow.alerts.reading import read, read_payload
from gwfollow.alerts.wanted import decide
from gwfollow.errors import GWFollowError, InputError, NotFound, TransientError
from gwfollow.ledger.schema import Analysis, Event, Inbox, now
from gwfollow.ledger.store import Change, Ledger
from gwfollow.life.site import Site
from gwfollow.life.stop import stop

log = logging.getLogger(__name__)

#: after so many failures a message is set aside until somebody replays it
TRIES = 3


@dataclass(frozen=True)
class Processed:
    """What became of one event's new messages."""

    event: str
    messages: int
    state: str  # done, ignored, failed; waiting: tried again later; nothing: another processor was first
    verdict: str
    revision: int | None = None  # of the run that was asked for
    stopped: tuple[str, ...] = ()  # analyses whose jobs were removed


@dataclass
class Report:
    events: list[Processed] = field(default_factory=list)

    @property
    def work(self) -> bool:
        """Whether Airflow has to be asked for a run."""
        return any(event.revision is not None for event in self.events)

    @property
    def waiting(self) -> list[Processed]:
        return [event for event in self.events if event.state == "waiting"]

    def __str__(self) -> str:
        return "\n".join(f"{event.event}: {event.verdict}" for event in self.events) or "no new alert"


@dataclass(frozen=True)
class _Message:
    """One row of the inbox that could be read."""

    row: Inbox
    alert: Alert


@dataclass
class _Done:
    """What a transaction leaves to be done after it."""

    enacted: Enacted
    state: str
    verdict: str
    messages: int
    accepted: list[_Message] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)


def process(site: Site, *, limit: int | None = None, events: Sequence[str] | None = None) -> Report:
    """Bring the ledger to what the inbox says.

    Parameters
    ----------
    limit : how many new messages are looked at; all messages of their events are processed
    events : only messages about these superevents

    Raises
    ------
    InputError : the policy is wrong; nothing was processed
    LedgerBusy : not even the inbox could be read
    """
    waiting = _waiting(site.ledger, limit, events)
    report = Report()
    if not waiting:
        return report
    policy = load(site.settings.policy_file, site.settings.configs_folder)
    for name, kind in waiting.items():
        report.events.append(_one(site, policy, name, kind))
    return report


def replay(ledger: Ledger, inbox_id: int, who: str, *, why: str = "") -> None:
    """Put a message back to *new*, in the name of the person `who`; one that was refused is read again from the archive.

    Raises
    ------
    NotFound : no such message
    InputError : it is still refused, with the reason, or it was not kept
    """
    with ledger.read() as session:
        row = _row(session, inbox_id)
        alert = _read_again(row) if row.state == "refused" else None

    def action(change: Change) -> None:
        row = _row(change.session, inbox_id)
        old = row.state
        if alert is not None:
            row.event, row.kind, row.payload = alert.event, alert.kind, dict(alert.payload)
            row.issued = alert.issued or row.issued
        row.state, row.verdict, row.tries, row.processed = "new", None, 0, None
        change.journal(f"alert {inbox_id} to be processed again", event=row.event, key=row.key, old=old)

    ledger.run(action, who=who, why=why)


# ---- one event ---------------------------------------------------------------------------------------------------------------
def _one(site: Site, policy: Policy, name: str, kind: str) -> Processed:
    acting = site.acting(f"{ALERT}{kind}")
    try:
        done = acting.ledger.run(lambda change: _transaction(change, site, policy, name), who=acting.who)
    except TransientError as error:
        log.warning("alerts of %s wait: %s", name, error)
        return Processed(name, 0, "waiting", str(error))
    except Exception as error:  # of this event: the others go on
        reason = str(error) if isinstance(error, GWFollowError) else f"{type(error).__name__}: {error}"
        log.exception("alerts of %s could not be processed", name)
        return _failed(site, name, reason)
    if done is None:
        return Processed(name, 0, "nothing", "no new message: another processor was first")
    stopped = _stop(acting, done)
    _keep(site, done.accepted)
    return Processed(name, done.messages, done.state, done.verdict, done.enacted.revision, stopped)


def _transaction(change: Change, site: Site, policy: Policy, name: str) -> _Done | None:
    rows = change.session.scalars(select(Inbox).where(Inbox.event == name, Inbox.state != "refused").order_by(Inbox.id)).all()
    new = [row for row in rows if row.state == "new"]
    if not new:
        return None
    messages = _readable(rows)
    history = prefixes(message.alert for message in messages)
    if not history:
        return _Done(Enacted(), "refused", "no message of it can be read", len(new))
    wanted, decisions = decide(policy, [state for _, state in history])
    latest = max(new, key=lambda row: row.id)
    change.why = f"message {latest.id} ({latest.source} {latest.kind})"
    enacted = enact(change, site.settings.configs_folder, history[-1][1], wanted)
    state = "ignored" if enacted.event is None else "done"
    said = dict(zip((id(alert) for alert, _ in history), decisions, strict=True))
    for message in messages:
        if message.row.state == "new":
            _settle(message, said[id(message.alert)], enacted)
    verdict = _verdict(said[id(history[-1][0])], enacted)
    done = _Done(enacted, state, verdict, len(new))
    if enacted.event is not None:
        done.accepted = [m for m in messages if enacted.made or m.row in new]
        done.stop = _to_stop(change.session, enacted.event)
    return done


def _readable(rows: Sequence[Inbox]) -> list[_Message]:
    """A message that can no longer be read is refused, where it is new, and passed over."""
    found = []
    for row in rows:
        try:
            alert = read_payload(row.payload, row.topic or row.source)
        except InputError as error:
            log.warning("message %s cannot be read again: %s", row.id, error)
            if row.state == "new":
                row.state, row.verdict, row.processed = "refused", str(error), now()
            continue
        found.append(_Message(row, replace(alert, issued=alert.issued or row.issued)))
    return found


def _settle(message: _Message, decision: Decision, enacted: Enacted) -> None:
    row = message.row
    row.state = "ignored" if enacted.event is None else "done"
    row.verdict, row.decision, row.processed = _verdict(decision, enacted), decision.as_json(), now()


def _verdict(decision: Decision, enacted: Enacted) -> str:
    if enacted.event is None:
        return decision.sentence
    run = [f"run rev-{enacted.revision} asked for"] if enacted.revision is not None else []
    return f"{decision.sentence}; {'; '.join([*enacted.did, *run]) or 'nothing else changed'}"


def _to_stop(session: Session, event: str) -> list[str]:
    query = select(Analysis.name).join(Event).where(Event.name == event, Analysis.status == "stop").order_by(Analysis.id)
    return list(session.scalars(query))


def _failed(site: Site, name: str, reason: str) -> Processed:
    """One more try of its new messages is spent."""

    def action(change: Change) -> tuple[int, bool]:
        rows = change.session.scalars(select(Inbox).where(Inbox.event == name, Inbox.state == "new")).all()
        for row in rows:
            row.tries += 1
            row.verdict = reason
            if row.tries >= TRIES:
                row.state, row.processed = "failed", now()
                change.journal(f"alert {row.id} set aside after {TRIES} tries", event=name, key=row.key, reason=reason)
        return len(rows), all(row.state == "failed" for row in rows)

    try:
        count, gone = site.ledger.run(action, who=site.who)
    except TransientError as error:
        return Processed(name, 0, "waiting", f"{reason} (and that could not be stored: {error})")
    return Processed(name, count, "failed" if gone else "waiting", reason)


# ---- after the transaction ---------------------------------------------------------------------------------------------------
def _stop(site: Site, done: _Done) -> tuple[str, ...]:
    stopped = []
    for name in done.stop:
        try:
            if stop(site, str(done.enacted.event), name):
                stopped.append(name)
        except Exception as error:  # the event's run, or upkeep, does it
            log.warning("the job of %s/%s is left for its run to remove: %s", done.enacted.event, name, error)
    return tuple(stopped)


def _keep(site: Site, messages: list[_Message]) -> None:
    """Into the event's folder, with what is left out in the inbox (sky maps)."""
    from gwfollow.alerts import event_files

    folders = Folders(site.settings.data_folder)
    for message in messages:
        try:
            event_files.keep(folders, _whole(message), message.row.received)
        except Exception as error:  # the message itself is in the archive
            log.warning("message %s is not in the folder of %s: %s", message.row.id, message.alert.event, error)


def _whole(message: _Message) -> Alert:
    """The alert with its sky map, where it brought one."""
    skymap, archive = message.alert.skymap, message.row.archive
    if skymap is None or not skymap.sha256 or archive is None:
        return message.alert
    whole = read(Path(archive).read_bytes(), message.row.topic or message.row.source)
    return replace(whole, issued=message.alert.issued)


# ---- the inbox ---------------------------------------------------------------------------------------------------------------
def _waiting(ledger: Ledger, limit: int | None, events: Sequence[str] | None) -> dict[str, str]:
    """Superevent -> kind of its newest new message, in the order of arrival."""
    query = select(Inbox.event, Inbox.kind).where(Inbox.state == "new", Inbox.event.is_not(None))
    query = query.order_by(Inbox.tries, Inbox.id)  # what failed before comes last
    if events is not None:
        query = query.where(Inbox.event.in_(events))
    with ledger.read() as session:
        return {str(event): kind or "alert" for event, kind in session.execute(query.limit(limit))}


def _row(session: Session, inbox_id: int) -> Inbox:
    row = session.get(Inbox, inbox_id)
    if row is None:
        raise NotFound(f"no message {inbox_id} in the inbox")
    return row


def _read_again(row: Inbox) -> Alert:
    if row.archive is None:
        raise InputError(f"message {row.id}: {row.verdict or 'it was not kept'}")
    try:
        raw = Path(row.archive).read_bytes()
    except OSError as error:
        raise InputError(f"message {row.id}: {row.archive} cannot be read ({error.strerror})") from None
    return read(raw, row.topic or row.source)


__all__ = ["TRIES", "Processed", "Report", "process", "replay"]

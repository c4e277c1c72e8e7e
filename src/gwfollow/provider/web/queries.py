"""What the pages ask the ledger: plain columns and a bounded number of rows, whatever the ledger holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from gwfollow.ledger.schema import Analysis, Event, Inbox, Listener, ProgressMark
from gwfollow.ledger.states import RUNS

PAGE = 50
#: alerts of one event that its page shows; the inbox has the older ones
HISTORY = 300
STATES = ("new", "done", "ignored", "refused", "failed")

_LISTED = (
    Inbox.id,
    Inbox.source,
    Inbox.topic,
    Inbox.event,
    Inbox.kind,
    Inbox.issued,
    Inbox.received,
    Inbox.size,
    Inbox.state,
    Inbox.verdict,
    Inbox.processed,
    Inbox.tries,
)


@dataclass(frozen=True)
class InboxPage:
    rows: Sequence[Any]  # columns of the inbox, without payloads
    counts: dict[str, int]  # alerts in each state, in all
    older: int | None  # `before` of the next page


@dataclass(frozen=True)
class BoardRow:
    name: str
    graceid: str | None
    category: str
    retracted: bool
    labels: tuple[str, ...]
    updated: Any  # aware UTC
    statuses: dict[str, int] = field(default_factory=dict)  # status -> number of analyses


@dataclass(frozen=True)
class BoardPage:
    rows: list[BoardRow]
    number: int  # of the page, from 1
    pages: int
    total: int


def inbox_page(
    session: Session, *, state: str = "", event: str = "", kind: str = "", source: str = "", before: int | None = None
) -> InboxPage:
    """Alerts newest first; `event` is the beginning of an id."""
    wanted = select(*_LISTED).order_by(Inbox.id.desc()).limit(PAGE + 1)
    for column, value in ((Inbox.state, state), (Inbox.kind, kind), (Inbox.source, source)):
        if value:
            wanted = wanted.where(column == value)
    if event:
        wanted = wanted.where(Inbox.event.startswith(event, autoescape=True))
    if before is not None:
        wanted = wanted.where(Inbox.id < before)
    rows = session.execute(wanted).all()
    counted = session.execute(select(Inbox.state, func.count()).group_by(Inbox.state))
    found = {row[0]: row[1] for row in counted}
    counts = {name: found[name] for name in (*STATES, *sorted(found.keys() - set(STATES))) if found.get(name)}
    return InboxPage(rows[:PAGE], counts, rows[PAGE - 1].id if len(rows) > PAGE else None)


def history(session: Session, names: Iterable[str]) -> list[Any]:
    """The newest alerts about an event that is known by any of `names`, with their payloads, in no particular order."""
    newest = (
        select(*_LISTED, Inbox.payload, Inbox.decision)
        .where(Inbox.event.in_(set(names)))
        .order_by(Inbox.id.desc())
        .limit(HISTORY)
    )
    return list(session.execute(newest))


def board_page(session: Session, readable: Callable[[list[str]], set[str]], *, find: str = "", number: int = 1) -> BoardPage:
    """Active events, newest first: three questions to the ledger, however many there are.

    `readable` picks the events that the user may see from a list of names.
    """
    active: Select[Any] = select(Event.name).where(Event.active).order_by(Event.id.desc())
    if find:
        active = active.where(or_(Event.name.contains(find, autoescape=True), Event.graceid.contains(find, autoescape=True)))
    names = list(session.scalars(active))
    allowed = readable(names)
    names = [name for name in names if name in allowed]
    pages = max(1, -(-len(names) // PAGE))
    number = min(max(number, 1), pages)
    shown = names[(number - 1) * PAGE : number * PAGE]
    return BoardPage(_board_rows(session, shown), number, pages, len(names))


def _board_rows(session: Session, names: list[str]) -> list[BoardRow]:
    statuses: dict[str, dict[str, int]] = defaultdict(dict)
    counted = select(Event.name, Analysis.status, func.count()).join(Event).where(Event.name.in_(names))
    for name, status, count in session.execute(counted.group_by(Event.name, Analysis.status)):
        statuses[name][status] = count
    columns = (Event.name, Event.graceid, Event.category, Event.alert, Event.updated)
    rows = {row.name: row for row in session.execute(select(*columns).where(Event.name.in_(names)))}
    return [_board_row(rows[name], statuses[name]) for name in names if name in rows]


def _board_row(row: Row[Any], statuses: dict[str, int]) -> BoardRow:
    alert = row.alert or {}
    labels = tuple(sorted(map(str, alert.get("labels") or ())))
    return BoardRow(row.name, row.graceid, row.category, bool(alert.get("retracted")), labels, row.updated, statuses)


def analyses(session: Session, event_id: int) -> Sequence[Any]:
    """The event's analyses with their progress, oldest first."""
    columns = (
        *(Analysis.id, Analysis.name, Analysis.pipeline, Analysis.status, Analysis.status_since, Analysis.reason),
        *(Analysis.attempt, Analysis.origin, Analysis.review_first),
        *(ProgressMark.fraction, ProgressMark.line, ProgressMark.time.label("progress_since")),
    )
    present = and_(ProgressMark.analysis_id == Analysis.id, ProgressMark.attempt == Analysis.attempt, Analysis.status.in_(RUNS))
    query = select(*columns).outerjoin(ProgressMark, present).where(Analysis.event_id == event_id)
    return session.execute(query.order_by(Analysis.id)).all()


def listeners(session: Session) -> Sequence[Listener]:
    return session.scalars(select(Listener).order_by(Listener.source, Listener.topic)).all()


__all__ = [
    "HISTORY",
    "PAGE",
    "STATES",
    "BoardPage",
    "BoardRow",
    "InboxPage",
    "analyses",
    "board_page",
    "history",
    "inbox_page",
    "listeners",
]

"""Life signs of listeners in the ledger: one row for each source and topic."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gwfollow.ledger.schema import Listener, now
from gwfollow.ledger.store import Change, Ledger

#: characters of an error that are kept
ERROR_LENGTH = 500


@dataclass
class Sign:
    """What is new about one topic since the last beat."""

    messages: int = 0
    last_message: datetime | None = None
    error: str | None = None


def beat(
    ledger: Ledger, source: str, signs: Mapping[str, Sign], *, answered: datetime | None, started: datetime | None = None
) -> None:
    """Record that a listener lives.

    Parameters
    ----------
    signs : by topic
    answered : when the broker last answered it; None where it did not since the last beat
    started : when this listener began

    Raises
    ------
    LedgerBusy, StaleVersion : not recorded
    """

    def action(change: Change) -> None:
        for topic, row in _rows(change, source, signs).items():
            sign = signs[topic]
            row.host, row.pid, row.started = socket.gethostname()[:200], os.getpid(), started or row.started
            row.messages += sign.messages
            row.last_message = sign.last_message or row.last_message
            row.heartbeat = answered or row.heartbeat
            row.error = sign.error[:ERROR_LENGTH] if sign.error else None

    ledger.run(action, who=source)


def died(ledger: Ledger, source: str, topics: Iterable[str], error: str) -> None:
    """Record that a listener is dead and will be started again."""

    def action(change: Change) -> None:
        for row in _rows(change, source, topics).values():
            row.restarts += 1
            row.error = error[:ERROR_LENGTH]

    ledger.run(action, who=source)


def read(ledger: Ledger) -> list[Listener]:
    """All rows."""
    with ledger.read() as session:
        return list(session.scalars(select(Listener).order_by(Listener.source, Listener.topic)))


def _rows(change: Change, source: str, topics: Iterable[str]) -> dict[str, Listener]:
    found = {row.topic: row for row in change.session.scalars(select(Listener).where(Listener.source == source))}
    rows = {}
    for topic in topics:
        row = found.get(topic)
        if row is None:
            # older than any limit: it has not heard from its broker
            row = Listener(source=source, topic=topic, heartbeat=NEVER, started=now(), messages=0, restarts=0)
            change.session.add(row)
        rows[topic] = row
    return rows


#: the heartbeat of a listener that its broker never answered
NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


__all__ = ["NEVER", "Sign", "beat", "died", "read"]

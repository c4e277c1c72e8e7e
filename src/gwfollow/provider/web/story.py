"""The alerts of one event as a story: what each said, in the one order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.history import canonical
from gwfollow.alerts.reading import read_payload
from gwfollow.errors import InputError


@dataclass(frozen=True)
class Told:
    """One alert of the story."""

    row: Any  # of the inbox (gwfollow.provider.web.queries.history)
    alert: Alert | None = None  # None: cannot be read (any more)
    problem: str = ""


def story(rows: Iterable[Any]) -> list[Told]:
    """Newest first; what cannot be read has no time of its own and comes last."""
    read: dict[int, Any] = {}
    alerts, unread = [], []
    for row in rows:
        try:
            alert = read_payload(row.payload, f"alert {row.id}")
        except InputError as error:
            unread.append(Told(row, problem=str(error)))
            continue
        alert = replace(alert, issued=alert.issued or row.issued)
        alerts.append(alert)
        read[id(alert)] = row
    return [Told(read[id(alert)], alert) for alert in reversed(canonical(alerts))] + unread


__all__ = ["Told", "story"]

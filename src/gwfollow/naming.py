"""The names that Airflow knows our events and analyses by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

#: an Airflow task group id may hold these; a dot would read as a nested group
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")


def event_dag_id(event: str) -> str:
    """The id of the event's DAG: ``event.GW150914``."""
    return f"event.{event}"


def group_ids(analyses: Iterable[str]) -> dict[str, str]:
    """The task group id of each analysis of one event.

    A name that Airflow would not take is rewritten with underscores.  Where that makes two names alike, every rewritten one ends in a
    few digits of its own hash: an id depends on the names beside it, never on their order.
    """
    names = list(dict.fromkeys(analyses))
    plain = {name: _NOT_ALLOWED.sub("_", name) for name in names}
    alike: dict[str, list[str]] = {}
    for name, group in plain.items():
        alike.setdefault(group, []).append(name)
    return {name: group if len(alike[group]) == 1 or name == group else f"{group}-{_digest(name)}" for name, group in plain.items()}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]

"""What several commands share."""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from gwfollow.errors import InputError

if TYPE_CHECKING:
    from gwfollow.ledger.store import Ledger
    from gwfollow.settings import Settings


def who() -> str:
    """The operating-system user as the journal names it: ``alice@ldas-pcdev1``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def split_name(text: str) -> tuple[str, str | None]:
    """``EVENT`` or ``EVENT/ANALYSIS``."""
    event, slash, analysis = text.partition("/")
    if not event or (slash and (not analysis or "/" in analysis)):
        raise InputError("argument", text, "EVENT or EVENT/ANALYSIS")
    return event, analysis or None


def analysis_name(text: str) -> tuple[str, str]:
    event, analysis = split_name(text)
    if analysis is None:
        raise InputError("argument", text, "EVENT/ANALYSIS")
    return event, analysis


def deliver(ledger: Ledger, settings: Settings) -> None:
    """Ask Airflow for the runs at once where it is known; upkeep does what is left over."""
    if settings.airflow_url:
        from gwfollow.delivery import deliver_now

        deliver_now(ledger, settings, who=who())


def echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def age(since: datetime | None, now: datetime) -> str:
    """Two units at most: ``45 s``, ``3 h 12 min``, ``12 d 4 h``."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"

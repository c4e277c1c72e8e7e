"""The status of every analysis without SQLAlchemy, whose import alone takes longer than the question.

`gwfollow status` is called by hand and by scripts all day, so it asks the database driver itself; everything else goes through
`gwfollow.ledger.store`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gwfollow.errors import InputError, LedgerBusy, NotFound
from gwfollow.ledger.revision import HEAD
from gwfollow.ledger.suggest import nearly

if TYPE_CHECKING:
    from gwfollow.settings import Settings

_STATUS = """
SELECT events.name, analyses.name, analyses.pipeline, analyses.status, analyses.status_since, analyses.attempt, analyses.reason,
       progress.fraction, progress.line, progress.time
FROM events LEFT JOIN analyses ON analyses.event_id = events.id
     LEFT JOIN progress ON progress.analysis_id = analyses.id AND progress.attempt = analyses.attempt
          AND analyses.status IN ('running', 'processing', 'stuck')
WHERE {condition}
ORDER BY events.id, analyses.id
"""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One analysis; an event without analyses has one row whose `analysis` is None."""

    event: str
    analysis: str | None
    pipeline: str | None
    status: str | None
    since: datetime | None
    attempt: int
    reason: str | None
    progress: str = ""  # "62%, dlogz 0.31 (stops at 0.1)"; empty for what does not run, or has not been looked at
    progress_since: datetime | None = None  # when it was first seen to be that far


def status_rows(settings: Settings, event: str | None = None) -> list[StatusRow]:
    """Every analysis of all active events, or of one event (archived ones too), in the order in which they were applied.

    Raises `NotFound` (no such event, no ledger), `InputError` (a ledger of another revision) and `LedgerBusy`.
    """
    with _connection(settings) as (connection, mark):
        _check_revision(connection)
        condition, values = (f"events.name = {mark}", (event,)) if event is not None else ("events.active", ())
        rows = connection.execute(_STATUS.format(condition=condition), values).fetchall()
        if event is not None and not rows:
            names = [name for (name,) in connection.execute("SELECT name FROM events").fetchall()]
            raise NotFound(f"no event {event!r} in the ledger{nearly(event, names)}")
    return [
        StatusRow(e, a, p, s, _time(since), attempt or 0, why, said(fraction, line), _time(seen))
        for e, a, p, s, since, attempt, why, fraction, line, seen in rows
    ]


def said(fraction: float | None, line: str | None) -> str:
    """A mark of progress in words."""
    percent = f"{fraction:.0%}" if fraction is not None else ""
    return ", ".join(filter(None, (percent, line)))


@contextmanager
def _connection(settings: Settings) -> Iterator[tuple[Any, str]]:
    """A DB-API connection, and its mark for a value."""
    url = settings.ledger_url
    if url.startswith("sqlite:///"):
        path = Path(unquote(url.removeprefix("sqlite:///").partition("?")[0]))
        if not path.is_file():
            raise NotFound(f"no ledger at {url}; 'gwfollow init' makes one")
        connection = sqlite3.connect(path, timeout=60)
        try:
            yield connection, "?"
        except sqlite3.OperationalError as error:
            raise LedgerBusy(f"ledger {url} does not answer: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"ledger {url}: {error}") from error
        finally:
            connection.close()
    elif url.startswith("postgresql"):
        yield from _postgres(settings)
    else:
        raise InputError("ledger URL", "(not shown)", "sqlite:////path or postgresql+psycopg://user@host/database")


def _postgres(settings: Settings) -> Iterator[tuple[Any, str]]:
    import psycopg

    from gwfollow.ledger import read_password

    _, _, rest = settings.ledger_url.partition("://")
    try:
        with psycopg.connect(f"postgresql://{rest}", connect_timeout=10, password=read_password(settings)) as connection:
            yield connection, "%s"
    except psycopg.OperationalError as error:
        # libpq's own text names host and user, never the password
        raise LedgerBusy(f"the ledger does not answer: {str(error).partition(chr(10))[0]}") from error


def _check_revision(connection: Any) -> None:
    try:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except Exception as error:  # each driver has its own class for a table that is not there
        if "alembic_version" not in str(error):
            raise
        raise NotFound("no ledger there; 'gwfollow init' makes one") from None
    if found is None or found[0] != HEAD:
        raise InputError("ledger", f"revision {found and found[0]}", f"revision {HEAD} ('gwfollow init' migrates)")


def _time(value: str | datetime | None) -> datetime | None:
    """SQLite keeps UTC as text without a zone."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC) if value is not None else None

"""``gwfollow status``: quick, so nothing here imports SQLAlchemy."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from gwfollow.commands.common import age, echo_json
from gwfollow.ledger.glance import StatusRow, status_rows
from gwfollow.settings import Settings

_RESET = "\x1b[0m"
_COLOURS = {
    "ready": "\x1b[36m",
    "running": "\x1b[34m",
    "processing": "\x1b[34m",
    "finished": "\x1b[32m",
    "uploaded": "\x1b[32m",
    "finalised": "\x1b[32m",
    "stuck": "\x1b[1;31m",
    "restart": "\x1b[33m",
    "stop": "\x1b[33m",
    "stopped": "\x1b[2m",
    "cancelled": "\x1b[2m",
}
_HEADER = ("event", "analysis", "pipeline", "status", "since", "attempt", "progress", "reason")
_OBJECT = (*_HEADER, "progress_since")
_STATUS = _HEADER.index("status")


@click.command()
@click.argument("event", required=False)
@click.option("--json", "as_json", is_flag=True, help=f"A list of objects: {', '.join(_OBJECT)}.")
def status(event: str | None, as_json: bool) -> None:
    """Show how far every analysis of all active events is, or of one EVENT."""
    rows = status_rows(Settings.read(), event)
    if as_json:
        echo_json([_object(row) for row in rows])
    elif not rows:
        click.echo("no active event; 'gwfollow apply -f BLUEPRINT' adds one")
    else:
        sys.stdout.write(table(rows, datetime.now(UTC), colours=sys.stdout.isatty()))


def _object(row: StatusRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in _OBJECT}


def table(rows: list[StatusRow], now: datetime, *, colours: bool) -> str:
    """The rows in columns; an event's name stands beside its first analysis only."""
    lines = [_HEADER]
    last = None
    for row in rows:
        attempt = str(row.attempt) if row.attempt else ""
        lines.append(
            (
                row.event if row.event != last or not colours else "",
                row.analysis or "(no analysis)",
                row.pipeline or "",
                row.status or "",
                age(row.since, now),
                attempt,
                _progress(row, now),
                _one_line(row.reason or ""),
            )
        )
        last = row.event
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    return "".join(_line(line, widths, colours) for line in lines)


def _progress(row: StatusRow, now: datetime) -> str:
    """``62%, dlogz 0.31, 14 min ago``: when it was last seen to move."""
    return f"{_one_line(row.progress)}, {age(row.progress_since, now)} ago" if row.progress else ""


def _one_line(reason: str) -> str:
    """A scheduler's words on one line, without what a terminal would obey."""
    text = " ".join(reason.split())
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def _line(line: tuple[str, ...], widths: list[int], colours: bool) -> str:
    cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
    if colours and (colour := _COLOURS.get(line[_STATUS])):
        cells[_STATUS] = f"{colour}{cells[_STATUS]}{_RESET}"
    return f"{'  '.join(cells)}  {line[-1]}".rstrip() + "\n"

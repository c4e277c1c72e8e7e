"""``gwfollow ingest``: alerts by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gwfollow.commands.common import echo_json

if TYPE_CHECKING:
    from gwfollow.alerts.folders import Folders
    from gwfollow.alerts.inbox import Stored
    from gwfollow.life import Site


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--no-process", is_flag=True, help="Store them in the inbox only.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects: file, id, new, event, state, verdict.")
def ingest(files: tuple[str, ...], no_process: bool, as_json: bool) -> None:
    """Take alerts from FILEs (- is standard input): JSON of GCN or igwn-alert, VOEvent XML, superevents of GraceDB or lists of them.

    They go the way of an alert that came by itself: stored once, then through the policy.  Exits with 2 when one was refused.
    """
    from gwfollow.alerts.cycle import process_and_deliver
    from gwfollow.alerts.folders import Folders
    from gwfollow.commands.common import who
    from gwfollow.ledger import open_ledger
    from gwfollow.life import Site
    from gwfollow.settings import Settings

    settings = Settings.read()
    messages = list(_messages(files))  # a file that cannot be read is told before anything is stored
    site = Site(open_ledger(settings), settings, who())
    folders = Folders(settings.data_folder)
    stored = [(name, _store(site, folders, name, raw)) for name, raw in messages]
    if not no_process:
        process_and_deliver(site)
    rows = [_row(site, name, one) for name, one in stored]
    if as_json:
        echo_json(rows)
    else:
        for row in rows:
            again = "" if row["new"] else " (was there before)"
            click.echo(
                f"{row['file']}: {row['event'] or '-'}: {row['state']}{again}{': ' if row['verdict'] else ''}{row['verdict'] or ''}"
            )
    if any(row["state"] == "refused" for row in rows):
        sys.exit(2)


def _messages(files: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    from gwfollow.alerts.reading import split
    from gwfollow.errors import InputError

    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            raise InputError(f"{name} cannot be read ({error.strerror})") from None
        shown = "standard input" if name == "-" else name
        parts = split(raw)
        for number, part in enumerate(parts, 1):
            yield (shown if len(parts) == 1 else f"{shown}, {number} of {len(parts)}"), part


def _store(site: Site, folders: Folders, name: str, raw: bytes) -> Stored:
    from gwfollow.alerts.inbox import store

    return store(site.ledger, folders, raw, source="file", topic=Path(name).name)


def _row(site: Site, name: str, stored: Stored) -> dict[str, object]:
    """As the inbox has it now, after the policy."""
    from gwfollow.ledger.schema import Inbox

    with site.ledger.read() as session:
        row = session.get_one(Inbox, stored.id)
        return {"file": name, "id": row.id, "new": stored.new, "event": row.event, "state": row.state, "verdict": row.verdict}


__all__ = ["ingest"]

"""``gwfollow archive``"""

from __future__ import annotations

import click

from gwfollow.alerts.folders import Folders, file_away
from gwfollow.alerts.observing_runs import run_of_event
from gwfollow.commands.common import who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.states import FINAL
from gwfollow.ledger.store import Change, Ledger, find_event
from gwfollow.settings import Settings


@click.command()
@click.argument("event")
@click.option("--why", default="", help="For the journal.")
def archive(event: str, why: str) -> None:
    """Take EVENT from the active ones: it costs nothing from then on, and its history stays.

    All its analyses must be final (uploaded, finalised, stopped, cancelled).  Applying a new analysis makes it active again.  The folder
    with its alerts and sky maps moves from current_run to past_runs.
    """
    settings = Settings.read()
    ledger = open_ledger(settings)
    changed = ledger.run(lambda change: _archive(change, event), who=who(), why=why)
    # after the ledger, and also when it knew already: a crash in between is made good by the next call
    place = _file_away(ledger, settings, event)
    click.echo(f"{event} is archived{'' if changed else ' already'}{f'; its folder is {place}' if place else ''}")


def _archive(change: Change, name: str) -> bool:
    event = change.event(name)
    for row in event.analyses:
        if row.status not in FINAL:
            raise InputError(f"{name}/{row.name}, status", row.status, f"a final one ({', '.join(sorted(FINAL))})")
    if not event.active:
        return False
    event.active = False
    change.journal("archived", event=name)
    return True


def _file_away(ledger: Ledger, settings: Settings, name: str) -> str | None:
    folders = Folders(settings.data_folder)
    with ledger.read() as session:
        event = find_event(session, name)
        graceid = event.graceid or event.name
        if not folders.has(graceid):
            return None
        run = settings.observing_run or run_of_event(graceid, event.gps, event.created)
    return str(file_away(folders, graceid, run) or "") or None

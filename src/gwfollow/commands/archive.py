"""``gwfollow archive``"""

from __future__ import annotations

import click

from gwfollow.commands.common import who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.states import FINAL
from gwfollow.ledger.store import Change


@click.command()
@click.argument("event")
@click.option("--why", default="", help="For the journal.")
def archive(event: str, why: str) -> None:
    """Take EVENT from the active ones: it costs nothing from then on, and its history stays.

    All its analyses must be final (uploaded, finalised, stopped, cancelled).  Applying a new analysis makes it active again.
    """
    changed = open_ledger().run(lambda change: _archive(change, event), who=who(), why=why)
    click.echo(f"{event} is archived{'' if changed else ' already'}")


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

"""``gwfollow journal``"""

from __future__ import annotations

import click
from sqlalchemy import select

from gwfollow.commands.common import echo_json, split_name
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import Journal
from gwfollow.ledger.store import find_analysis, find_event

_KEYS = ("time", "who", "event", "analysis", "what", "why", "details")


@click.command()
@click.argument("name", required=False, metavar="[EVENT[/ANALYSIS]]")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest so many entries.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects: time, who, event, analysis, what, why, details.")
def journal(name: str | None, limit: int, as_json: bool) -> None:
    """Show who changed what, when (UTC) and why, oldest first."""
    with open_ledger().read() as session:
        query = select(Journal).order_by(Journal.id.desc()).limit(limit)
        if name is not None:
            event, analysis = split_name(name)
            query = query.where(Journal.event == event)
            if analysis is not None:
                find_analysis(session, event, analysis)
                query = query.where(Journal.analysis == analysis)
            else:
                find_event(session, event)
        rows = list(reversed(session.scalars(query).all()))
    if as_json:
        echo_json([{key: getattr(row, key) for key in _KEYS} for row in rows])
        return
    for row in rows:
        place = "/".join(part for part in (row.event, row.analysis) if part)
        why = f" ({row.why})" if row.why else ""
        # the old and the new status are in `what`, and what a person said is the reason too
        shown = {key: value for key, value in row.details.items() if key not in ("old", "new") and value != row.why}
        details = "".join(f" {key}={value}" for key, value in shown.items())
        click.echo(f"{row.time:%Y-%m-%d %H:%M:%S}  {row.who}  {place or 'project'}: {row.what}{details}{why}")

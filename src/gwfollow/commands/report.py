"""``gwfollow report``"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Where the site goes: a symbolic link is made there."
)
def report(output: Path) -> None:
    """Write a static site about all events, which needs no server and no network: index.html, a page and a JSON file for each event.

    Only pages that changed are written again, and the whole site changes at once.
    """
    from gwfollow.ledger import open_ledger
    from gwfollow.report.site import write_report
    from gwfollow.settings import Settings

    settings = Settings.read()
    written = write_report(open_ledger(settings), settings, output)
    click.echo(f"{written.folder / 'index.html'}: {written.events} events, {written.pages} of their pages are new")

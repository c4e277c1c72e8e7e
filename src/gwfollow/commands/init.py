"""``gwfollow init``"""

from __future__ import annotations

import click

from gwfollow.ledger import open_ledger
from gwfollow.settings import Settings


@click.command()
def init() -> None:
    """Make the ledger that GWFOLLOW_LEDGER names, or bring an older one up to date."""
    ledger = open_ledger(Settings.read(), create=True)
    click.echo(f"ledger: {ledger.engine.url.render_as_string(hide_password=True)}")
    ledger.close()

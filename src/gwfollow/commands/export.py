"""``gwfollow export``"""

from __future__ import annotations

import click

from gwfollow.ledger import open_ledger
from gwfollow.ledger.export import documents
from gwfollow.ledger.yamlfile import write_documents


@click.command()
@click.argument("event", required=False)
def export(event: str | None) -> None:
    """Write the ledger, or one EVENT with the defaults that apply to it, as blueprints that `gwfollow apply` reads back."""
    with open_ledger().read() as session:
        found = documents(session, event)
    if found:
        click.echo(write_documents(found), nl=False)

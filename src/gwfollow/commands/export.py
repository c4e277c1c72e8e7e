"""``gwfollow export``"""

from __future__ import annotations

import click

from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.export import documents
from gwfollow.ledger.yamlfile import write_documents


@click.command()
@click.argument("event", required=False)
@click.option(
    "--form",
    type=click.Choice(["blueprints", "asimov"]),
    default="blueprints",
    show_default=True,
    help="blueprints: what `gwfollow apply` reads; asimov: a ledger.yml of asimov 0.8, which `gwfollow import asimov` reads too.",
)
def export(event: str | None, form: str) -> None:
    """Write the ledger, or one EVENT with the defaults that apply to it."""
    if form == "asimov":
        _asimov(event)
        return
    with open_ledger().read() as session:
        found = documents(session, event)
    if found:
        click.echo(write_documents(found), nl=False)


def _asimov(event: str | None) -> None:
    from gwfollow.moving.asimov_form import export as exported

    if event is not None:
        raise InputError("EVENT", event, "none: a ledger of asimov holds them all")
    with open_ledger().read() as session:
        found = exported(session)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(write_documents([found.document]).removeprefix("---\n"), nl=False)

"""``gwfollow provenance``"""

from __future__ import annotations

from pathlib import Path

import click

#: as `gwfollow.results.provenance` has them: that module is imported only when it is needed
_FORMATS = ("json", "provn", "xml", "jsonld")


@click.command()
@click.argument("event")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="json", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the terminal.")
def provenance(event: str, form: str, output: Path | None) -> None:
    """Write who made what from what for EVENT, as W3C PROV: contents by SHA-256, attempts and jobs, people and software."""
    from gwfollow.ledger import open_ledger
    from gwfollow.pipelines.files import write_text
    from gwfollow.results.provenance import as_text
    from gwfollow.results.provenance import provenance as read

    with open_ledger().read() as session:
        text = as_text(read(session, event), form)
    if output is None:
        click.echo(text)
    else:
        write_text(output, text)

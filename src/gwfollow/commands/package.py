"""``gwfollow package``"""

from __future__ import annotations

from pathlib import Path

import click

from gwfollow.commands.common import split_name


@click.command()
@click.argument("name", metavar="EVENT[/ANALYSIS]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A new folder, or a new file that ends in .zip."
)
@click.option("--licence", default="", help="SPDX name (CC-BY-4.0) or address of the licence under which it is passed on.")
def package(name: str, output: Path, licence: str) -> None:
    """Pack results from the store with configuration, inputs, people, software and provenance as an RO-Crate."""
    from gwfollow.ledger import open_ledger
    from gwfollow.results.crate import package as pack
    from gwfollow.settings import Settings

    event, analysis = split_name(name)
    settings = Settings.read()
    done = pack(open_ledger(settings), settings, event, analysis, output, licence)
    click.echo(f"{done.path}: {done.files} results, {done.size / 1e6:.1f} MB")
    if not licence:
        click.echo("it states no licence (--licence CC-BY-4.0)", err=True)

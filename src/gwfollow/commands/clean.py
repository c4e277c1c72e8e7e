"""``gwfollow clean``"""

from __future__ import annotations

import click

from gwfollow.commands.common import analysis_name, who
from gwfollow.ledger import open_ledger
from gwfollow.life.clean import Cleaned, clean, human
from gwfollow.life.site import Site
from gwfollow.settings import Settings


@click.command("clean")
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.option("--attempt", type=click.IntRange(min=1), help="Of this attempt instead of the present one.")
@click.option("--old", is_flag=True, help="Of all attempts but the present one.")
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted.")
def clean_command(name: str, attempt: int | None, old: bool, dry_run: bool) -> None:
    """Delete what the pipeline can make again (checkpoints, caches) from the folders of an analysis.

    Recorded assets stay, and nothing is deleted while a job may read it.
    """
    event, analysis = analysis_name(name)
    settings = Settings.read()
    site = Site(open_ledger(settings), settings, who=who())
    found = clean(site, event, analysis, attempt=attempt, old=old, dry_run=dry_run)
    for one in found:
        _tell(one, dry_run)
    if not found:
        click.echo(f"{name} has no {'other ' if old else ''}attempt")


def _tell(one: Cleaned, dry_run: bool) -> None:
    if dry_run:
        for file, size in one.files:
            click.echo(f"{human(size):>9}  {file}")
        for file in one.kept:
            click.echo(f"{'kept':>9}  {file} (a recorded asset)")
    verb = "would free" if dry_run else "freed"
    click.echo(f"attempt {one.attempt}: {verb} {human(one.size)} in {len(one.files)} files of {one.folder}")

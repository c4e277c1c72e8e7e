"""``gwfollow preview``"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from gwfollow.commands.common import analysis_name, who
from gwfollow.ledger import open_ledger
from gwfollow.life.preview import preview
from gwfollow.life.site import Site
from gwfollow.settings import Settings


@click.command("preview")
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A new folder for it; without it the text is shown.")
def preview_command(name: str, out: Path | None) -> None:
    """Render the configuration that the next build of an analysis would be given, and build nothing.

    Whatever its status is.  What would stop the build is told in the same words.
    """
    event, analysis = analysis_name(name)
    settings = Settings.read()
    site = Site(open_ledger(settings), settings, who=who())
    if out is not None:
        for path in preview(site, event, analysis, out):
            click.echo(path)
        return
    with TemporaryDirectory(prefix="gwfollow-preview-") as folder:
        for path in preview(site, event, analysis, Path(folder)):
            click.echo(f"# {path.relative_to(folder)}")
            click.echo(path.read_text(errors="replace"))

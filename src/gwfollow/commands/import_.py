"""``gwfollow import asimov`` and ``gwfollow import olivaw``"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gwfollow.errors import InputError

if TYPE_CHECKING:
    from gwfollow.moving.arrive import Arrival
    from gwfollow.moving.translate import Move

#: more notes than this are counted, unless --all
_LISTED = 40


@click.group("import")
def import_() -> None:
    """Take over what asimov or olivaw know: all of it, or nothing."""


_DRY_RUN = click.option("--dry-run", is_flag=True, help="Read, check and say what would arrive; store nothing.")
_HOLD = click.option("--hold", is_flag=True, help="What is ready waits here until somebody sets it ready.")
_SKIP = click.option(
    "--skip", multiple=True, metavar="NAME", help="Leave EVENT, EVENT/ANALYSIS or a project analysis behind (more than once)."
)
_ALL = click.option("--all", "everything", is_flag=True, help=f"Show every note, not only the first {_LISTED}.")
_ROOT = click.option("--root", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Where relative paths begin.")


@import_.command()
@click.argument("ledger")
@_ROOT
@_HOLD
@_SKIP
@_DRY_RUN
@_ALL
def asimov(ledger: str, root: Path | None, hold: bool, skip: tuple[str, ...], dry_run: bool, everything: bool) -> None:
    """Import LEDGER of asimov: a project's folder, its ledger.yml, its ledger.db, or the URL of its database.

    Stop asimov before (`asimov stop`): jobs that run are watched from here on.  Nothing of asimov's is changed.
    """
    from gwfollow.moving import asimov_ledger
    from gwfollow.moving.translate import translate

    contents = asimov_ledger.read(ledger, root.absolute() if root else None)
    _arrive(translate(contents, hold=hold, skip=skip), dry_run, everything)


@import_.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="What {NAME} stands for in the files.")
@_ROOT
@_HOLD
@_SKIP
@_DRY_RUN
@_ALL
def olivaw(
    files: tuple[str, ...],
    values: tuple[str, ...],
    root: Path | None,
    hold: bool,
    skip: tuple[str, ...],
    dry_run: bool,
    everything: bool,
) -> None:
    """Import event descriptions of the GitLab era, from FILEs with the text of an issue, its YAML alone, or the issue as JSON."""
    from gwfollow.moving import olivaw as descriptions
    from gwfollow.moving.translate import translate

    contents = descriptions.read(files, dict(map(_pair, values)), root.absolute() if root else None)
    _arrive(translate(contents, hold=hold, skip=skip, source="olivaw"), dry_run, everything)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InputError("--set", text, "NAME=VALUE")
    return name, value


def _arrive(move: Move, dry_run: bool, everything: bool) -> None:
    from gwfollow.commands.common import deliver, who
    from gwfollow.ledger import open_ledger
    from gwfollow.life import Site
    from gwfollow.moving.arrive import arrive
    from gwfollow.settings import Settings

    settings = Settings.read()
    ledger = open_ledger(settings)
    arrival = arrive(Site(ledger, settings, who()), move, dry_run=dry_run)
    _print(move, arrival, dry_run, everything)
    if not dry_run:
        deliver(ledger, settings)


def _print(move: Move, arrival: Arrival, dry_run: bool, everything: bool) -> None:
    click.echo(f"read from {move.source}: {_counts(move.read) or 'nothing'}")
    verb = "would be added" if dry_run else "added"
    click.echo(f"{verb}: {_counts(arrival.added) or 'nothing'}; in the ledger already, left as they are: {arrival.known}")
    if arrival.statuses:
        click.echo(f"their statuses: {_counts(arrival.statuses)}")
    shown = arrival.notes if everything else arrival.notes[:_LISTED]
    for note in shown:
        click.echo(f"  {note}")
    if len(shown) < len(arrival.notes):
        click.echo(f"  and {len(arrival.notes) - len(shown)} more; --all shows them")
    for name in arrival.later:
        click.echo(f"{name} could not be looked at: import again when the reason is gone", err=True)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {_plural(name, count)}" for name, count in counter.items())


def _plural(name: str, count: int) -> str:
    return (
        {"event": "events", "analysis": "analyses", "postprocessing": "postprocessings"}.get(name, name) if count != 1 else name
    )


__all__ = ["import_"]

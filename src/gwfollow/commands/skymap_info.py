"""``gwfollow skymap-info``, also installed as ``skymap_info``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gwfollow.alerts import flags as event_flags
from gwfollow.alerts.folders import Folders
from gwfollow.commands.common import who
from gwfollow.errors import InputError
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from gwfollow.alerts.skymap_info import Found


@click.command("skymap-info")
@click.option(
    "-d", "--outdir", type=click.Path(path_type=Path), help="Folder to write to; else the event's own (current_run/ID)."
)
@click.option("-o", "--outfile", default="skymap_info.json", show_default=True, help="Name of the file in that folder.")
@click.option("-g", "--graceid", help="Read the event from GraceDB: S190814bv, MS181101ab, G184098.")
@click.option("-v", "--voevent", type=click.Path(path_type=Path), help="Read it from a VOEvent, or from a notice in JSON.")
@click.option(
    "-s", "--skymap", metavar="NAME[,VERSION]", help="Which sky map; else the newest of GraceDB, or the one of the VOEvent."
)
@click.option("--flags", "first", multiple=True, metavar="PRESET|NAME=VALUE", help=f"Presets: {', '.join(event_flags.PRESETS)}.")
@click.argument("more", nargs=-1, metavar="[PRESET|NAME=VALUE]...")
def skymap_info(
    outdir: Path | None, outfile: str, graceid: str | None, voevent: Path | None, skymap: str | None,
    first: tuple[str, ...], more: tuple[str, ...],
) -> None:  # fmt: skip
    """Make the folder of an event by hand: skymap_info.json, flags.json and the sky map.

    Without flags that say so, you are asked whether the event is real or a test, since that decides what is published to collaborators.
    """
    if (graceid is None) == (voevent is None):
        raise InputError("one of --graceid and --voevent must be given")
    if more and not first:
        raise InputError("argument", more[0], "flags after --flags")
    said = event_flags.parse([*first, *more])
    settings = Settings.read()
    found = _find(settings, graceid, voevent, skymap)
    folders = Folders(settings.data_folder)
    folder = outdir or folders.find(found.graceid) or folders.event(found.graceid)
    before = event_flags.read(folder)
    if "ROLE" not in said and before is None:
        said = {**_answer(found), **said}
    event_flags.check({**event_flags.PRESETS["DEFAULT"], **(before or {}), **said}, found.graceid, mock=found.mock)
    _write(found, folder, outfile, said)


def _find(settings: Settings, graceid: str | None, voevent: Path | None, skymap: str | None) -> Found:
    from gwfollow.alerts.reading import read
    from gwfollow.alerts.skymap_info import from_alert, from_gracedb
    from gwfollow.gracedb.client import GraceDBClient

    client = GraceDBClient.from_settings(settings)
    if graceid is not None:
        if client is None:
            raise InputError("--graceid: no GraceDB is named; set GWFOLLOW_GRACEDB_URL (https://gracedb.ligo.org/api/)")
        return from_gracedb(client, graceid, skymap)
    assert voevent is not None
    try:
        raw = voevent.read_bytes()
    except OSError as error:
        raise InputError(f"--voevent {voevent}: {error.strerror or error}") from None
    return from_alert(read(raw, str(voevent)), client, skymap)


def _answer(found: Found) -> event_flags.Flags:
    """The flags of a real event or of a test, as the person says."""
    if found.mock:
        click.echo(f"{found.graceid} is a mock or a test: nothing of it will be published")
        return {**event_flags.PRESETS["DEFAULT"], "MANUAL": True}
    if not sys.stdin.isatty():
        raise InputError(
            f"{found.graceid}: real or a test? There is no terminal to ask: give --flags MANUAL (real, its results are published) "
            "or --flags DEFAULT (a test)"
        )
    question = f"Is {found.graceid} a real event, whose results are published to collaborators, or a test?"
    answer = click.prompt(question, type=click.Choice(["real", "test"], case_sensitive=False))
    return event_flags.PRESETS["MANUAL"] if answer == "real" else {**event_flags.PRESETS["DEFAULT"], "MANUAL": True}


def _write(found: Found, folder: Path, outfile: str, said: event_flags.Flags) -> None:
    from gwfollow.alerts.skymap_info import write

    try:
        folder.mkdir(parents=True, exist_ok=True)
        flags = event_flags.change(folder, said, found.graceid, mock=found.mock)
        paths = write(found, folder, outfile, who=who())
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from None
    for path in [folder / event_flags.FILE, *paths]:
        click.echo(path)
    shown = " ".join(f"{name}={value}" if name == "ROLE" else name for name, value in flags.items() if value)
    click.echo(f"{found.graceid}: sky map {found.info['skymap_filename']}; flags {shown}")
    if found.warning:
        click.echo(f"the sky map itself is not here: {found.warning}", err=True)


def main() -> None:
    """The console script ``skymap_info``."""
    from gwfollow.cli import main as gwfollow

    gwfollow(["skymap-info", *sys.argv[1:]])


__all__ = ["main", "skymap_info"]

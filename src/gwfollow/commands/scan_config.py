"""``gwfollow scan config``: the channel sets of a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwfollow.commands.common import echo_json
from gwfollow.errors import GWFollowError, InputError
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from gwfollow.data.lookup import LookUp, Way
    from gwfollow.scans.channel_sets import ChannelSet
    from gwfollow.scans.model import Block


@click.group()
def config() -> None:
    """Channel sets: which channels are scanned, how, and where their frames are."""


@config.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_sets(as_json: bool) -> None:
    """List the channel sets of this site."""
    from gwfollow.scans.channel_sets import load, names

    configs = Settings.read().configs_folder
    found: list[dict[str, Any]] = []
    for name in names(configs):
        try:
            one = load(name, configs)
        except InputError as error:
            found.append({"name": name, "error": str(error)})
        else:
            found.append({"name": name, "ifo": one.ifo, "channels": len(one.channels), "description": one.description})
    if as_json:
        echo_json(found)
        return
    for row in found:
        told = f"wrong: {row['error']}" if "error" in row else f"{row['ifo']}  {row['channels']:4d}  {row['description']}"
        click.echo(f"{row['name']:20}  {told}")


@config.command("show")
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show_set(name: str, as_json: bool) -> None:
    """Show a channel set as it is read: every default filled in.  PATH may be an INI of gwdetchar-omega or an old scan file."""
    from gwfollow.scans.channel_sets import load

    found = load(name, Settings.read().configs_folder)
    _warn(found)
    if as_json:
        echo_json(_facts(found))
    else:
        _print(found)


@config.command("check")
@click.argument("names", metavar="[NAME|PATH]...", nargs=-1)
@click.option("--frames", type=click.Path(path_type=Path), metavar="DIR", help="Say too which channels frames in DIR lack.")
@click.pass_context
def check_sets(ctx: click.Context, names: tuple[str, ...], frames: Path | None) -> None:
    """Read channel sets (all of them without a name) and say what is wrong.

    Exit code 0: all is right; 2: a set is wrong; 1: the sets are right, and frames in DIR lack some of their channels.
    """
    from gwfollow.scans import channel_sets

    configs = Settings.read().configs_folder
    wrong = lacking = False
    for name in names or channel_sets.names(configs):
        try:
            found = channel_sets.load(name, configs)
            _colormap(found)
        except GWFollowError as error:
            click.echo(f"wrong: {' '.join(str(error).split())}", err=True)
            wrong = True
            continue
        _warn(found)
        click.echo(f"{found.name}: all right ({found.ifo}, channels: {len(found.channels)}, blocks: {len(found.blocks)})")
        if frames is not None:
            lacks = _lacks(found, frames)
            lacking = lacking or bool(lacks)
            for line in lacks or [f"frames in {frames} have all of them"]:
                click.echo(f"  {line}")
    ctx.exit(2 if wrong else int(lacking))


def _warn(found: ChannelSet) -> None:
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)


def _colormap(found: ChannelSet) -> None:
    name = found.options.get("colormap")
    if name is None:
        return
    from matplotlib import colormaps

    from gwfollow.ledger.suggest import nearly

    if name not in colormaps:
        raise InputError(f"{found.path}, colormap", name, f"a colormap of matplotlib{nearly(name, list(colormaps))}")


def _lacks(found: ChannelSet, folder: Path) -> list[str]:
    """For each frame type what the newest of its files in `folder` has not."""
    from gwfollow.data.names import FrameFile, parse
    from gwfollow.scans.frame_contents import lacking

    if not folder.is_dir():
        raise InputError("--frames", str(folder), "a folder that is there")
    files = [file for path in folder.rglob("*-*-*-*.*") if (file := parse(path)) is not None and file.belongs_to(found.ifo)]
    lines: list[str] = []
    asked: list[tuple[FrameFile, list[str]]] = []
    for kind in [look_up.frame_type for look_up in found.look_ups]:
        wanted = [name for block in found.blocks if block.frame_type == kind for name in block.channels]
        if found.primary is not None and found.primary.frame_type == kind:
            wanted.append(found.primary.channel)
        own = [file for file in files if file.description == kind]
        if not own:
            lines.append(f"{kind}: no file of this type, for {len(set(wanted))} channels")
            continue
        asked.append((max(own, key=lambda file: file.start), wanted))
    return lines + lacking(asked, found.ifo)


def _facts(found: ChannelSet) -> dict[str, Any]:
    return {
        "name": found.name,
        "path": str(found.path) if found.path else None,
        "ifo": found.ifo,
        "description": found.description,
        "blocks": [block.model_dump(mode="json") for block in found.blocks],
        "primary": found.primary.model_dump(mode="json") if found.primary else None,
        "look_ups": [look_up.model_dump(mode="json") for look_up in found.look_ups],
        "options": dict(found.options),
        "scheduler": dict(found.scheduler),
        "warnings": list(found.warnings),
    }


def _print(found: ChannelSet) -> None:
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table

    click.echo(f"{found.name}: {found.description or 'a channel set'} ({found.ifo}, {len(found.channels)} channels)")
    click.echo(f"  {found.path}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (
        "Block",
        "Channels",
        "Frame type",
        "Data (s)",
        "FFT (s)",
        "Rate (Hz)",
        "f (Hz)",
        "Q",
        "Search (s)",
        "SNR",
        "Plots (s)",
    ):
        table.add_column(name, justify="left" if name in ("Block", "Frame type") else "right", no_wrap=True)
    for block in found.blocks:
        table.add_row(*_cells(block))
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)
    if found.primary:
        click.echo(f"primary: {found.primary.channel} in {found.primary.frame_type}, from {found.primary.f_low:g} Hz")
    for look_up in found.look_ups:
        click.echo(f"frames {look_up.frame_type}: {_told(look_up)}")
    for key, value in [*found.options.items(), *((f"scheduler, {key}", value) for key, value in found.scheduler.items())]:
        click.echo(f"{key.replace('_', ' ')}: {value}")
    for block in found.blocks:
        click.echo(f"[{block.key}] {block.name}")
        for name in block.channels:
            click.echo(f"  {name}")


def _cells(block: Block) -> list[str]:
    low, high = block.frequency_range
    return [
        block.key,
        str(len(block.channels)),
        block.frame_type,
        f"{block.duration:g}",
        f"{block.fftlength:g}",
        f"{block.resample:g}" if block.resample else "own",
        f"{low:.3g} to {f'{high:g}' if high is not None else 'highest'}",
        f"{block.q_range[0]:.4g} to {block.q_range[1]:.4g}",
        f"{block.search:g}",
        "always" if block.always_plot else f"{block.snr_threshold:g}",
        ", ".join(f"{one:g}" for one in block.plot_time_durations),
    ]


def _told(look_up: LookUp) -> str:
    return f"{', then '.join(_way(way) for way in look_up.ways)}; until {look_up.timeout:g} s after the end"


def _way(way: Way) -> str:
    if way.way == "folder":
        text = way.path
    elif way.way == "datafind":
        text = f"gwdatafind {way.host or 'of GWDATAFIND_SERVER'}"
    else:
        return f"GWOSC {way.host or ''}".strip()
    return f"{text} as {way.frame_type}" if way.frame_type else text


__all__ = ["config"]

"""``gwfollow scan``: omega scans at once on this machine, on request through the ledger, and their channel sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwfollow.commands.scan_config import config
from gwfollow.errors import InputError


@click.group()
def scan() -> None:
    """Omega scans: which channels were loud at a time, and how that looks."""


scan.add_command(config)


@scan.command()
@click.option("--gps", required=True, metavar="TIME", help="GPS s, or a UTC time: 2015-09-14T09:50:45.4.")
@click.option("--ifo", metavar="H1", help="The detector; else that of the set, or of the channels.")
@click.option("--channel", "-c", "channels", multiple=True, metavar="NAME", help="A channel, or a pattern: 'H1:PEM-*'.")
@click.option("--primary", metavar="NAME", help="The channel that the others are correlated with (usually the strain).")
@click.option("--set", "channel_set", metavar="NAME|PATH", help="A channel set; with --channel some channels of it.")
@click.option("--frames", type=click.Path(path_type=Path), metavar="DIR", help="Frames in this folder and those below it.")
@click.option("--datafind", metavar="HOST", help="Frames that a gwdatafind server knows ('default': GWDATAFIND_SERVER).")
@click.option("--frame-type", "frame_types", multiple=True, metavar="TYPE", help="With --datafind: H1_R.  May be repeated.")
@click.option("--gwosc", is_flag=True, help="Public strain from GWOSC.")
@click.option("--engine", type=click.Choice(["gwfollow", "gwdetchar"]), help="gwdetchar runs the installed gwdetchar-omega.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the scan; else scan-IFO-GPS here.")
@click.option("--workers", type=click.IntRange(1), help="Processes; else as many as there are cores.")
@click.option("--far-threshold", type=float, metavar="HZ", help="False-alarm rate of a tile that is significant (3.171e-8).")
@click.option("--title", default="", help="What the page is called.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(0), help="Channels in the table that is printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON instead of the table.")
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> None:
    """Scan channels now, on this machine, without the ledger.

    Without --set a configuration is made from what the frames hold: of the channels that are named, or of all that are fast enough.
    A scan that was interrupted goes on where it was when the same command is given again.  Exit code 0 where anything was scanned, 3
    where nothing could be.

    \b
      gwfollow scan run --ifo H1 --gps 1126259462.4 --frames ./frames -c 'H1:PEM-*'
      gwfollow scan run --set H1_reduced --gps 1126259462.4
    """
    from gwfollow.commands import scan_run, scan_table

    given["gps"] = scan_run.time_of(given["gps"])
    wanted = scan_run.Wanted(**{key: given[key] for key in scan_run.WANTED})
    made = scan_run.configuration(wanted)
    folder = wanted.folder(made.ifo)
    code, result = scan_run.work(made, folder, given["workers"])
    scan_table.show(result, folder, top=given["top"], as_json=given["as_json"])
    ctx.exit(code)


@scan.command()
@click.option("--event", metavar="NAME", help="An event of the ledger; without one the request has an event of its own.")
@click.option("--gps", metavar="TIME", help="GPS s or a UTC time; else the event's.")
@click.option("--set", "channel_set", metavar="NAME|PATH", help="A channel set.")
@click.option(
    "--channel", "-c", "channels", multiple=True, metavar="NAME", help="Some channels of it; or channels without a set."
)
@click.option("--ifo", metavar="H1", help="The detector, where no channel says it.")
@click.option("--frames", metavar="WHERE", help="Without a set: a folder, datafind, datafind:HOST or gwosc.")
@click.option("--frame-type", metavar="TYPE", help="Without a set: the type of the frames, H1_R.")
@click.option("--engine", type=click.Choice(["gwfollow", "gwdetchar"]))
@click.option("--scheduler", type=click.Choice(["htcondor", "local"]), help="Where it runs; else as the site does.")
@click.option("--accounting-group", metavar="GROUP")
@click.option("--title", help="For the journal.")
@click.option("--again", is_flag=True, help="Also where it has been scanned: once more.")
def request(**given: Any) -> None:
    """Ask for a scan through the ledger: a job of the site does it, and it is tracked like every analysis.

    \b
      gwfollow scan request --event S250101a --set H1_reduced
      gwfollow scan request --gps 2025-01-01T12:00:00 --set L1_strain
    """
    from gwfollow.commands.common import deliver, who
    from gwfollow.ledger import open_ledger
    from gwfollow.life.request import scan as ask
    from gwfollow.life.site import Site
    from gwfollow.scans.asked import read
    from gwfollow.settings import Settings

    event, again = given.pop("event"), given.pop("again")
    if not (event or given["gps"]):
        raise InputError("--event, --gps", None, "one of them: what shall be scanned")
    if given["channel_set"] and ("/" in given["channel_set"] or Path(given["channel_set"]).suffix):
        # who reads it later stands elsewhere
        given["channel_set"] = str(Path(given["channel_set"]).expanduser().absolute())
    settings = Settings.read()
    site = Site(open_ledger(settings), settings, who=who())
    asked = ask(site, read(**given), event=event, again=again)
    name = f"{asked.event}/{asked.analysis}"
    if not asked.work:
        click.echo(f"{name}: in hand already, or done (--again scans once more)")
        return
    click.echo(f"{name}: asked for")
    deliver(site.ledger, settings)


__all__ = ["scan"]

"""``gwfollow set`` and ``gwfollow resurrect``"""

from __future__ import annotations

import click

from gwfollow.commands.common import analysis_name, deliver, who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.states import SATISFIES, check_status
from gwfollow.ledger.steering import PEOPLE, RESURRECT, Asked, ask
from gwfollow.ledger.store import Change
from gwfollow.settings import Settings


@click.command("set")
@click.argument("names", metavar="EVENT/ANALYSIS...", nargs=-1, required=True)
@click.argument("status")
@click.option("--why", default="", help="For the journal.")
def set_status(names: tuple[str, ...], status: str, why: str) -> None:
    """Change the STATUS of analyses, of all that are named or of none: wait, ready, restart, stop, manual, cancelled, finalised;
    finished or uploaded (one that was run by hand).
    """
    wanted = check_status(status, "STATUS", lambda text: click.echo(text, err=True))
    if wanted not in PEOPLE:
        cure = "; 'gwfollow resurrect' sends a stuck analysis on" if wanted in {"running", "processing"} else ""
        raise InputError("STATUS", status, f"one that people set: {', '.join(PEOPLE)}{cure}")
    steer(names, wanted, why)


@click.command()
@click.argument("names", metavar="EVENT/ANALYSIS...", nargs=-1, required=True)
@click.option("--why", default="", help="For the journal.")
def resurrect(names: tuple[str, ...], why: str) -> None:
    """Let stuck analyses go on where they were: a held job is released, one that ended is taken up again (beyond the pipeline's own
    limit too), post-processing runs once more.
    """
    steer(names, RESURRECT, why)


def steer(names: tuple[str, ...], verb: str, why: str) -> None:
    """Ask the same of several analyses in one transaction, say what came of it, and ask for the runs."""
    pairs = [analysis_name(name) for name in dict.fromkeys(names)]
    settings = Settings.read()
    ledger = open_ledger(settings)

    def action(change: Change) -> list[Asked]:
        rows = [change.analysis(event, analysis) for event, analysis in pairs]
        done = [ask(change, row, verb) for row in rows]
        if verb in SATISFIES:  # a result made by hand may be what analyses of other events wait for, or work on
            from gwfollow.life.refresh import refresh_after

            for row in rows:
                refresh_after(change, row)
        return done

    done = ledger.run(action, who=who(), why=why)
    for (event, analysis), asked in zip(pairs, done, strict=True):
        name = f"{event}/{analysis}"
        click.echo(f"{name}: {asked.old} -> {asked.new}" if asked.changed else f"{name} is {asked.new} already")
    if any(asked.changed for asked in done):
        deliver(ledger, settings)

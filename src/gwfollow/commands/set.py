"""``gwfollow set``"""

from __future__ import annotations

import click

from gwfollow.commands.common import analysis_name, deliver, who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.states import TRANSITIONS, check_status, check_transition
from gwfollow.ledger.store import Change
from gwfollow.settings import Settings

#: what a person may ask for, and from which statuses where that is narrower than the table of transitions;
#: the other words are for those who know: the scheduler, the results
PEOPLE: dict[str, frozenset[str]] = {
    "wait": frozenset(TRANSITIONS),
    "ready": frozenset(TRANSITIONS),
    "restart": frozenset(TRANSITIONS),
    "stop": frozenset(TRANSITIONS),
    "manual": frozenset(TRANSITIONS),
    "cancelled": frozenset(TRANSITIONS),
    "finalised": frozenset(TRANSITIONS),
    "running": frozenset({"stuck"}),  # one more resurrection
    "finished": frozenset({"manual"}),
    "uploaded": frozenset({"manual"}),
}
#: these give a run of the event something to do; a result made by hand may be what another analysis waits for
_GIVES_WORK = frozenset({"ready", "restart", "stop", "running", "finished", "uploaded"})


@click.command("set")
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.argument("status")
@click.option("--why", default="", help="For the journal.")
def set_status(name: str, status: str, why: str) -> None:
    """Change the STATUS of an analysis: wait, ready, restart, stop, manual, cancelled, finalised; running (one more try of a stuck
    one); finished or uploaded (one that was run by hand).
    """
    event, analysis = analysis_name(name)
    wanted = check_status(status, "STATUS")
    if wanted not in PEOPLE:
        raise InputError("STATUS", status, f"one that people set: {', '.join(PEOPLE)}")
    settings = Settings.read()
    ledger = open_ledger(settings)
    old = ledger.run(lambda change: _set(change, event, analysis, wanted), who=who(), why=why)
    if old == wanted:
        click.echo(f"{name} is {wanted} already")
        return
    click.echo(f"{name}: {old} -> {wanted}")
    if wanted in _GIVES_WORK:
        deliver(ledger, settings)


def _set(change: Change, event: str, analysis: str, wanted: str) -> str:
    """Returns the status before."""
    row = change.analysis(event, analysis)
    old = row.status
    if old == wanted:
        return old
    check_transition(f"{event}/{analysis}", old, wanted)
    if old not in PEOPLE[wanted]:
        raise InputError(
            f"{event}/{analysis}: status {wanted!r} is set by hand only after {', '.join(PEOPLE[wanted])}; it is {old!r}"
        )
    change.set_status(row, wanted, reason=change.why or None)
    if wanted in _GIVES_WORK:
        change.give_work(row.event)
    return old

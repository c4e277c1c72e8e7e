"""``gwfollow deliver``: send what waits for Airflow, GraceDB, the events' repositories and the disk."""

from __future__ import annotations

import sys

import click

#: exit codes: something was refused for good; something could not be sent now (sysexits' EX_TEMPFAIL)
REFUSED, LATER = 1, 75


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 86400), default=60.0, show_default=True, help="How long to go on.")
@click.option("--retry-poisoned", is_flag=True, help="Try again what was set aside after refusals.")
@click.option("--why", default="", help="Reason, for the journal (with --retry-poisoned).")
def deliver(seconds: float, retry_poisoned: bool, why: str) -> None:
    """Deliver the messages of the outbox that are due.

    Exits with 0 when nothing failed, 75 when something has to wait, 1 when something was set aside as refused.
    """
    from gwfollow.commands.common import who as user
    from gwfollow.delivery import destinations
    from gwfollow.errors import InputError
    from gwfollow.ledger import open_ledger, outbox
    from gwfollow.settings import Settings

    settings = Settings.read()
    ledger, who = open_ledger(settings), user()
    where = destinations(settings, ledger)
    if where.keys().isdisjoint({"airflow", "gracedb"}) and not outbox.pending(ledger, where) and not retry_poisoned:
        raise InputError(
            "nowhere to deliver to: neither GWFOLLOW_AIRFLOW_URL nor GWFOLLOW_GRACEDB_URL is set, and nothing waits for a repository or the disk"
        )
    if retry_poisoned:
        click.echo(f"{outbox.retry_poisoned(ledger, who=who, why=why)} put back")
    report = outbox.deliver(ledger, where, who=who, deadline=seconds)
    click.echo(str(report))
    for word, failures in (("to be tried again", report.failed), ("set aside", report.poisoned)):
        for failure in failures:
            click.echo(f"{failure.key} ({failure.destination}) {word}: {failure.reason}", err=True)
    if report.poisoned:
        sys.exit(REFUSED)
    if report.failed or report.pending:
        sys.exit(LATER)


__all__ = ["deliver"]

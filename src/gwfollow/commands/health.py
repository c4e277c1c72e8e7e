"""``gwfollow health``: for Nagios, cron and people."""

from __future__ import annotations

import sys

import click

from gwfollow.commands.common import echo_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="An object: level, checks (name, level, text, value, unit).")
@click.option("--nagios", is_flag=True, help="One line, with performance data.")
def health(as_json: bool, nagios: bool) -> None:
    """Show whether every listener lives, nothing is stuck, and Airflow and GraceDB answer.

    Exits with Nagios' codes: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    from gwfollow.alerts.health import HealthReport, check, without_ledger
    from gwfollow.errors import GWFollowError
    from gwfollow.ledger import open_ledger
    from gwfollow.settings import Settings

    settings = Settings.read()
    try:
        report: HealthReport = check(open_ledger(settings), settings, ask=True)
    except GWFollowError as error:
        report = without_ledger(error)
    if as_json:
        echo_json({"level": report.level, "checks": [vars(one) for one in report.checks]})
    elif nagios:
        click.echo(report.line())
    else:
        width = max(len(one.name) for one in report.checks)
        for one in report.checks:
            click.echo(f"{one.level:8}  {one.name:{width}}  {one.text}")
    sys.exit(report.exit_code)


__all__ = ["health"]

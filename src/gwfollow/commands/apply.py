"""``gwfollow apply``"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from gwfollow.commands.common import deliver, echo_json, who
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import Report
from gwfollow.ledger.apply import apply as apply_blueprints
from gwfollow.ledger.blueprints import Reading, read_file
from gwfollow.ledger.fields import check_name
from gwfollow.ledger.forms.names import without_spaces
from gwfollow.ledger.store import Change, Ledger
from gwfollow.settings import Settings

#: kinds whose name begins with an event (or the project)
_OF_EVENTS = frozenset({"event", "analysis", "projectanalysis"})
#: more documents or warnings than this are counted, not listed
_LISTED = 50


class _OnlyLooking(Exception):
    """Ends the transaction of --dry-run without storing anything."""

    def __init__(self, report: Report) -> None:
        self.report = report


@click.command()
@click.option(
    "-f", "--file", "source", required=True, metavar="FILE|URL", help="Blueprint (YAML), or its address; - reads standard input."
)
@click.option("-e", "--event", metavar="EVENT", help="Event of the analyses that name none.")
@click.option("-U", "--update", is_flag=True, help="Merge into what is in the ledger; else another content is refused.")
@click.option(
    "--later", is_flag=True, help="What an analysis needs may be applied after it; else a need that nothing meets is refused."
)
@click.option("--dry-run", is_flag=True, help="Check and say what would happen; store nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="An object: dry_run, documents (kind, name, verdict, keys), work, warnings."
)
def apply(source: str, event: str | None, update: bool, later: bool, dry_run: bool, as_json: bool) -> None:
    """Add events, analyses and defaults from a blueprint: all of a file, or nothing."""
    if event is not None:
        event = check_name(without_spaces(event), "-e EVENT")
    settings = Settings.read()
    reading = read_file(source, [host.strip() for host in settings.blueprint_hosts.split(",") if host.strip()])
    ledger = open_ledger(settings)
    report = _apply(ledger, reading, settings.configs_folder, dry_run, event=event, update=update, later=later)
    warnings = reading.warnings + report.warnings
    if as_json:
        documents = [asdict(entry) for entry in report.entries]
        echo_json({"dry_run": dry_run, "documents": documents, "work": report.work, "warnings": warnings})
    else:
        _warn(warnings)
        _print(report, dry_run)
    if report.work and not dry_run:
        deliver(ledger, settings)


def _apply(
    ledger: Ledger, reading: Reading, configs: Path, dry_run: bool, *, event: str | None, update: bool, later: bool
) -> Report:
    from gwfollow.life.door import Door
    from gwfollow.life.refresh import refresh_events

    def action(change: Change) -> Report:
        report = apply_blueprints(change, reading.blueprints, event=event, update=update, later=later, door=Door(configs))
        touched = {
            entry.name.partition("/")[0] for entry in report.entries if entry.verdict != "unchanged" and entry.kind in _OF_EVENTS
        }
        report.work += [name for name in refresh_events(change, touched, updated=update) if name not in report.work]
        if dry_run:
            raise _OnlyLooking(report)
        return report

    try:
        return ledger.run(action, who=who(), why="gwfollow apply")
    except _OnlyLooking as looked:
        return looked.report


def _warn(warnings: list[str]) -> None:
    """Each of them; of many those that say something else, with a count: a catalogue has the same thing a thousand times."""
    if len(warnings) <= _LISTED:
        told = dict.fromkeys(warnings, 1)
    else:
        told = {}
        first: dict[str, str] = {}
        for warning in warnings:
            one = first.setdefault(warning.partition("): ")[2] or warning, warning)
            told[one] = told.get(one, 0) + 1
    for warning, count in told.items():
        click.echo(f"warning: {warning}{f' (and {count - 1} more like it)' if count > 1 else ''}", err=True)


def _print(report: Report, dry_run: bool) -> None:
    if len(report.entries) <= _LISTED:
        for entry in report.entries:
            keys = f" ({', '.join(entry.keys)})" if entry.keys else ""
            click.echo(f"{'would be ' if dry_run else ''}{entry.verdict}: {entry.kind} {entry.name}{keys}")
        return
    for (kind, verdict), count in Counter((entry.kind, entry.verdict) for entry in report.entries).items():
        click.echo(f"{'would be ' if dry_run else ''}{verdict}: {count} of kind {kind}")

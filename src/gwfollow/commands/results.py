"""``gwfollow results``: the results store."""

from __future__ import annotations

import sys
import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwfollow.commands.common import analysis_name, echo_json, split_name, who
from gwfollow.errors import InputError, NotFound

if TYPE_CHECKING:
    from gwfollow.ledger.store import Ledger
    from gwfollow.results.keep import Row
    from gwfollow.results.store import Store
    from gwfollow.settings import Settings


@click.group()
def results() -> None:
    """Keep, list, fetch and check the results of analyses.

    Each content is kept once, under its SHA-256, in GWFOLLOW_RESULTS.  Publishing fills the store by itself.
    """


def _open() -> tuple[Settings, Ledger, Store]:
    from gwfollow.ledger import open_ledger
    from gwfollow.results.store import Store
    from gwfollow.settings import Settings

    settings = Settings.read()
    return settings, open_ledger(settings), Store(settings.results_folder)


@results.command()
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--name", "asset", default="samples", show_default=True, help="What it is: samples, psds, config, skymap, ...")
@click.option("--label", default="", help="Which of them: a detector, a run.")
@click.option("--why", default="", help="For the journal.")
def add(name: str, files: tuple[Path, ...], asset: str, label: str, why: str) -> None:
    """Store files (or folders, each as a tar) as results of an analysis that was run by hand, or beside what it published."""
    from gwfollow.ledger.fields import NAME
    from gwfollow.ledger.store import find_analysis
    from gwfollow.life.site import attempt_folder
    from gwfollow.results.keep import Offer, attempt_by_hand, keep, record

    event, analysis = analysis_name(name)
    for option, text in (("--name", asset), ("--label", label)):
        if text and (not NAME.fullmatch(text.replace(" ", "_")) or len(text) > 60):
            raise InputError(option, text, "at most 60 letters, digits, '_', '.', '-' or spaces")
    settings, ledger, store = _open()
    with ledger.read() as session:
        folder = attempt_folder(settings, find_analysis(session, event, analysis), 0)
    for file in files:
        if not file.exists():
            raise NotFound(f"{file} is not there; nothing was stored")
    kept = keep(store, [Offer(asset, label, file.absolute()) for file in files])

    def action(change: Any) -> None:
        record(change, attempt_by_hand(change, change.analysis(event, analysis), folder), kept)

    ledger.run(action, who=who(), why=why)
    for one in kept:
        fault = f" (not summarised: {one.summary['error']})" if "error" in one.summary else ""
        click.echo(f"{one.filename}: {one.size} bytes, SHA-256 {one.sha256}{fault}")


@results.command("list")
@click.argument("name", metavar="[EVENT[/ANALYSIS]]", required=False)
@click.option("--all", "every", is_flag=True, help="Earlier attempts too.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects.")
def list_(name: str | None, every: bool, as_json: bool) -> None:
    """List the files in the results store."""
    found = _rows(name, every=every)
    if as_json:
        return echo_json([_object(row) for row in found])
    if not found:
        click.echo("no results yet; publishing stores them, or 'gwfollow results add'")
    lines = [
        (f"{row.event}/{row.analysis}", str(row.attempt or "by hand"), row.result.name, row.result.label, row.result.filename,
         str(row.result.size), row.result.sha256[:12])
        for row in found
    ]  # fmt: skip
    return _table([("analysis", "attempt", "name", "label", "file", "bytes", "SHA-256"), *lines]) if lines else None


@results.command()
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.argument("wanted", metavar="[NAME]", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to copy them to.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def fetch(name: str, wanted: str | None, output: Path, force: bool) -> None:
    """Copy results out of the store, checked on the way: all of an analysis, or those called NAME (samples, or a file's name)."""
    from gwfollow.results.fetch import targets

    analysis_name(name)
    found = [row.result for row in _rows(name) if wanted in (None, row.result.name, row.result.filename)]
    if not found:
        raise NotFound(f"{name} has no results{f' called {wanted}' if wanted else ''}; 'gwfollow results list {name}' shows them")
    _, _, store = _open()
    placed = targets(found, output)
    for target in placed:
        if target.exists() and not force:
            raise InputError(str(target), "a file", "nothing there, or --force")
    for target, result in placed.items():
        store.fetch(result.sha256, target, overwrite=force)
        click.echo(str(target))


@results.command()
@click.option("--repair", is_flag=True, help="Store again what the attempts' folders still have; remove what is nobody's.")
def verify(repair: bool) -> None:
    """Read every object of the store; name what is missing, altered or nobody's.  Exit code 1 where there is any."""
    from gwfollow.results.verify import verify as check

    _, ledger, store = _open()
    begin = time.monotonic()
    shown = [begin]

    def told(objects: int, size: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - shown[0] > 0.5:
            shown[0] = time.monotonic()
            click.echo(f"\r{objects} objects, {size / 1e6:.0f} MB", err=True, nl=False)

    done = check(ledger, store, repair=repair, told=told)
    for finding in done.findings:
        owners = f" ({'; '.join(finding.owners)})" if finding.owners else ""
        click.echo(f"{finding.path}{owners}: {finding.what}{f'; {finding.repaired}' if finding.repaired else ''}")
    seconds = time.monotonic() - begin
    click.echo(
        f"{done.objects} objects with {done.size / 1e6:.1f} MB read in {seconds:.1f} s; {len(done.findings)} not as they should be"
    )
    if not done.good:
        sys.exit(1)


@results.command()
@click.argument("name", metavar="EVENT/ANALYSIS")
@click.option("--json", "as_json", is_flag=True, help="The whole summary.")
def show(name: str, as_json: bool) -> None:
    """Show medians, 90% intervals and evidence of an analysis' posterior, as they were read when it was stored."""
    analysis_name(name)
    found = [row.result for row in _rows(name) if row.result.summary]
    if not found:
        raise NotFound(f"{name} has no posterior in the results store")
    if as_json:
        return echo_json({result.filename: result.summary for result in found})
    for result in found:
        _print_summary(result.filename, result.summary)
    return None


@results.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The whole summary.")
def summarise(file: Path, as_json: bool) -> None:
    """Show medians, 90% intervals and evidence of any posterior file: bilby, PESummary, LALInference, GWTC-1, text."""
    from gwfollow.results.posterior import summarise as read

    found = read(file)
    if as_json:
        return echo_json(found)
    return _print_summary(file.name, found)


def _rows(name: str | None, *, every: bool = False) -> list[Row]:
    from gwfollow.ledger import open_ledger
    from gwfollow.ledger.store import find_analysis, find_event
    from gwfollow.results.keep import rows

    event, analysis = split_name(name) if name else (None, None)
    with open_ledger().read() as session:
        if event and analysis:
            find_analysis(session, event, analysis)
        elif event:
            find_event(session, event)
        return rows(session, event, analysis, every=every)


def _object(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "event": row.event,
        "analysis": row.analysis,
        "attempt": row.attempt or None,
        "name": result.name,
        "label": result.label,
        "filename": result.filename,
        "bytes": result.size,
        "sha256": result.sha256,
        "stored": result.stored.astimezone(UTC),
        "summarised": bool(result.summary) and "error" not in result.summary,
    }


def _print_summary(title: str, summary: dict[str, Any]) -> None:
    from gwfollow.results.words import about, ordered, rounded

    if "error" in summary:
        click.echo(f"{title}: not summarised: {summary['error']}")
        return
    for run in summary["runs"]:
        click.echo(f"{title}, {run['label']} ({about(summary, run)})")
        for key, value in run.get("evidence", {}).items():
            click.echo(f"  {key.replace('_', ' ')}: {value:.6g}")
        if run.get("prior_samples"):
            click.echo(f"  prior samples: {run['prior_samples']}")
        lines = [
            (f"  {name}", *rounded(*(v[key] for key in ("median", "low", "high")))) for name, v in ordered(run["parameters"])
        ]
        _table([("  parameter", "median", "5%", "95%"), *lines])
        for name, count in run.get("not_finite", {}).items():
            click.echo(f"  {name}: {count} samples are not finite and are left out")


def _table(lines: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

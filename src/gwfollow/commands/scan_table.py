"""A scan's result on the terminal: the ranked table, and in words what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gwfollow.scans.model import PAGE, ChannelResult, ScanResult


def show(result: ScanResult, folder: Path, *, top: int, as_json: bool) -> None:
    if as_json:
        click.echo(result.model_dump_json(indent=1))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    ranked = [one for one in result.channels if one.peak is not None][:top]
    if ranked:
        correlated = any(one.correlation is not None for one in ranked)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("Channel", no_wrap=True)
        for name in ("SNR", "Time (s)", "Frequency (Hz)", "Q", "Energy", *(("Correlation", "Delay (ms)") if correlated else ())):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for one in ranked:
            table.add_row(*_cells(one, result.gps, correlated))
        # a pipe has no width: names are not cut there
        Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)
    for line in _words(result, top):
        click.echo(line)
    click.echo(f"page: {(folder / PAGE).absolute()}")


def _cells(one: ChannelResult, gps: float, correlated: bool) -> list[str]:
    peak = one.peak
    assert peak is not None
    cells = [
        one.channel,
        f"{peak.snr:.1f}",
        f"{peak.time - gps:+.3f}",
        f"{peak.frequency:.1f}",
        f"{peak.q:.1f}",
        f"{peak.energy:.1f}",
    ]
    if correlated:
        cells += [
            "" if one.correlation is None else f"{one.correlation:.1f}",
            "" if one.delay_ms is None else f"{one.delay_ms:.0f}",
        ]
    return [*cells, "" if one.significant else "not significant"]


def _words(result: ScanResult, top: int) -> list[str]:
    scanned = [one for one in result.channels if one.state == "scanned"]
    loud = sum(one.significant for one in scanned)
    words = [
        f"{result.title}, GPS {result.gps:.3f}: {len(scanned)} of {len(result.channels)} channels scanned, {loud} significant, {result.state}"
    ]
    if result.reason:
        words.append(f"  {result.reason}")
    words += [f"  missing {one.frame_type}: {one.message or _spans(one.segments)}" for one in result.missing]
    unscanned = [one for one in result.channels if one.state != "scanned"]
    words += [f"  {one.channel}: {one.state}{f' ({one.message})' if one.message else ''}" for one in unscanned[:top]]
    if len(unscanned) > top:
        words.append(f"  and {len(unscanned) - top} more")
    return words


def _spans(segments: tuple[tuple[float, float], ...]) -> str:
    from gwfollow.data.segments import told

    return told(segments, 3)


__all__ = ["show"]

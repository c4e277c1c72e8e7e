"""``gwfollow needs``"""

from __future__ import annotations

from typing import Any

import click

from gwfollow.commands.common import echo_json, split_name
from gwfollow.ledger import open_ledger
from gwfollow.ledger.needs import Evaluation, Part, evaluate
from gwfollow.ledger.store import find_analysis, find_event


@click.command()
@click.argument("name", metavar="EVENT[/ANALYSIS]")
@click.option("--json", "as_json", is_flag=True, help="A list of objects: event, analysis, status, met, waits_for, entries.")
def needs(name: str, as_json: bool) -> None:
    """Show what an analysis waits for and works on: each entry of `needs` and `analyses`, and the reason for each analysis it means.

    EVENT alone shows all analyses of the event; `project` those that span events.
    """
    event, analysis = split_name(name)
    with open_ledger().read() as session:
        row = find_event(session, event)
        rows = [find_analysis(session, event, analysis)] if analysis is not None else list(row.analyses)
        found = evaluate(session, row, rows)
        facts = [_facts(event, one.name, one.status, found[one.name]) for one in rows]
    if as_json:
        echo_json(facts)
    elif not facts:
        click.echo(f"{event} has no analyses")
    else:
        click.echo("\n".join(line for one in facts for line in _lines(one)))


def _facts(event: str, name: str, status: str, found: Evaluation) -> dict[str, Any]:
    entries = [_entry(part, state) for part, state in found.entries()]
    return {
        "event": event,
        "analysis": name,
        "status": status,
        "met": not found.unmet,
        "waits_for": found.unmet,
        "entries": entries,
    }


def _entry(part: Part, state: str) -> dict[str, Any]:
    return {
        "list": part.role,
        "entry": str(part.entry) if part.position >= 0 else f"subject {part.event}",
        "event": part.event,
        "optional": part.entry.optional,
        "state": state,
        "candidates": [
            {
                "analysis": member.label,
                "status": member.row.status,
                "counts": member.counts,
                "done": member.done,
                "text": member.text,
            }
            for member in part.members
        ],
        "missing": "" if part.counted else part.missing,
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    head = f"{facts['event']}/{facts['analysis']} is {facts['status']}: "
    if not facts["entries"]:
        return [head + "needs nothing"]
    lines = [head + ("all needs are met" if facts["met"] else f"waits: {'; '.join(facts['waits_for'])}")]
    for entry in facts["entries"]:
        where = f" (in {entry['event']})" if entry["event"] != facts["event"] else ""
        optional = " (optional)" if entry["optional"] else ""
        lines.append(f"  {entry['state']:9} {entry['list']}: {entry['entry']}{optional}{where}")
        lines += [f"            {candidate['text']}" for candidate in entry["candidates"]]
        if entry["missing"] and not entry["candidates"]:
            lines.append(f"            {entry['missing']}")
    return lines


__all__ = ["needs"]

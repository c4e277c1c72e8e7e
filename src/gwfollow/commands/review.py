"""``gwfollow review``"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from sqlalchemy.orm import Session

from gwfollow.commands.common import analysis_name, deliver, echo_json, split_name, who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.reviews import VERBS, check_verdict, current_verdicts, reviews_of, withheld
from gwfollow.ledger.schema import Analysis, Review
from gwfollow.ledger.store import Change, find_analysis, find_event
from gwfollow.life.review import give_verdict
from gwfollow.settings import Settings


@click.command()
@click.argument("name", metavar="EVENT[/ANALYSIS]")
@click.argument("verdict", required=False)
@click.option("--message", "-m", default="", help="Why; kept with the verdict.")
@click.option("--json", "as_json", is_flag=True, help="Show as JSON.")
def review(name: str, verdict: str | None, message: str, as_json: bool) -> None:
    """Give a VERDICT on an analysis' results (approve, reject, deprecate, prefer), or show those that were given."""
    if verdict is None:
        if message:
            raise InputError("--message", message, f"a verdict that it goes with: {', '.join(VERBS)}")
        _show(name, as_json)
        return
    event, analysis = analysis_name(name)
    word = check_verdict(verdict, "VERDICT")
    settings = Settings.read()
    ledger = open_ledger(settings)

    def action(change: Change) -> bool:
        return give_verdict(change, change.analysis(event, analysis), word, message=message)

    if not ledger.run(action, who=who(), why=message):
        click.echo(f"{name} was {word} by you already")
        return
    click.echo(f"{name}: {word}")
    deliver(ledger, settings)


def _show(name: str, as_json: bool) -> None:
    event, analysis = split_name(name)
    with open_ledger().read() as session:
        rows = [find_analysis(session, event, analysis)] if analysis else find_event(session, event).analyses
        facts = list(_facts(session, rows))
    if as_json:
        echo_json(facts)
        return
    for one in facts:
        click.echo(f"{one['analysis']}: {one['verdict'] or one['waits'] or 'not reviewed'}")
        for given in one["reviews"]:
            when = f"{given['time']:%Y-%m-%d %H:%M:%S} UTC"
            old = "" if given["counts"] else " (does not count any more)"
            said = f": {given['message']}" if given["message"] else ""
            click.echo(f"  {when}  {given['verdict']} by {given['person']}{said}{old}")


def _facts(session: Session, rows: Iterable[Analysis]) -> Iterable[dict[str, Any]]:
    rows = list(rows)
    given = reviews_of(session, rows)
    counting = current_verdicts(session, rows[0].event) if rows else {}
    for row in rows:
        verdict = counting.get(row.id)
        yield {
            "analysis": f"{row.event.name}/{row.name}",
            "status": row.status,
            "attempt": row.attempt,
            "verdict": verdict.verdict if verdict else None,
            "waits": withheld(session, row) if row.review_first else None,
            "reviews": [_object(one, verdict) for one in given[row.id]],
        }


def _object(one: Review, counting: Review | None) -> dict[str, Any]:
    counts = counting is not None and one.id == counting.id
    return {"verdict": one.verdict, "person": one.person, "message": one.message, "time": one.time, "counts": counts}

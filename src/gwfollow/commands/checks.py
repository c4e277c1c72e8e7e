"""``gwfollow checks``"""

from __future__ import annotations

import click
from sqlalchemy import select

from gwfollow.commands.common import deliver, echo_json, who
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.checks import as_document
from gwfollow.ledger.schema import Check
from gwfollow.ledger.store import Change, find_event
from gwfollow.settings import Settings

#: who asks, where nobody else has asked before
PERSON = "person"


@click.command()
@click.argument("event")
@click.option("--json", "as_json", is_flag=True, help="The record as JSON (docs/dataquality.schema.json).")
@click.option("--record", "name", metavar="NAME", help="Answer the question NAME, such as 'H1 HOFT_OK' or 'scattered light'.")
@click.option("--verdict", type=click.Choice(["pass", "fail", "unknown"]), help="The answer.")
@click.option("--summary", default="", help="One sentence for people.")
@click.option("--ifo", default="", help="The detector; empty: all, or the one that NAME begins with.")
@click.option("--process", default="", help="Who asks; the policy of labels goes by it. An earlier answer's, or 'person'.")
@click.option("--link", "links", multiple=True, help="Address with more; may be given several times.")
def checks(
    event: str, as_json: bool, name: str | None, verdict: str | None, summary: str, ifo: str, process: str, links: tuple[str, ...]
) -> None:
    """Show what is known of the quality of an event's data, or answer one question about it."""
    if (name is None) != (verdict is None):
        raise InputError("--record and --verdict", name or verdict, "both or none")
    if name is None or verdict is None:
        if summary or ifo or process or links:
            raise InputError("checks", summary or ifo or process or links, "--record NAME with these")
        _show(event, as_json)
        return
    _record(event, name, verdict, summary, ifo, process, links)


def _show(event: str, as_json: bool) -> None:
    with open_ledger().read() as session:
        found = as_document(session, find_event(session, event))
    if as_json:
        echo_json(found)
        return
    click.echo(f"{event}: {found['state'] if found['checks'] else 'nothing has been checked'}")
    width = max((len(check["name"]) for check in found["checks"]), default=0)
    for check in found["checks"]:
        absent = check["ifo"] and found["interferometers"] and check["ifo"] not in found["interferometers"]
        note = " (did not take part)" if absent else ""
        click.echo(f"  {check['state']:7}  {check['name']:{width}}  {check['process_name']}{note}  {check['summary']}".rstrip())


def _record(event: str, name: str, verdict: str, summary: str, ifo: str, process: str, links: tuple[str, ...]) -> None:
    from gwfollow.life.data_quality import answer, policy
    from gwfollow.pipelines.base import CheckResult

    settings = Settings.read()
    labels = policy(settings)
    ledger = open_ledger(settings)

    def action(change: Change) -> list[str]:
        row = change.event(event)
        old = change.session.scalar(select(Check).where(Check.event_id == row.id, Check.name == name))
        first = name.split(maxsplit=1)[0] if name.strip() else ""
        detector = ifo or (old.ifo if old else first if first in (row.document.get("interferometers") or ()) else "")
        asks = process or (old.process if old else PERSON)
        return answer(change, row, CheckResult(name, asks, verdict, detector, summary, links=links), labels)  # type: ignore[arg-type]

    changed = ledger.run(action, who=who(), why=summary)
    if not changed:
        click.echo(f"{event}, {name}: that was known")
        return
    click.echo(f"{event}, {name}: {verdict}" + "".join(f", {label}" for label in changed[1:]))
    deliver(ledger, settings)

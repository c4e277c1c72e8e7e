"""A ledger with many active events, for the measurements of Airflow's face."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger

#: pipeline -> what it needs, of the same event
CHAIN = {"psd": "", "bilby": "psd", "pesummary": "bilby"}


def event_name(number: int) -> str:
    return f"S{number:06d}"


def fill(folder: Path, events: int) -> str:
    """A new SQLite ledger in `folder` with that many active events of three analyses each; its URL."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger = Ledger.open(url, create=True)
    add_events(ledger, events, status="ready")
    ledger.close()
    return url


def add_events(ledger: Ledger, events: int, *, status: str = "uploaded") -> None:
    """As many events with names of ours as are missing to that number; *uploaded* ones make no work."""
    with ledger.read() as session:
        there = session.scalar(select(func.count()).where(Event.name.like("S______"))) or 0
    if there >= events:
        return
    text = "---\n".join(document for number in range(there, events) for document in _documents(number, status))
    with ledger.change(who="bench") as change:
        apply(change, read_text(text, "bench.yaml").blueprints)


def _documents(number: int, status: str) -> list[str]:
    name = event_name(number)
    documents = [f"kind: event\nname: {name}\nevent time: {1126259462.4 + 1000 * number}\ninterferometers: [H1, L1]\n"]
    for pipeline, needed in CHAIN.items():
        document = f"kind: analysis\nevent: {name}\nname: {pipeline}\npipeline: {pipeline}\nstatus: {status}\n"
        documents.append(document + (f"needs: [{needed}]\n" if needed else ""))
    return documents

"""What nobody asked a run for: found at intervals, so that a lost request costs minutes and not the event."""

from __future__ import annotations

from collections.abc import Callable

from gwfollow.ledger.store import Change
from gwfollow.life.plan import events_with_work, has_work
from gwfollow.life.site import Site


def sweep(site: Site, has_active_run: Callable[[str], bool]) -> list[str]:
    """Ask for a run of every active event that has work and no run at it; returns the events' names.

    Parameters
    ----------
    has_active_run : whether the event's DAG has a run that is queued or running; asked first, so that the ledger is read only for
        events that nobody works on
    """
    asked = []
    for event in events_with_work(site):
        if not has_active_run(event) and has_work(site, event):
            site.ledger.run(lambda change, event=event: _ask(change, event), who=site.who, why="no run was at work on it")  # type: ignore[misc]
            asked.append(event)
    return asked


def _ask(change: Change, name: str) -> None:
    event = change.event(name)
    revision = change.give_work(event, everything=True)
    change.journal(f"run rev-{revision} asked for", event=name)

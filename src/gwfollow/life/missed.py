"""What nobody asked to be made anew: found by upkeep from the journal, so that a look costs what has changed since the last one.

    caught = catch_up(site)

How far the journal has been read stands in the row ``upkeep`` of the configurations; what is younger than `SETTLED` is read once more
the next time, since transactions do not end in the order of their entries.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.needs import affected_projects, has_needs
from gwfollow.ledger.schema import Analysis, Configuration, Event, Journal, now
from gwfollow.ledger.store import Change
from gwfollow.life.refresh import make_up, overdue
from gwfollow.life.site import Site

log = logging.getLogger(__name__)

#: name of our row
ROW, KEY = "upkeep", "journal read to"
#: s: no transaction takes longer
SETTLED = 120.0
#: entries of one look
MOST = 5000
#: events in one query
_CHUNK = 500


def catch_up(site: Site) -> list[str]:
    """Ask for fresh attempts of what has other inputs now, in active events in which something has changed; ``event/analysis`` of them."""
    with site.ledger.read() as session:
        since = _read_to(session)
        upto, names = _changed(session, since)
        late = _late(session, _lookers(session, names))

    def action(change: Change, name: str) -> list[str]:
        return make_up(change, [row for row in _lookers(change.session, [name]) if row.event.name == name])

    found = []
    for name in late:
        found += site.ledger.run(lambda change, name=name: action(change, name), who=site.who, why="its inputs are others by now")  # type: ignore[misc]
    if upto > since:
        site.ledger.run(lambda change: _remember(change, upto), who=site.who)
    return found


def _late(session: Session, rows: Collection[Analysis]) -> list[str]:
    """Names of the events that have something to make up for; one whose documents are wrong by now hides no other."""
    by_event: dict[str, list[Analysis]] = {}
    for row in rows:
        by_event.setdefault(row.event.name, []).append(row)
    found = []
    for name, some in sorted(by_event.items()):
        try:
            if overdue(session, some):
                found.append(name)
        except InputError as error:
            log.warning("%s is not looked at: %s", name, error)
    return found


def _read_to(session: Session) -> int:
    row = session.get(Configuration, ROW)
    return int(row.document.get(KEY, 0)) if row is not None else 0


def _remember(change: Change, upto: int) -> None:
    """Bookkeeping of ours, not a change of anything: no journal entry, which would be read again."""
    row = change.session.get(Configuration, ROW)
    if row is None:
        change.session.add(Configuration(name=ROW, document={KEY: upto}))
    elif row.document.get(KEY, 0) < upto:
        row.document = {KEY: upto}


def _changed(session: Session, since: int) -> tuple[int, set[str]]:
    """Up to which entry the journal has settled, and the events that the entries after `since` are about."""
    query = select(Journal.id, Journal.time, Journal.event).where(Journal.id > since).order_by(Journal.id).limit(MOST)
    settled, upto, names = now() - timedelta(seconds=SETTLED), since, set[str]()
    young = False
    for number, time, event in session.execute(query):
        young = young or time > settled
        upto = upto if young else number
        if event is not None:
            names.add(event)
    return upto, names


def _lookers(session: Session, events: Collection[str]) -> list[Analysis]:
    """Analyses that have begun and look at others, of those active events that stand, and of the project where it looks at any of them."""
    rows = {row.id: row for row in affected_projects(session, events) if row.attempt and row.event.active} if events else {}
    wanted = sorted(events)
    for start in range(0, len(wanted), _CHUNK):  # SQLite binds at most 32766 values
        query = select(Analysis).join(Event).where(Event.name.in_(wanted[start : start + _CHUNK]), Event.active)
        for row in session.scalars(query.where(Analysis.attempt > 0)):
            if has_needs(row.document) and not (row.event.alert or {}).get("retracted"):
                rows[row.id] = row
    return list(rows.values())


__all__ = ["catch_up"]

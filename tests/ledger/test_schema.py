"""The ledger's tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import select

from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Journal
from gwfollow.ledger.store import Ledger


def test_times_come_back_aware_in_utc(ledger: Ledger) -> None:
    moment = datetime(2015, 9, 14, 11, 50, 45, 391000, tzinfo=timezone(timedelta(hours=2)))
    with ledger.change(who="test") as change:
        change.session.add(Journal(time=moment, who="a", what="b"))
    with ledger.read() as session:
        found = session.scalars(select(Journal.time)).one()
    assert (found, found.tzinfo) == (moment, UTC)


def test_gps_times_keep_their_microseconds_and_files_may_be_large(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        event = Event(name="GW1", gps=1126259462.391234)
        attempt = Attempt(number=1, folder="/a", assets=[Asset(name="samples", path="/a/b", sha256="0" * 64, size=5 * 2**40)])
        event.analyses.append(Analysis(name="a", pipeline="psd", status="ready", attempts=[attempt]))
        change.session.add(event)
    with ledger.read() as session:
        assert session.scalars(select(Event.gps)).one() == 1126259462.391234
        assert session.scalars(select(Asset.size)).one() == 5 * 2**40

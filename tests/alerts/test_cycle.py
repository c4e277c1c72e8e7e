"""What follows when something has come: processed, delivered, and the beginning of a burst does not wait for its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from gwfollow import delivery
from gwfollow.alerts import cycle
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from stories import internal, minute, put, site_of, superevent


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Site:
    return site_of(Ledger.open(sqlite_url), tmp_path)


@pytest.fixture
def deliveries(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs had been asked for at each delivery."""
    asked: list[int] = []

    def deliver_now(ledger: Ledger, *arguments: object, **options: object) -> None:
        with ledger.read() as session:
            asked.append(session.scalar(select(func.count()).where(Outbox.destination == "airflow")) or 0)

    monkeypatch.setattr(delivery, "deliver_now", deliver_now)
    return asked


def burst(site: Site, count: int) -> None:
    for number in range(count):
        put(site, (internal(f"S250101{chr(97 + number)}", "new", **superevent()), minute(0)))


def test_the_first_runs_of_a_burst_are_asked_for_before_the_rest_is_processed(
    site: Site, deliveries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycle, "FIRST", 2)
    burst(site, 5)
    assert cycle.waiting(site) == 5
    done = cycle.process_and_deliver(site)
    assert deliveries == [2, 5]
    assert sorted(event.event for event in done.processed.events) == [f"S250101{letter}" for letter in "abcde"]
    assert cycle.waiting(site) == 0


def test_a_few_alerts_are_delivered_once(site: Site, deliveries: list[int]) -> None:
    burst(site, 2)
    cycle.process_and_deliver(site)
    assert deliveries == [2]


def test_without_an_alert_what_an_earlier_cycle_left_over_is_delivered(site: Site, deliveries: list[int]) -> None:
    assert cycle.process_and_deliver(site).processed.events == []
    assert deliveries == [0]


def test_without_a_gracedb_there_is_nothing_to_reconcile_with(site: Site) -> None:
    assert cycle.reconcile_if_due(site, None, now_anyway=True) is None

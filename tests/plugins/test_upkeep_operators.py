"""Upkeep: what nobody asked a run for is found, and nothing is asked for twice."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from tasks import context

from gwfollow.ledger.schema import Configuration, Journal, Outbox
from gwfollow.life import Site
from pe_operators.upkeep import ProgressOperator, SweepOperator


def asked(site: Site) -> list[str]:
    with site.ledger.read() as session:
        return [
            m.payload["run_id"]
            for m in session.scalars(select(Outbox).where(Outbox.destination == "airflow").order_by(Outbox.id))
        ]


@pytest.fixture(autouse=True)
def here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pe_operators.upkeep.open_site", lambda who, **_: site.acting(who))


def test_an_event_with_work_and_no_run_is_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.provider.site.run_is_active", lambda settings: lambda event: False)
    assert SweepOperator(task_id="sweep").execute(context()) == ["GW150914"]
    assert asked(site) == ["rev-1", "rev-2"]


def test_an_event_that_a_run_is_at_work_on_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.provider.site.run_is_active", lambda settings: lambda event: True)
    assert SweepOperator(task_id="sweep").execute(context()) == []
    assert asked(site) == ["rev-1"]


def test_without_an_airflow_in_the_settings_nothing_is_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWFOLLOW_AIRFLOW_URL", raising=False)
    assert SweepOperator(task_id="sweep").execute(context()) == []


def test_the_look_at_progress_says_what_it_saw(site: Site) -> None:
    assert ProgressOperator(task_id="progress").execute(context()) == "0 running, 0 moved on, 0 did not say"


def test_what_nobody_asked_to_be_made_anew_is_looked_for_with_and_without_an_airflow(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GWFOLLOW_AIRFLOW_URL", raising=False)
    monkeypatch.setattr("gwfollow.life.missed.SETTLED", -1.0)
    SweepOperator(task_id="sweep").execute(context())
    with site.ledger.read() as session:
        read_to = session.get_one(Configuration, "upkeep").document["journal read to"]
        assert read_to == session.scalar(select(func.max(Journal.id)))

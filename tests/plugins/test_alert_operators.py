"""Tasks for alerts: process what is there, ask GraceDB when it is time, tell how we are; and the trigger that wakes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tasks import context

pytest.importorskip("airflow.sdk")

from confluent_kafka import Producer

from gwfollow.alerts import signs
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.inbox import as_json, store
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings
from pe_operators.alerts import HealthOperator, ProcessInboxOperator, ReconcileOperator
from sensors import alert_listener
from sensors.alert_listener import AlertListenerTrigger

POLICY = "rules: [{name: all, when: {superevent: true}, do: {event: true}}]\n"


def superevent(name: str) -> dict[str, Any]:
    return {"superevent_id": name, "category": "Production", "t_0": 1e9, "labels": [], "created": "2026-11-21 11:00:00 UTC"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = Settings(home=str(tmp_path / "home"), alert_policy=str(tmp_path / "policy.yaml"))
    found = Site(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True), settings, who="test")
    monkeypatch.setattr("pe_operators.alerts.open_site", lambda who, **_: found.acting(who))
    yield found
    found.ledger.close()


def names(site: Site) -> set[str]:
    with site.ledger.read() as session:
        return {event.name for event in session.query(Event)}


def test_what_is_in_the_inbox_is_processed_and_once_more_nothing_is(here: Site) -> None:
    store(here.ledger, Folders(here.settings.data_folder), as_json(superevent("S261121a")), source="file")
    task = ProcessInboxOperator(task_id="process")
    assert "S261121a" in task.execute(context())
    assert task.execute(context()) == "nothing new"
    assert names(here) == {"S261121a"}


class FakeGraceDB:
    def __init__(self) -> None:
        self.asked = 0

    def client(self) -> FakeGraceDB:
        return self

    def superevents(self, query: str) -> Iterator[dict[str, Any]]:
        self.asked += 1
        yield superevent("S261121b")


def test_gracedb_is_asked_when_the_period_has_passed_and_not_before(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gracedb = FakeGraceDB()
    monkeypatch.setattr("gwfollow.provider.hooks.gracedb.GraceDBHook", lambda conn_id: gracedb)
    task = ReconcileOperator(task_id="reconcile")
    assert "1 superevents asked for, 1 of them new" in task.execute(context())
    assert task.execute(context()).startswith("not yet")
    assert gracedb.asked == 1
    monkeypatch.setattr("pe_operators.alerts.open_site", lambda who, **_: replace(here, settings=Settings(reconcile_seconds="0")))
    task.execute(context())
    assert gracedb.asked == 2


def test_without_a_gracedb_nothing_is_asked(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRACEDB_URL", "GRACEDB_CA"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)
    assert ReconcileOperator(task_id="reconcile").execute(context()).startswith("not yet, or no GraceDB")


def test_gauges_are_told_by_name(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, float] = {}
    monkeypatch.setattr("airflow.sdk.observability.stats.gauge", told.__setitem__)
    listens = replace(here, settings=Settings(gcn_server="kafka.gcn.nasa.gov"))
    monkeypatch.setattr("pe_operators.alerts.open_site", lambda who, **_: listens)
    signs.beat(here.ledger, "gcn", {"igwn.gwalert": signs.Sign()}, answered=None)
    assert HealthOperator(task_id="health").execute(context()).startswith("GWFOLLOW CRITICAL - listener igwn.gwalert")
    assert told["gwfollow.health"] == 2
    assert told["gwfollow.listener.gcn.age"] > 1e6


def test_the_trigger_is_stored_as_names_of_connections() -> None:
    path, arguments = AlertListenerTrigger(gcn_conn_id="mine").serialize()
    assert path == "sensors.alert_listener.AlertListenerTrigger"
    assert arguments == {
        "ledger_conn_id": "gwfollow_ledger",
        "igwn_alert_conn_id": "igwn_alert_default",
        "gcn_conn_id": "mine",
    }
    assert AlertListenerTrigger(**arguments).serialize() == (path, arguments)


@pytest.mark.slow
def test_the_trigger_begins_when_the_ledger_is_there_and_fires_when_a_message_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow would not start it again: that there is no ledger yet must not end it."""
    monkeypatch.setattr(alert_listener, "AGAIN_SECONDS", 0.2)
    for name in ("LEDGER", "GCN_SERVER", "DATA", "KAFKA_LOGIN_FILE"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))

    async def scene(kafka: LocalKafka) -> dict[str, Any]:
        async with aclosing(AlertListenerTrigger(ledger_conn_id=None).run()) as events:
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(1.0)
            assert not first.done()
            Ledger.open(f"sqlite:///{tmp_path / 'home' / 'ledger.db'}", create=True).close()
            return dict((await asyncio.wait_for(first, 60)).payload)

    with LocalKafka(tmp_path / "kafka") as kafka:
        monkeypatch.setenv("GWFOLLOW_IGWN_ALERT_SERVER", kafka.address)
        producer = Producer({"bootstrap.servers": kafka.address, "log_level": 2})
        message = {"uid": "S261121a", "alert_type": "new", "data": {}, "object": superevent("S261121a")}
        producer.produce("gracedb.superevent", json.dumps(message).encode())
        assert producer.flush(30) == 0
        assert asyncio.run(scene(kafka)) == {"stored": 1}

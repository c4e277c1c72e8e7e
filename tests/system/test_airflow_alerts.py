"""Alerts on a real Airflow: what is published on Kafka becomes a run of its event's DAG."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from sqlalchemy import select
from stage import Stage, until

from gwfollow.alerts import health, signs
from gwfollow.ledger.schema import Event, Inbox
from gwfollow.naming import event_dag_id

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]
TOPIC = "gracedb.superevent"


def publish(stage: Stage, *names: str) -> None:
    producer = Producer({"bootstrap.servers": stage.kafka.address, "log_level": 2})
    for name in names:
        about = {"superevent_id": name, "category": "Production", "t_0": 1126259462.4, "labels": [], "far": 1e-12}
        producer.produce(TOPIC, json.dumps({"uid": name, "alert_type": "new", "data": about, "object": about}).encode())
    assert producer.flush(30) == 0


def stored(stage: Stage, name: str) -> Inbox | None:
    with stage.ledger.read() as session:
        return session.scalar(select(Inbox).where(Inbox.event == name))


def followed(stage: Stage, name: str) -> bool:
    with stage.ledger.read() as session:
        return session.scalar(select(Event).where(Event.name == name)) is not None


def explain(stage: Stage) -> str:
    with stage.ledger.read() as session:
        rows = [(row.event, row.state, row.verdict) for row in session.scalars(select(Inbox))]
    listeners = [(row.topic, row.heartbeat, row.error) for row in signs.read(stage.ledger)]
    runs = [(run["dag_run_id"], run["state"]) for run in stage.api.dag_runs("alerts")]
    return f"inbox {rows}\nlisteners {listeners}\nruns {runs}"


def listener(stage: Stage) -> int:
    """The process that listens, as its life signs name it."""
    return next(row.pid for row in signs.read(stage.ledger) if row.topic == TOPIC)


def started(stage: Stage, name: str) -> bool:
    return followed(stage, name) and bool(stage.api.dag_runs(event_dag_id(name)))


def test_an_alert_becomes_a_run_of_its_events_dag(stage: Stage) -> None:
    until(lambda: bool(signs.read(stage.ledger)), 90, lambda: explain(stage))
    publish(stage, "S261121a")  # the topic is new to the listener, which finds it within seconds
    until(lambda: started(stage, "S261121a"), 90, lambda: explain(stage))
    stage.until_status("S261121a", "toy", "uploaded", seconds=120)
    row = stored(stage, "S261121a")
    assert row is not None
    assert (row.source, row.topic, row.state) == ("igwn-alert", TOPIC, "done")
    report = health.check(stage.ledger, stage.settings, ask=True)
    levels = {one.name: one.level for one in report.checks}
    assert (levels[f"listener {TOPIC}"], levels["airflow"]) == ("ok", "ok"), report.line()


def test_a_listener_that_is_killed_or_hangs_is_replaced_by_the_triggerer(stage: Stage) -> None:
    for name, fault in (("S261121b", signal.SIGKILL), ("S261121c", signal.SIGSTOP)):
        first = listener(stage)
        assert b"gwfollow.alerts.listener" in Path(f"/proc/{first}/cmdline").read_bytes()
        os.kill(first, fault)
        publish(stage, name)
        until(lambda name=name: started(stage, name), 120, lambda: explain(stage))  # type: ignore[misc]
        assert listener(stage) != first


def test_gauges_reach_statsd(stage: Stage) -> None:
    """What Airflow tells of gwfollow's health, received on a real socket."""
    found: dict[str, float] = {}

    def received() -> bool:
        stage.metrics.settimeout(1.0)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                text = stage.metrics.recv(65536).decode()
            except TimeoutError:
                return False
            for line in text.splitlines():
                name, _, value = line.partition(":")
                if name.startswith("af.gwfollow."):
                    found[name.removeprefix("af.")] = float(value.partition("|")[0])
            if wanted <= set(found):
                return True
        return False

    wanted: set[Any] = {"gwfollow.health", "gwfollow.listener.igwn-alert.age", "gwfollow.inbox.waiting", "gwfollow.outbox.age"}
    until(received, 150, lambda: f"only {found}")
    assert 0 <= found["gwfollow.listener.igwn-alert.age"] < 120

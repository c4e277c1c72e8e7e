"""Alerts on a real Airflow: what is published on Kafka becomes a run of its event's DAG."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from small_scans import record
from sqlalchemy import delete, select
from stage import Stage, until

from gwfollow.alerts import health, signs
from gwfollow.ledger.schema import Event, Inbox, Job, Outbox
from gwfollow.naming import event_dag_id
from gwfollow.results.keep import rows
from gwfollow.scans.model import RESULT, ScanResult
from gwfollow.times import utc_to_gps
from stories import internal, superevent

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]
TOPIC = "gracedb.superevent"


def send(stage: Stage, message: bytes) -> None:
    producer = Producer({"bootstrap.servers": stage.kafka.address, "log_level": 2})
    producer.produce(TOPIC, message)
    assert producer.flush(60) == 0


def publish(stage: Stage, name: str) -> None:
    """Of no group: it gets an analysis of the toy pipeline."""
    about = {"superevent_id": name, "category": "Production", "t_0": 1126259462.4, "labels": [], "far": 1e-12}
    send(stage, json.dumps({"uid": name, "alert_type": "new", "data": about, "object": about}).encode())


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


@pytest.fixture(scope="module")
def gps() -> int:
    """s: the time of the event, over for as long as its frame lasts."""
    return int(utc_to_gps(datetime.now(UTC))) - 10


@pytest.fixture(scope="module")
def binary(stage: Stage, gps: int) -> Iterator[str]:
    """A superevent whose scan, which a rule of the policy asked for, is published."""
    name, frames = "S261121a", stage.settings.home_folder / "frames"
    record(frames, "ALERTED", gps, 8)
    until(lambda: bool(signs.read(stage.ledger)), lambda: explain(stage))
    send(stage, internal(name, "new", **superevent("G1", gps)))  # the topic is new to the listener, which finds it within seconds
    until(lambda: started(stage, name), lambda: explain(stage))
    stage.until_status(name, "scan", "uploaded")
    yield name
    with stage.ledger.change(who="test", why="no GraceDB of another test shall get what this one has seen") as change:
        event = change.event(name)
        change.session.execute(delete(Outbox).where(Outbox.event_id == event.id, Outbox.destination == "gracedb"))


def told(stage: Stage, name: str) -> list[str]:
    """What GraceDB is to be told of it."""
    with stage.ledger.read() as session:
        about = select(Outbox).join(Event, Outbox.event_id == Event.id).where(Event.name == name)
        messages = session.scalars(about.where(Outbox.destination == "gracedb").order_by(Outbox.id))
        return [str(message.payload.get("comment")) for message in messages]


def test_an_alert_becomes_a_run_of_its_events_dag(stage: Stage, binary: str) -> None:
    row = stored(stage, binary)
    assert row is not None
    assert (row.source, row.topic, row.state) == ("igwn-alert", TOPIC, "done")
    report = health.check(stage.ledger, stage.settings, ask=True)
    levels = {one.name: one.level for one in report.checks}
    assert (levels[f"listener {TOPIC}"], levels["airflow"]) == ("ok", "ok"), report.line()


@dataclass(frozen=True)
class Before:
    """What there was of the first scan when another event was preferred."""

    files: dict[str, bytes]
    results: set[tuple[int, str, str]]
    told: list[str]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored_results(stage: Stage, event: str) -> set[tuple[int, str, str]]:
    """Attempt, name and SHA-256 of what the results store has."""
    with stage.ledger.read() as session:
        return {(each.attempt, each.result.name, each.result.sha256) for each in rows(session, event, every=True)}


@pytest.fixture(scope="module")
def repeated(stage: Stage, binary: str, gps: int) -> Before:
    """Another event is preferred, of another time: the scan's second attempt has begun, and goes on while other tests run."""
    stage.until_task(binary, "verdict", "success")
    before = Before(contents(stage.folder(binary, "scan", 1)), stored_results(stage, binary), told(stage, binary))
    record(stage.settings.home_folder / "frames", "ALERTED", gps - 100, 8)
    send(stage, internal(binary, "update", **superevent("G2", gps - 100)))
    until(lambda: stage.row(binary, "scan").attempt == 2, lambda: explain(stage))
    return before


def test_a_listener_that_hangs_or_is_killed_is_replaced_by_the_triggerer(stage: Stage, repeated: Before) -> None:
    for name, fault in (("S261121c", signal.SIGSTOP), ("S261121b", signal.SIGKILL)):
        first = listener(stage)
        assert b"gwfollow.alerts.listener" in Path(f"/proc/{first}/cmdline").read_bytes()
        os.kill(first, fault)
        publish(stage, name)
        until(lambda name=name: started(stage, name), lambda: explain(stage))  # type: ignore[misc]
        until(lambda first=first: listener(stage) != first, lambda: explain(stage))  # type: ignore[misc]


def test_another_preferred_event_repeats_the_scan_at_its_time_and_announces_it_again(
    stage: Stage, binary: str, gps: int, repeated: Before
) -> None:
    stage.until_status(binary, "scan", "uploaded")
    stage.until_task(binary, "verdict", "success")
    first, second = (
        ScanResult.model_validate_json((stage.folder(binary, "scan", attempt) / RESULT).read_bytes()) for attempt in (1, 2)
    )
    for result, time_of in ((first, gps), (second, gps - 100)):
        assert (result.gps, result.state, result.channels[0].significant) == (time_of, "complete", True)
        assert result.channels[0].peak is not None
        assert result.channels[0].peak.time == pytest.approx(time_of + 0.2, abs=0.1)
    with stage.ledger.read() as session:
        jobs = session.scalars(select(Job).where(Job.key.startswith(f"{binary}/scan/")).order_by(Job.id))
        assert [(job.key, job.scheduler) for job in jobs] == [(f"{binary}/scan/{number}", "htcondor") for number in (1, 2)]

    # what was found before is kept, and what comes now is said as the first was
    assert contents(stage.folder(binary, "scan", 1)) == repeated.files
    assert {attempt for attempt, _, _ in repeated.results} == {1}
    assert {attempt for attempt, _, _ in stored_results(stage, binary) - repeated.results} == {2}
    assert repeated.results < stored_results(stage, binary)
    said = told(stage, binary)
    assert said[: len(repeated.told)] == repeated.told
    for number, part in ((1, repeated.told), (2, said[len(repeated.told) :])):
        assert sum("scans begun for" in text for text in part) == 1
        assert sum(f"finished, attempt {number}" in text for text in part) == 1


def test_gauges_reach_statsd(stage: Stage) -> None:
    """What Airflow tells of gwfollow's health, received on a real socket; upkeep does so every minute, and when it is asked to."""
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
    stage.api.start_run("upkeep", "gauges")
    until(received, lambda: f"only {found}")
    assert 0 <= found["gwfollow.listener.igwn-alert.age"] < 120

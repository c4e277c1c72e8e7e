"""``gwfollow listen``: a service from Kafka to the ledger; what it missed it asks GraceDB for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from gwfollow.cli import group
from gwfollow.errors import InputError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"
POLICY = "rules: [{name: all, when: {superevent: true}, do: {event: true}}]\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    own = {"GWFOLLOW_HOME": str(tmp_path / "home"), "GWFOLLOW_ALERT_POLICY": str(tmp_path / "policy.yaml")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GWFOLLOW")}
    open_ledger(Settings.read(own), create=True).close()
    return {**kept, **own}


def names(ledger: Ledger) -> set[str]:
    with ledger.read() as session:
        return {event.name for event in session.query(Event)}


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def listen(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gwfollow.cli", "listen", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_with_nothing_to_listen_to_it_says_what_to_set(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GWFOLLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GWFOLLOW_HOME", environment["GWFOLLOW_HOME"])
    found = CliRunner().invoke(group, ["listen"])
    assert isinstance(found.exception, InputError)
    assert "GWFOLLOW_IGWN_ALERT_SERVER" in str(found.exception)


@pytest.mark.slow
def test_the_broker_dies_for_good_and_gracedb_is_asked_for_what_was_missed(environment: dict[str, str], tmp_path: Path) -> None:
    """An alert comes, the broker is killed with an alert that nobody has read, a question to GraceDB brings it."""
    with LocalKafka(tmp_path / "kafka") as kafka, LocalGraceDB(tmp_path / "gracedb") as gracedb:
        environment |= {**gracedb.env(), "GWFOLLOW_IGWN_ALERT_SERVER": kafka.address, "GWFOLLOW_RECONCILE_SECONDS": "5"}
        client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())
        ledger = open_ledger(Settings.read(environment))
        service = listen(environment)
        try:
            about = {"superevent_id": "S261121zz", "category": "Production", "t_0": 1e9, "labels": []}
            producer = Producer({"bootstrap.servers": kafka.address, "log_level": 2})
            producer.produce(
                "gracedb.superevent", json.dumps({"uid": "S261121zz", "alert_type": "new", "data": {}, "object": about}).encode()
            )
            assert producer.flush(30) == 0
            until(lambda: names(ledger) == {"S261121zz"})
            kafka.stop()
            event = client.create_event("CBC", "gstlal", EVENT_FILE, search="AllSky")
            missed = client.create_superevent(event["gpstime"], event["graceid"])["superevent_id"]
            until(lambda: names(ledger) == {"S261121zz", missed})
            service.send_signal(signal.SIGTERM)
            _, words = service.communicate(timeout=60)
        finally:
            service.kill()
    assert service.returncode == 0, words
    assert "Traceback" not in words


@pytest.mark.slow
def test_until_idle_it_takes_what_is_there_and_ends(environment: dict[str, str], tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka") as kafka:
        producer = Producer({"bootstrap.servers": kafka.address, "log_level": 2})
        for letter in "abc":
            about = {"superevent_id": f"S261121{letter}", "category": "Production", "t_0": 1e9, "labels": []}
            message = {"uid": f"S261121{letter}", "alert_type": "new", "data": {}, "object": about}
            producer.produce("gracedb.superevent", json.dumps(message).encode())
        assert producer.flush(30) == 0
        service = listen(environment | {"GWFOLLOW_IGWN_ALERT_SERVER": kafka.address}, "--until-idle", "8")
        _, words = service.communicate(timeout=90)
    assert service.returncode == 0, words
    assert names(open_ledger(Settings.read(environment))) == {"S261121a", "S261121b", "S261121c"}


@pytest.mark.slow
def test_once_asks_gracedb_and_ends(environment: dict[str, str], tmp_path: Path) -> None:
    with LocalGraceDB(tmp_path / "gracedb") as gracedb:
        client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())
        event = client.create_event("CBC", "gstlal", EVENT_FILE, search="AllSky")
        missed = client.create_superevent(event["gpstime"], event["graceid"])["superevent_id"]
        service = listen(environment | gracedb.env(), "--once")
        _, words = service.communicate(timeout=90)
    assert service.returncode == 0, words
    assert names(open_ledger(Settings.read(environment))) == {missed}

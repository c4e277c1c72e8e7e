"""The local Kafka: other processes use it as they would a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from gwfollow.errors import InputError
from gwfollow.sandbox.kafka import LocalKafka

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def publish(kafka: LocalKafka, topic: str, *messages: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka.address, "message.max.bytes": 100_000_000})
    for message in messages:
        producer.produce(topic, message)
    assert producer.flush(30) == 0


def consume(kafka: LocalKafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address,
            "group.id": topic,
            "session.timeout.ms": 4000,  # for so long the mock cluster waits for a member that has left
            "heartbeat.interval.ms": 1000,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 100_000_000,
        }
    )
    consumer.subscribe([topic])
    found: list[bytes] = []
    end = time.monotonic() + 60
    while len(found) < count and time.monotonic() < end:
        message = consumer.poll(0.5)
        if message is not None and not message.error():
            found.append(message.value())
    consumer.commit(asynchronous=False)
    consumer.close()
    return found


def test_what_is_published_is_consumed_by_another_client_and_a_commit_holds(kafka: LocalKafka) -> None:
    publish(kafka, "one", b"first", b"second")
    assert sorted(consume(kafka, "one", 2)) == [b"first", b"second"]
    publish(kafka, "one", b"third")
    assert consume(kafka, "one", 1) == [b"third"]


def test_a_message_of_more_than_a_megabyte_passes(kafka: LocalKafka) -> None:
    publish(kafka, "large", b"x" * 4_000_000)
    (message,) = consume(kafka, "large", 1)
    assert len(message) == 4_000_000


def test_started_twice_it_is_the_same_broker(kafka: LocalKafka) -> None:
    before = kafka.address
    LocalKafka(kafka.folder).start()
    assert kafka.address == before


def test_a_folder_where_none_has_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no local Kafka has run"):
        _ = LocalKafka(tmp_path).address


def test_the_command_prints_the_environment_and_ends_on_an_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gwfollow.cli", "sandbox", "kafka", "--dir", str(tmp_path / "k")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    local = LocalKafka(tmp_path / "k")
    assert f"export GWFOLLOW_IGWN_ALERT_SERVER={local.address}\n" in lines
    assert f"export GWFOLLOW_GCN_SERVER={local.address}\n" in lines
    assert process.stderr is not None
    assert "interrupt to stop it" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert not LocalKafka(tmp_path / "k")._server.alive()

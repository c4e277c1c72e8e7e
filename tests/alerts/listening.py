"""What the tests of listeners do with a real broker and a real ledger."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from sqlalchemy import func, select

from gwfollow.alerts.consume import Listener
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.listener import open_impatiently
from gwfollow.alerts.sources import Source
from gwfollow.ledger.schema import Inbox
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.kafka import LocalKafka

TOPIC = "gracedb.superevent"
#: partitions of a topic of the local Kafka
PARTITIONS = 4


def name_of(number: int) -> str:
    letters = ""
    while number >= 0:
        letters = chr(ord("a") + number % 26) + letters
        number = number // 26 - 1
    return f"S261121{letters}"


def alert(number: int = 0, kind: str = "new") -> bytes:
    """An igwn-alert about the superevent of this number."""
    name = name_of(number)
    return json.dumps(
        {"uid": name, "alert_type": kind, "data": {}, "object": {"superevent_id": name, "category": "Production"}}
    ).encode()


def publish(kafka: LocalKafka, topic: str, *messages: bytes, partition: int = -1) -> None:
    producer = Producer({"bootstrap.servers": kafka.address, "message.max.bytes": 100_000_000, "log_level": 2})
    for message in messages:
        producer.produce(topic, message, partition=partition)
    assert producer.flush(60) == 0


def source(kafka: LocalKafka, topic: str = TOPIC, *, group: str = "gwfollow", **more: Any) -> Source:
    return Source("igwn-alert", kafka.address, (topic,), group, **more)


def committed(kafka: LocalKafka, topic: str, group: str = "gwfollow") -> int:
    """How many messages of the topic this group has committed, over all partitions."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": group, "log_level": 2})
    found = consumer.committed([TopicPartition(topic, number) for number in range(PARTITIONS)], timeout=60)
    consumer.close()
    return sum(max(one.offset, 0) for one in found)


def count(ledger: Ledger, state: str | None = None) -> int:
    query = select(func.count()).select_from(Inbox)
    with ledger.read() as session:
        return session.scalar(query.where(Inbox.state == state) if state else query) or 0


def events(ledger: Ledger) -> list[str | None]:
    with ledger.read() as session:
        return list(session.scalars(select(Inbox.event).order_by(Inbox.id)))


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.05)


class Here:
    """A listener in this process, step by step."""

    def __init__(self, ledger: Ledger, data: Path, what: Source) -> None:
        self.told: list[dict[str, Any]] = []
        self.listener = Listener(
            what, open_impatiently(ledger.engine.url.render_as_string(hide_password=False)), Folders(data), self.told.append
        )

    def until(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds:.0f} s; it said {self.told[-3:]}"
            self.listener.step()

    def close(self) -> None:
        self.listener.consumer.close()
        self.listener.ledger.close()


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

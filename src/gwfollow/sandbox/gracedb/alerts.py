"""The igwn-alert messages of a change: ``{uid, alert_type, data, object}`` on Kafka, once the change is committed.

    with change(request) as tell:
        store(request).add_label(name, "DQV", person)
        tell("superevent", name, "label_added", label)

What is told is seen at that moment, inside the transaction, and goes out after it; a change that fails tells nothing.  The broker
may be away: the messages wait in librdkafka's own queue, and no request waits for them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from fastapi import Request

from gwfollow.sandbox.gracedb import shown
from gwfollow.sandbox.gracedb.web import store

log = logging.getLogger(__name__)

#: category of a superevent -> its topic
SUPEREVENT_TOPICS = {"Production": "superevent", "Test": "test_superevent", "MDC": "mdc_superevent"}
#: bytes of the largest message that is sent: GraceDB's own stay below 1 MB, a broker's default limit does not
LARGEST = 10_000_000
#: seconds for which a message waits for the broker
PATIENCE = 3600.0
#: seconds that the end of the server waits for messages that are under way
LAST_SECONDS = 2.0


class Tell(Protocol):
    def __call__(self, kind: str, name: str, alert_type: str, data: Any = None) -> None:
        """An alert about the event or superevent `name`; `data` is the part that changed, by default all of it."""


class Publisher:
    """Sends alerts to one Kafka server."""

    def __init__(self, server: str, group: str) -> None:
        """`server` is HOST:PORT, `group` begins every topic: gracedb, gracedb-playground, gracedb-test."""
        from confluent_kafka import Producer

        self.group = group
        self._producer = Producer(
            {
                "bootstrap.servers": server,
                "client.id": f"local-{group}",
                "message.max.bytes": LARGEST,
                "message.timeout.ms": int(PATIENCE * 1000),
                # one at a time: a message that is sent again does not overtake another
                "max.in.flight.requests.per.connection": 1,
                "reconnect.backoff.max.ms": 2000,
            }
        )

    def send(self, message: dict[str, Any]) -> None:
        """Put a message into the queue of each of its topics."""
        contents = json.dumps(message).encode()
        for topic in topics(message["object"]):
            try:
                self._producer.produce(f"{self.group}.{topic}", contents, key=message["uid"], on_delivery=_report)
            except Exception as error:  # a full queue, a message too large: GraceDB itself goes on
                log.error("alert %s of %s is lost: %s", message["alert_type"], message["uid"], error)
        self._producer.poll(0)

    def close(self) -> None:
        self._producer.flush(LAST_SECONDS)


def topics(document: dict[str, Any]) -> list[str]:
    """Where alerts about this event or superevent go, without the group."""
    if "superevent_id" in document:
        return [SUPEREVENT_TOPICS[document["category"]]]
    topic = f"{document['group']}_{document['pipeline']}".lower()
    return [topic, f"{topic}_{document['search'].lower()}"] if document["search"] else [topic]


@contextmanager
def change(request: Request) -> Iterator[Tell]:
    """A transaction of the store whose alerts go out when it is committed."""
    publisher: Publisher | None = request.app.state.publisher
    messages: list[dict[str, Any]] = []

    def tell(kind: str, name: str, alert_type: str, data: Any = None) -> None:
        if publisher is None:
            return
        document = shown.superevent(request, name) if kind == "superevent" else shown.event(request, name)
        whole = document if data is None else data
        messages.append({"uid": name, "alert_type": alert_type, "data": whole, "object": document})

    with store(request).transaction():
        yield tell
    for message in messages:
        assert publisher is not None
        publisher.send(message)


def _report(error: Any, message: Any) -> None:
    if error is not None:
        log.error("an alert on %s is lost: %s", message.topic(), error)

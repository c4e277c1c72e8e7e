"""Consume, store, commit: the loop of a listener.

What cannot be stored now (ledger busy, disk full) is kept and tried again; its offsets do not move, nor do those of what came after.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from gwfollow.alerts import inbox, signs
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.sources import Source
from gwfollow.errors import GWFollowError, TransientError
from gwfollow.ledger.schema import now
from gwfollow.ledger.store import Ledger

if TYPE_CHECKING:
    from confluent_kafka import Message

#: seconds between two life signs
BEAT_SECONDS = 3.0
#: seconds that a look at the broker may take
ASK_SECONDS = 3.0
#: seconds without an answer of the broker after which the process ends, so that a new one begins afresh
SILENT_SECONDS = 120.0
#: seconds to the second try to store, and between two later ones at most
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
#: messages, and bytes, that are taken from the client at once
BATCH, BATCH_BYTES = 100, inbox.LARGEST
#: messages that are stored in one transaction, before their offsets are committed
CHUNK = 50


class Listener:
    """Consumes one source.

    Parameters
    ----------
    tell : takes what the supervisor is to know: {"stored": n}, {"beat": true, "error": text or null}
    """

    def __init__(self, source: Source, ledger: Ledger, folders: Folders, tell: Callable[[dict[str, Any]], None]) -> None:
        from confluent_kafka import Consumer

        self.source, self.ledger, self.folders, self.tell = source, ledger, folders, tell
        self.started = now()
        self.signs = {topic: signs.Sign() for topic in source.topics}
        self.pending: deque[Message] = deque()
        self.trouble: str | None = None  # why nothing is stored at present
        self.server_error: str | None = None
        self._wait, self._retry_at = FIRST_WAIT, 0.0
        self._answered = self._began = time.monotonic()
        self._next_beat, self._turn = 0.0, 0
        self.consumer = Consumer({**source.config(), "error_cb": self._on_error})
        self.consumer.subscribe(list(source.topics), on_assign=self._on_assign)

    def run(self) -> None:
        """Until the broker has been silent for too long.  Raises `TransientError` then."""
        while True:
            self.step()

    def step(self) -> None:
        """One round: what has come is stored, or tried again; a life sign when it is time."""
        if not self.pending:
            self.pending.extend(self._take())
        elif time.monotonic() < self._retry_at and (more := self._ask(0.2)):
            # asking keeps us in the group; what was assigned is paused, so this brings what is assigned in this moment
            self.pending.extend(more)
            self.consumer.pause(self.consumer.assignment())
        if self.pending and time.monotonic() >= self._retry_at:
            self._store()
        if time.monotonic() >= self._next_beat:
            self._beat()

    # ---- consuming -----------------------------------------------------------------------------------------------------
    def _take(self) -> list[Message]:
        """What is there, up to a batch; waits half a second for the first."""
        found = self._ask(0.5)
        size = sum(len(message.value() or b"") for message in found)
        while found and len(found) < BATCH and size < BATCH_BYTES:
            more = self._ask(0.0)
            if not more:
                break
            found += more
            size += len(more[0].value() or b"")
        return found

    def _ask(self, seconds: float) -> list[Message]:
        message = self.consumer.poll(seconds)
        if message is None:
            return []
        if (error := message.error()) is None:
            return [message]
        self._note(message.topic(), error.str())
        return []

    def _note(self, topic: str | None, error: str) -> None:
        """A topic that is not there (yet), that we may not read; or a trouble of all of them."""
        for name in [topic] if topic in self.signs else self.signs:
            assert name is not None
            self.signs[name].error = error

    def _on_error(self, error: Any) -> None:
        self.server_error = error.str()

    def _on_assign(self, consumer: Any, partitions: Iterable[Any]) -> None:
        for topic in {partition.topic for partition in partitions}:
            self.signs[topic].error = None

    # ---- storing -------------------------------------------------------------------------------------------------------
    def _store(self) -> None:
        """The first of what is in hand; the rest in the next round, so that life signs come in between."""
        batch = list(islice(self.pending, CHUNK))
        try:
            inbox.store_all(self.ledger, self.folders, [_as_stored(message) for message in batch], source=self.source.name)
        except (TransientError, OSError) as error:
            self._delay(error)
            return
        for message in batch:
            self.pending.popleft()
            sign = self.signs[message.topic() or ""]
            sign.messages, sign.last_message, sign.error = sign.messages + 1, now(), None
        if not self.pending:
            self._recovered()
        self._commit(batch)
        self.tell({"stored": len(batch)})

    def _delay(self, error: Exception) -> None:
        if self.trouble is None:
            # no more messages than those in hand: what was assigned stays ours, its offsets where they are
            self.consumer.pause(self.consumer.assignment())
        self.trouble = f"cannot store: {error}"
        self._retry_at = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _recovered(self) -> None:
        if self.trouble is not None:
            self.consumer.resume(self.consumer.assignment())
        self.trouble, self._wait = None, FIRST_WAIT

    def _commit(self, stored: list[Message]) -> None:
        """Sent in the background; a commit that is lost brings messages again, which the inbox knows by their key."""
        from confluent_kafka import KafkaException, TopicPartition

        last: dict[tuple[str, int], int] = {}
        for message in stored:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            assert topic is not None
            assert partition is not None
            assert offset is not None
            last[topic, partition] = offset + 1
        try:
            self.consumer.commit(offsets=[TopicPartition(*where, offset) for where, offset in last.items()], asynchronous=True)
        except KafkaException as error:
            self.server_error = f"offsets not committed: {error.args[0].str()}"

    # ---- life signs ----------------------------------------------------------------------------------------------------
    def _beat(self) -> None:
        answered = self._broker_answers()
        error = self.trouble or (None if answered else self.server_error or "the broker does not answer")
        self.tell({"beat": answered, "error": error})
        new = {topic: replace(sign, error=error or sign.error) for topic, sign in self.signs.items()}
        try:
            signs.beat(self.ledger, self.source.name, new, answered=now() if answered else None, started=self.started)
        except (GWFollowError, OSError) as ledger_error:
            self.tell({"beat": answered, "error": f"the ledger takes no life sign: {ledger_error}"})
        else:
            for sign in self.signs.values():
                sign.messages = 0
        self._next_beat = time.monotonic() + BEAT_SECONDS
        if time.monotonic() - self._answered > SILENT_SECONDS:
            raise TransientError(f"{self.source.server} has not answered for {SILENT_SECONDS:.0f} s")

    def _broker_answers(self) -> bool:
        """Ask the broker about one topic, another each time."""
        from confluent_kafka import KafkaException

        topic = self.source.topics[self._turn % len(self.source.topics)]
        self._turn += 1
        try:
            found = self.consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic]
        except KafkaException as error:
            self.server_error = error.args[0].str()
            return False
        self._answered, self.server_error = time.monotonic(), None
        sign = self.signs[topic]
        if found.error is not None:
            sign.error = f"topic {topic}: {found.error.str()}"
        elif sign.error is not None and not self.consumer.assignment():
            pass  # it is there, but not ours to read
        else:
            sign.error = None
        return True


def _as_stored(message: Message) -> inbox.Message:
    kind, milliseconds = message.timestamp()
    published = datetime.fromtimestamp(milliseconds / 1000, UTC) if kind else None
    return inbox.Message(message.value() or b"", message.topic() or "", published)


__all__ = ["Listener"]

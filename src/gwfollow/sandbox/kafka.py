"""A Kafka broker for this machine: librdkafka's own mock cluster in a process of its own, for the demo and for tests.

    with LocalKafka(folder) as kafka:
        Producer({"bootstrap.servers": kafka.address})

It keeps everything in memory, about 5 MB for each of a topic's four partitions, and makes a topic when somebody writes to it.  Its
port is the kernel's choice and another one after a restart.  Anybody on this machine may use it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import TracebackType

from gwfollow.errors import InputError, RemoteSilent
from gwfollow.sandbox.processes import Service

#: seconds that a start may take on a busy machine
START_SECONDS = 60.0
#: bytes of the largest message that it takes
LARGEST = 100_000_000


class LocalKafka:
    """The broker as a process of its own."""

    def __init__(self, folder: Path) -> None:
        """`folder` keeps its log and its address."""
        self.folder = Path(folder).absolute()
        self._server = Service(self.folder, "kafka")

    @property
    def address(self) -> str:
        """``HOST:PORT`` for ``bootstrap.servers``.  Raises `InputError` where none has run in this folder."""
        try:
            return _address_file(self.folder).read_text().strip()
        except OSError:
            raise InputError(f"no local Kafka has run in {self.folder}") from None

    def env(self) -> dict[str, str]:
        """The variables by which gwfollow listens to it, for both kinds of alerts."""
        return {"GWFOLLOW_IGWN_ALERT_SERVER": self.address, "GWFOLLOW_GCN_SERVER": self.address}

    @property
    def pid(self) -> int:
        """Of the broker: tests stop it for a while (SIGSTOP, SIGCONT)."""
        return int(self._server.pid_file.read_text().split()[0])

    def start(self) -> None:
        """Returns when it answers.  Raises `RemoteSilent` where it does not; nothing happens where it runs already."""
        if self._server.alive():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _address_file(self.folder).unlink(missing_ok=True)
        self._server.start([sys.executable, "-m", "gwfollow.sandbox.kafka", str(self.folder)], env=os.environ)
        end = time.monotonic() + START_SECONDS
        while not self._listens():
            if not self._server.alive() or time.monotonic() > end:
                self.stop()
                raise RemoteSilent(f"the local Kafka did not start; see {self.folder / 'kafka.log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, also from another process than the one that started it; its messages are gone."""
        self._server.stop()

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _listens(self) -> bool:
        try:
            host, _, port = self.address.rpartition(":")
        except InputError:
            return False
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0


def _address_file(folder: Path) -> Path:
    return folder / "address"


def serve(folder: Path) -> None:
    """Be the broker, until a signal ends it."""
    from confluent_kafka import Producer

    cluster = Producer({"test.mock.num.brokers": 1, "message.max.bytes": LARGEST})
    (broker,) = cluster.list_topics(timeout=START_SECONDS).brokers.values()
    part = folder / "address.new"
    part.write_text(f"{broker.host}:{broker.port}\n")
    part.replace(_address_file(folder))
    while True:
        signal.pause()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))


__all__ = ["LocalKafka"]

"""A burst of alerts: how long until all are safe, how long until all are events, how much memory the listener takes.

1000 alerts of 3 kB (as GraceDB's own about a superevent) are published at once on a local Kafka, to a listener that waits.  Beside it in the
same run: a bare confluent-kafka consumer that reads the same messages, commits, and keeps nothing: what nobody can be faster than.
*stored*: every alert is on disk in the archive and in the ledger (SQLite), and its offset is committed.  *processed*: each has been through
the policy and has its event in the ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from gwfollow.alerts.folders import Folders
from gwfollow.alerts.process import process
from gwfollow.alerts.sources import Source
from gwfollow.alerts.supervise import Supervisor
from gwfollow.ledger.schema import Event, Inbox, Listener
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings
from measure import BenchError, expect

TOPIC = "gracedb.superevent"
POLICY = "rules: [{name: all, when: {superevent: true}, do: {event: true}}]\n"
SIZE = 3000  # bytes
PATIENCE = 300.0


@dataclass(frozen=True)
class Burst:
    """What one reader did with it."""

    seconds: float  # from the first message published to the last one read or stored
    megabytes: float  # of memory at most


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--alerts", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--bare", nargs=2, metavar=("ADDRESS", "TOPIC"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare_reader(*options.bare, options.alerts)
        return 0
    with tempfile.TemporaryDirectory(prefix="gwb-") as name, LocalKafka(Path(name) / "kafka") as kafka:
        folder = Path(name)
        try:
            bare = bare_burst(kafka, options.alerts)
            ours, made = asyncio.run(our_burst(kafka, folder, options.alerts))
        except (BenchError, TimeoutError) as error:
            print(f"bench: {error or 'not done in time'}", file=sys.stderr)
            return 1
    print(f"{options.alerts} alerts of {SIZE / 1000:g} kB in a burst     seconds   alerts/s   memory")
    for title, burst in (("read by a bare consumer", bare), ("stored by the listener", ours)):
        print(f"{title:38} {burst.seconds:8.2f} {options.alerts / burst.seconds:10.0f} {burst.megabytes:6.0f} MB")
    print(f"{'processed, with their events':38} {made:8.2f} {options.alerts / made:10.0f}")
    return 0


def messages(count: int) -> list[bytes]:
    found = []
    for number in range(count):
        name = f"S261121{letters(number)}"
        about = {"superevent_id": name, "category": "Production", "t_0": 1126259462.4 + number, "labels": [], "far": 1e-9}
        alert = {"uid": name, "alert_type": "new", "data": about, "object": about, "padding": ""}
        alert["padding"] = "x" * (SIZE - len(json.dumps(alert)))
        found.append(json.dumps(alert).encode())
    return found


def letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text


def publish(kafka: LocalKafka, topic: str, found: list[bytes]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.address, "log_level": 2})
    for message in found:
        producer.produce(topic, message)
    expect(producer.flush(60), 0, "messages that the broker did not take")


def peak_memory(pid: int | str) -> float:
    """MB that the process ever had in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise BenchError(f"process {pid} does not tell its memory")


# ---- a bare consumer -------------------------------------------------------------------------------------------------------
def bare_burst(kafka: LocalKafka, count: int) -> Burst:
    publish(kafka, "bare", [b"the first"])
    child = subprocess.Popen(
        [sys.executable, __file__, "--alerts", str(count), "--bare", kafka.address, "bare"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        raise BenchError("the bare consumer did not begin")
    begun = time.time()
    publish(kafka, "bare", messages(count))
    words = child.stdout.readline().split()
    if child.wait(60) or len(words) != 2:
        raise BenchError("the bare consumer failed")
    return Burst(float(words[0]) - begun, float(words[1]))


def bare_reader(address: str, topic: str, count: int) -> None:
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": address, "group.id": "bare", "auto.offset.reset": "earliest", "log_level": 2})
    consumer.subscribe([topic])
    read = -1  # the first says that partitions are assigned
    end = time.monotonic() + PATIENCE
    while read < count and time.monotonic() < end:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            read += 1
            if read == 0:
                print("ready", flush=True)
    consumer.commit(asynchronous=False)
    print(time.time(), peak_memory("self"), flush=True)


# ---- ours ------------------------------------------------------------------------------------------------------------------
async def our_burst(kafka: LocalKafka, folder: Path, count: int) -> tuple[Burst, float]:
    """What the listener did, and the seconds that it took to make events of all."""
    (folder / "policy.yaml").write_text(POLICY)
    settings = Settings(home=str(folder / "home"), alert_policy=str(folder / "policy.yaml"))
    ledger = Ledger.open(settings.ledger_url, create=True)
    supervisor = Supervisor([Source("igwn-alert", kafka.address, (TOPIC,), "ours")], ledger, Folders(settings.data_folder))
    first, *rest = messages(count + 1)
    async with asyncio.timeout(PATIENCE), aclosing(supervisor.run()) as wakeups:
        await asyncio.to_thread(publish, kafka, TOPIC, [first])
        await anext(wakeups)
        begun = time.time()
        await asyncio.to_thread(publish, kafka, TOPIC, rest)
        while stored(ledger) < count + 1:
            await anext(wakeups)
        memory = peak_memory(supervisor.children["igwn-alert"])
    with ledger.read() as session:
        last = session.scalar(select(func.max(Inbox.received)))
        expect(session.scalar(select(Listener.restarts)) or 0, 0, "restarts of the listener")
    assert last is not None
    before = time.monotonic()
    process(Site(ledger, settings, who="bench"))
    made = time.monotonic() - before
    with ledger.read() as session:
        expect(session.scalar(select(func.count()).select_from(Event)) or 0, count + 1, "events")
    ledger.close()
    return Burst(last.timestamp() - begun, memory), made


def stored(ledger: Ledger) -> int:
    with ledger.read() as session:
        return session.scalar(select(func.count()).select_from(Inbox)) or 0


if __name__ == "__main__":
    sys.exit(main())

"""Log entries a second into the local GraceDB: the outbox beside the bare client of ligo-gracedb, in the same run.

The outbox pays for what the bare client does not do: each message is claimed, sent and recorded in three transactions that reach the disk.
Its pace (GraceDB allows 10 annotations a second) is lifted for the comparison and kept for the last row.  After each row the bench
counts the entries: a number stands only where each message is there once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.writer import GraceDBWriter
from gwfollow.ledger.outbox import deliver
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.gracedb import LocalGraceDB
from measure import BenchError, expect

LIFTED = 1e6


@dataclass
class Bench:
    """One server, and events to write to."""

    server: LocalGraceDB
    folder: Path
    coinc: bytes

    def client(self, writes_per_second: float | None = None) -> GraceDBClient:
        return GraceDBClient(self.server.url, ca=self.server.ca, token=self.server.token(), writes_per_second=writes_per_second)

    def event(self) -> str:
        return str(self.client().create_event("CBC", "gstlal", ("coinc.xml", self.coinc))["graceid"])

    # ---- the rows: seconds of the clock and of the processor for `count` entries -----------------------------------------
    def bare(self, count: int) -> tuple[float, float]:
        """The client of ligo-gracedb as it comes."""
        from ligo.gracedb.rest import GraceDb

        graceid = self.event()
        with environment(X509_USER_PROXY=self.server.user_certificate, REQUESTS_CA_BUNDLE=self.server.ca):
            client = GraceDb(self.server.url, use_auth="x509")
            client.write_log(graceid, "warm")
            return self._timed(graceid, count, lambda: [client.write_log(graceid, f"entry {n}") for n in range(count)])

    def ours(self, count: int) -> tuple[float, float]:
        graceid, client = self.event(), self.client(LIFTED)
        client.write_log(graceid, "warm")
        return self._timed(graceid, count, lambda: [client.write_log(graceid, f"entry {n}") for n in range(count)])

    def outbox(self, count: int, events: int = 1, writes_per_second: float | None = LIFTED) -> tuple[float, float]:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", create=True)
            graceids = [self.event() for _ in range(events)]
            with ledger.change(who="bench") as change:
                for n, graceid in enumerate(graceids):
                    change.session.add(Event(name=f"GW{n}", graceid=graceid))
                change.session.flush()
                for n in range(count):
                    payload = {"graceid": graceids[n % events], "comment": f"entry {n}", "tags": []}
                    change.send("gracedb", "log", payload, key=f"{n}", event=change.event(f"GW{n % events}"))
            client = self.client(writes_per_second)
            client.whoami()
            writer = {"gracedb": GraceDBWriter(client)}
            begun = time.perf_counter(), time.process_time()
            report = deliver(ledger, writer, who="bench", deadline=3600)
            seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
            ledger.close()
        expect(report.delivered, count, "messages delivered")
        written = [entry["comment"] for graceid in graceids for entry in client.logs(graceid)[1:]]
        expect(len(written), count, "entries")
        expect(len(set(written)), count, "different entries")
        return seconds

    def _timed(self, graceid: str, count: int, work: Callable[[], object]) -> tuple[float, float]:
        begun = time.perf_counter(), time.process_time()
        work()
        seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
        expect(len(self.client().logs(graceid)), count + 2, "entries")
        return seconds


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=300, help="log entries of each row (default 300)")
    parser.add_argument("--events", type=int, default=30, help="events that they are for in the row of many (default 30)")
    parser.add_argument("--repeat", type=int, default=3, help="times, one row after the other; the median is shown (default 3)")
    options = parser.parse_args()
    count = options.messages
    with tempfile.TemporaryDirectory(prefix="gwb-", dir="/tmp") as folder, LocalGraceDB(Path(folder) / "gracedb") as server:
        bench = Bench(server, Path(folder), coinc_file())
        rows: dict[str, Callable[[], tuple[float, float]]] = {
            "ligo-gracedb, bare": lambda: bench.bare(count),
            "gwfollow's client": lambda: bench.ours(count),
            "outbox, one event": lambda: bench.outbox(count),
            f"outbox, {options.events} events": lambda: bench.outbox(count, options.events),
        }
        try:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
            for _ in range(options.repeat):
                for name, row in rows.items():
                    found[name].append(row())
            show(count, found)
            seconds, cpu = bench.outbox(min(count, 100), writes_per_second=None)
            print(f"{'outbox, its pace kept':<24}{min(count, 100) / seconds:>12.1f}{1000 * cpu / min(count, 100):>17.1f}")
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    return 0


def show(count: int, found: dict[str, list[tuple[float, float]]]) -> None:
    print(f"{count} log entries, one at a time; the median of {len(next(iter(found.values())))}")
    print(f"{'':<24}{'entries/s':>12}{'CPU ms an entry':>17}{'of bare':>9}")
    bare = statistics.median(wall for wall, _ in next(iter(found.values())))
    for name, seconds in found.items():
        wall, cpu = (statistics.median(part) for part in zip(*seconds, strict=True))
        print(f"{name:<24}{count / wall:>12.1f}{1000 * cpu / count:>17.1f}{bare / wall:>8.2f}x")


def coinc_file() -> bytes:
    """An event file that ligo-gracedb brings."""
    import ligo.gracedb.test.integration as suite

    return (Path(str(suite.__file__)).parent / "data" / "cbc-lm.xml").read_bytes()


if __name__ == "__main__":
    sys.exit(main())

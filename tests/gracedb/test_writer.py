"""From the ledger to GraceDB, over the local GraceDB and its faults: everything is there once, in its order."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gwfollow.errors import PermanentError
from gwfollow.gracedb import session
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.writer import GraceDBWriter
from gwfollow.ledger.outbox import LONGEST_WAIT, Message, deliver
from gwfollow.ledger.schema import Event, Journal, Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.gracedb import LocalGraceDB

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"


@dataclass
class World:
    """A ledger with one event, and the GraceDB that has it."""

    server: LocalGraceDB
    client: GraceDBClient
    ledger: Ledger
    graceid: str
    folder: Path

    def put(self, key: str, kind: str = "log", **payload: Any) -> None:
        payload = {"graceid": self.graceid, "comment": key, "tags": ["pe"]} | payload
        with self.ledger.change(who="test") as change:
            change.send("gracedb", kind, payload, key=key, event=change.event("GW1"))

    def put_file(self, key: str, contents: bytes = b"samples") -> Path:
        file = self.folder / f"{key}.h5"
        file.write_bytes(contents)
        self.put(key, file=str(file), sha256=hashlib.sha256(contents).hexdigest())
        return file

    def deliver(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Any:
        return deliver(self.ledger, {"gracedb": GraceDBWriter(self.client)}, who="upkeep", clock=clock)

    def deliver_all(self) -> int:
        """Time goes on until nothing is pending; the rounds that it took."""
        for n in range(40):
            report = self.deliver(later(n * LONGEST_WAIT))
            assert report.poisoned == []
            if not report.pending:
                return n + 1
        raise AssertionError(f"{report}: {report.failed}")

    def comments(self) -> list[str]:
        return [entry["comment"] for entry in self.client.logs(self.graceid)][1:]

    def states(self) -> dict[str, str]:
        with self.ledger.read() as session:
            return {row.key: row.state for row in session.scalars(select(Outbox))}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ_PAUSE", 0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), faults=True) as running:
        yield running


@pytest.fixture
def world(server: LocalGraceDB, tmp_path: Path) -> World:
    server.fail()
    client = GraceDBClient(server.url, ca=server.ca, token=server.token())
    # of the group Test it would be a T..., for which nothing is sent
    graceid = client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"]
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="test") as change:
        change.session.add(Event(name="GW1", graceid=graceid))
    return World(server, client, ledger, graceid, tmp_path)


def later(seconds: float = LONGEST_WAIT + 60) -> Callable[[], datetime]:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return lambda: moment


@pytest.mark.slow
def test_a_comment_a_file_and_a_label_arrive_with_tags(world: World) -> None:
    world.put("first")
    world.put_file("second")
    world.put("label", kind="label", label="PE_READY")

    assert world.deliver().delivered == 3

    entries = world.client.logs(world.graceid)[1:]
    assert [(entry["comment"], entry["tag_names"], entry["filename"]) for entry in entries] == [
        ("first", ["pe"], ""),
        ("second", ["pe"], "second.h5"),
    ]
    assert world.client.download(world.graceid, "second.h5") == b"samples"
    assert world.client.labels(world.graceid) == {"PE_READY"}
    with world.ledger.read() as session:
        result = session.scalar(select(Outbox.result).where(Outbox.key == "second"))
    assert result == {"N": 3, "filename": "second.h5", "file_version": 0}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "before"}, {"status": 503}, {"status": 500}, {"status": 409}])
def test_whatever_happens_to_the_reply_the_entry_is_there_once(world: World, fault: dict[str, Any]) -> None:
    world.put_file("once")
    world.server.fail({"method": "POST", "path": "log", **fault})

    assert world.deliver().delivered == 0
    assert world.server.fired() == 1
    report = world.deliver(later())

    assert (report.delivered, report.found) == (1, int(fault == {"drop": "after"}))
    assert world.comments() == ["once"]
    assert set(world.client.files(world.graceid)) >= {"once.h5", "once.h5,0"}
    assert "once.h5,1" not in world.client.files(world.graceid)


#: on any request, on those that change something, and after they have
FAULTS = {
    "500": {"status": 500, "times": 4},
    "503 and a pause": {"status": 503, "retry_after": 1, "times": 3},
    "429 and a pause": {"status": 429, "retry_after": 1, "times": 3},
    "502": {"status": 502, "times": 7},
    "401 for a moment": {"status": 401, "times": 3},
    "refused before": {"drop": "before", "times": 7},
    "replies to POST lost": {"method": "POST", "drop": "after", "times": 4},
    "replies to PUT lost": {"method": "PUT", "drop": "after", "times": 2},
    "replies to DELETE lost": {"method": "DELETE", "drop": "after"},
    "POST dripped": {"method": "POST", "drip": 0.05, "times": 2},
    "POST cut": {"method": "POST", "cut": 5, "times": 3},
    "GET cut": {"method": "GET", "cut": 5, "times": 7},
    "503 for POST": {"method": "POST", "status": 503, "times": 3},
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_every_kind_of_message_is_there_once_and_in_order_whatever_the_fault(
    world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.5)
    # a session that knows its way: the first requests are not all for the root document
    world.client.whoami()
    world.put("first")
    world.put("twin 1", comment="the same words")
    world.put("twin 2", comment="the same words")
    world.put_file("samples")
    world.put("label", kind="label", label="DQV")
    world.put("unlabel", kind="unlabel", label="DQV")
    world.put("label 2", kind="label", label="PE_READY")
    world.put("tag", kind="tag", N=1, tag="lvem")
    world.server.fail({"path": "/events/", **FAULTS[fault]})

    rounds = world.deliver_all()

    assert world.server.fired() == FAULTS[fault].get("times", 1)
    assert rounds > 1
    world.server.fail()
    assert world.comments() == ["first", "the same words", "the same words", "samples"]
    assert world.client.labels(world.graceid) == {"PE_READY"}
    assert world.client.tags(world.graceid, 1) == {"lvem"}
    assert "samples.h5,1" not in world.client.files(world.graceid)
    assert set(world.states().values()) == {"delivered"}


@pytest.mark.slow
def test_the_entry_of_a_twin_is_not_taken_for_ones_own(world: World) -> None:
    world.put("twin 1", comment="the same words")
    world.put("twin 2", comment="the same words")
    world.server.fail({"method": "POST", "path": "log"}, {"method": "POST", "path": "log", "drop": "before"})

    world.deliver_all()

    assert world.server.fired() == 2
    assert world.comments() == ["the same words", "the same words"]


@pytest.mark.slow
def test_a_large_file_is_not_held_in_memory(world: World) -> None:
    contents = os.urandom(1 << 20) * 24
    world.put_file("large", contents)
    tracemalloc.start()
    try:
        assert world.deliver().delivered == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8e6
    assert world.client.download(world.graceid, "large.h5") == contents


@pytest.mark.slow
def test_a_pause_that_gracedb_asks_for_is_kept(world: World) -> None:
    world.put("a")
    world.server.fail({"method": "POST", "path": "log", "status": 429, "retry_after": 300})

    assert "429" in world.deliver().failed[0].reason
    assert world.deliver(later(290)).delivered == 0
    assert world.deliver(later(310)).delivered == 1


@pytest.mark.slow
def test_an_hour_without_gracedb_loses_nothing_and_doubles_nothing(world: World) -> None:
    for n in range(3):
        world.put(f"message {n}")
    world.server.stop()
    try:
        failures = [failure for minute in range(60) for failure in world.deliver(later(60 * minute)).failed]
        assert len(failures) > 3
        assert all("does not answer" in failure.reason for failure in failures)
        assert set(world.states().values()) == {"pending"}
    finally:
        world.server.start()

    report = world.deliver(later(3600 + LONGEST_WAIT))

    assert (report.delivered, report.poisoned) == (3, [])
    assert world.comments() == ["message 0", "message 1", "message 2"]


@pytest.mark.slow
def test_a_file_that_changed_since_is_not_sent(world: World) -> None:
    world.put_file("changed").write_bytes(b"something else")

    failure = world.deliver().failed[0]

    assert "changed since its message was stored" in failure.reason
    assert world.comments() == []


@pytest.mark.slow
def test_the_same_words_of_an_older_message_or_of_somebody_else_are_not_taken_for_ours(world: World) -> None:
    other = GraceDBClient(world.server.url, ca=world.server.ca, token=world.server.token("somebody"))
    other.write_log(world.graceid, "same words", tags=["pe"])
    world.put("again", comment="same words")
    with world.ledger.change(who="test") as change:
        change.session.execute(update(Outbox).values(tries=1))

    report = world.deliver()

    assert (report.delivered, report.found) == (1, 0)
    assert world.comments() == ["same words", "same words"]
    now = datetime.now(UTC)
    payload = {"graceid": world.graceid, "comment": "same words", "tags": ["pe"]}
    writer = GraceDBWriter(world.client)
    for created, found in ((now, True), (now + timedelta(hours=1), False)):
        message = Message(id=1, event="GW1", destination="gracedb", kind="log", key="k", payload=payload, created=created)
        assert (writer.already(message) is not None) is found


DELIVERER = """
import sys
from gwfollow.delivery import GraceDBWriter
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.outbox import deliver
from gwfollow.ledger.store import Ledger

writer = GraceDBWriter(GraceDBClient(sys.argv[2], ca=sys.argv[3], token=sys.stdin.read()))
writer.claim_seconds = 1.0
deliver(Ledger.open(sys.argv[1]), {"gracedb": writer}, who="upkeep")
"""


@pytest.mark.slow
def test_kill_9_while_gracedb_answers_leaves_each_entry_there_once(world: World) -> None:
    for n in range(3):
        world.put(f"message {n}")

    def start() -> subprocess.Popen[bytes]:
        url = world.ledger.engine.url.render_as_string()
        command = [sys.executable, "-c", DELIVERER, url, world.server.url, world.server.ca]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(world.server.token().encode())
        process.stdin.close()
        return process

    # the answer to the second POST comes a byte at a time: the entry is written, the deliverer waits
    world.server.fail({"method": "POST", "path": "log"}, {"method": "POST", "path": "log", "drip": 5})
    victim = start()
    while len(world.comments()) < 2:
        assert victim.poll() is None
        time.sleep(0.05)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    assert world.states() == {"message 0": "delivered", "message 1": "pending", "message 2": "pending"}
    time.sleep(1.1)  # its claim runs out

    assert start().wait() == 0

    assert world.comments() == ["message 0", "message 1", "message 2"]
    assert set(world.states().values()) == {"delivered"}


@pytest.mark.slow
def test_the_token_is_nowhere_in_the_ledger(world: World, caplog: pytest.LogCaptureFixture) -> None:
    token = world.client._token
    world.put("a")
    world.server.fail({"path": "log", "status": 401}, {"path": "log", "status": 400}, {"path": "log", "drop": "before"})
    with caplog.at_level("DEBUG"):
        for n in range(5):
            world.deliver(later((n + 1) * LONGEST_WAIT))

    with world.ledger.read() as session:
        kept = [str(row.__dict__) for table in (Outbox, Journal) for row in session.scalars(select(table))]
    assert world.states() == {"a": "delivered"}
    assert token not in "".join(kept) + caplog.text
    assert token.encode() not in (world.folder / "ledger.db").read_bytes()


@pytest.mark.parametrize("graceid", ["T000123", "M000123", "MS240716p", "TS240716p"])
@pytest.mark.parametrize("kind", ["log", "file", "label", "unlabel", "tag"])
def test_nothing_is_written_about_a_test_whatever_the_ledger_says(graceid: str, kind: str) -> None:
    message = Message(id=1, event="GW1", destination="gracedb", kind=kind, key="k", payload={"graceid": graceid})
    with pytest.raises(PermanentError, match="is a test"):
        GraceDBWriter(GraceDBClient("https://localhost:9/api/", token="x")).send(message)


@pytest.mark.slow
def test_a_file_without_words_says_what_it_is(world: World) -> None:
    world.put_file("samples")
    with world.ledger.change(who="test") as change:
        row = change.session.scalars(select(Outbox)).one()
        row.kind, row.payload = "file", {key: value for key, value in row.payload.items() if key != "comment"}

    world.deliver()

    assert world.comments() == ["Upload of samples.h5"]

"""Messages leave the outbox once, in order, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.ledger.outbox import LONGEST_WAIT, REFUSALS, Message, deliver, retry_poisoned, scrub
from gwfollow.ledger.schema import Event, Journal, Outbox
from gwfollow.ledger.store import Ledger


class Remote:
    """A far side that keeps what it was sent, and fails when told to."""

    claim_seconds = 60.0

    def __init__(self) -> None:
        self.got: list[str] = []
        self.asked: list[str] = []
        self.fail: Callable[[Message], Exception | None] = lambda message: None

    def send(self, message: Message) -> dict[str, Any]:
        error = self.fail(message)
        if error is not None:
            raise error
        self.got.append(message.key)
        return {"n": len(self.got)}

    def already(self, message: Message) -> dict[str, Any] | None:
        self.asked.append(message.key)
        return {"n": 0} if message.key in self.got else None


class Clock:
    """An hour passes when the test says so."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """The ledger of tests/conftest.py, on both databases, with two events."""
    with ledger.change(who="test") as change:
        change.session.add_all([Event(name="GW1"), Event(name="GW2")])
    return ledger


@pytest.fixture
def remote() -> Remote:
    return Remote()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(ledger: Ledger, key: str, event: str = "GW1", destination: str = "gracedb", kind: str = "log") -> None:
    with ledger.change(who="test") as change:
        change.send(destination, kind, {"text": key}, key=key, event=change.event(event))


def row(ledger: Ledger, key: str) -> Outbox:
    with ledger.read() as session:
        found = session.scalars(select(Outbox).where(Outbox.key == key)).one()
        session.expunge(found)
        return found


def states(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as session:
        return {found.key: found.state for found in session.scalars(select(Outbox))}


def journal(ledger: Ledger) -> list[str]:
    with ledger.read() as session:
        return list(session.scalars(select(Journal.what).order_by(Journal.id)))


def test_a_disk_has_its_turn_when_nothing_else_is_due(ledger: Ledger, remote: Remote) -> None:
    put(ledger, "files", destination="disk", kind="clean")
    for key in ("a", "b"):
        put(ledger, key)
    put(ledger, "more files", event="GW2", destination="disk", kind="clean")
    deliver(ledger, {"gracedb": remote, "disk": remote}, who="upkeep")
    assert remote.got == ["a", "b", "files", "more files"]


def test_messages_are_delivered_in_order_with_their_answer_and_a_journal_entry(ledger: Ledger, remote: Remote) -> None:
    for key in ("a", "b", "c"):
        put(ledger, key)

    report = deliver(ledger, {"gracedb": remote}, who="upkeep")

    assert remote.got == ["a", "b", "c"]
    assert (report.delivered, report.pending) == (3, 0)
    assert row(ledger, "b").result == {"n": 2}
    assert row(ledger, "b").delivered is not None
    assert journal(ledger) == ["gracedb log delivered"] * 3
    assert deliver(ledger, {"gracedb": remote}, who="upkeep").delivered == 0


def test_messages_of_unknown_destinations_stay(ledger: Ledger, remote: Remote) -> None:
    put(ledger, "a", destination="gitlab")

    assert deliver(ledger, {"gracedb": remote}, who="upkeep").delivered == 0
    assert states(ledger) == {"a": "pending"}


def test_a_later_message_waits_for_an_earlier_one_of_its_event_but_not_of_others(ledger: Ledger, remote: Remote) -> None:
    put(ledger, "first")
    put(ledger, "second")
    put(ledger, "other", event="GW2")
    remote.fail = lambda message: RemoteSilent("busy") if message.key == "first" else None

    report = deliver(ledger, {"gracedb": remote}, who="upkeep")

    assert remote.got == ["other"]
    assert [failure.key for failure in report.failed] == ["first"]
    assert report.pending == 2


def test_an_hour_of_silence_loses_nothing_poisons_nothing_and_doubles_nothing(
    ledger: Ledger, remote: Remote, clock: Clock
) -> None:
    for key in ("a", "b"):
        put(ledger, key)
        put(ledger, f"{key}2", event="GW2")
    remote.fail = lambda message: RemoteSilent("no answer")
    attempts = 0
    for _ in range(60):
        attempts += len(deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock).failed)
        clock.forward(60)
    assert set(states(ledger).values()) == {"pending"}
    assert remote.got == []
    assert 4 < attempts < 40, "it goes on trying, ever more slowly"

    remote.fail = lambda message: None
    clock.forward(LONGEST_WAIT)
    report = deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock)

    assert report.pending == 0
    assert sorted(remote.got) == ["a", "a2", "b", "b2"]
    assert remote.got.index("a") < remote.got.index("b")


def test_retry_after_is_obeyed_by_every_message_for_that_destination(ledger: Ledger, remote: Remote, clock: Clock) -> None:
    put(ledger, "a")
    put(ledger, "b", event="GW2")
    remote.fail = lambda message: RemoteSilent("too many requests", retry_after=120)

    assert len(deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock).failed) == 1
    remote.fail = lambda message: None
    clock.forward(119)
    assert deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock).delivered == 0
    clock.forward(2)
    assert deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock).delivered == 2


def test_a_refused_message_is_set_aside_with_its_reason_and_the_next_goes_on(
    ledger: Ledger, remote: Remote, clock: Clock
) -> None:
    put(ledger, "bad")
    put(ledger, "good")
    remote.fail = lambda message: RemoteRefused("no such superevent") if message.key == "bad" else None

    reports = []
    for _ in range(REFUSALS):
        reports.append(deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock))
        clock.forward(LONGEST_WAIT)

    assert [len(report.poisoned) for report in reports] == [0, 0, 1]
    assert states(ledger) == {"bad": "poisoned", "good": "delivered"}
    assert row(ledger, "bad").error == "no such superevent"
    assert "gracedb log set aside" in journal(ledger)


def test_an_error_of_ours_counts_as_a_refusal_and_stops_nobody_else(ledger: Ledger, remote: Remote) -> None:
    put(ledger, "odd")
    put(ledger, "fine", event="GW2")
    remote.fail = lambda message: KeyError("graceid") if message.key == "odd" else None

    report = deliver(ledger, {"gracedb": remote}, who="upkeep")

    assert remote.got == ["fine"]
    assert report.failed[0].reason == "KeyError: 'graceid'"
    assert row(ledger, "odd").refusals == 1


def test_a_poisoned_message_can_be_put_back(ledger: Ledger, remote: Remote, clock: Clock) -> None:
    put(ledger, "bad")
    remote.fail = lambda message: RemoteRefused("no")
    for _ in range(REFUSALS):
        deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock)
        clock.forward(LONGEST_WAIT)

    assert retry_poisoned(ledger, who="alice", event="GW2") == 0
    assert retry_poisoned(ledger, who="alice", why="superevent made", event="GW1") == 1
    remote.fail = lambda message: None
    deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock)

    assert states(ledger) == {"bad": "delivered"}


def test_a_lost_reply_is_found_and_not_sent_again(ledger: Ledger, remote: Remote, clock: Clock) -> None:
    put(ledger, "a")

    def lose(message: Message) -> Exception:
        remote.got.append(message.key)  # it arrived
        return RemoteSilent("connection reset")

    remote.fail = lose
    deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock)
    clock.forward(LONGEST_WAIT)
    report = deliver(ledger, {"gracedb": remote}, who="upkeep", clock=clock)

    assert (report.delivered, report.found) == (1, 1)
    assert remote.got == ["a"]
    assert remote.asked == ["a"]
    assert "gracedb log had arrived before" in journal(ledger)


def test_an_older_run_is_superseded_by_a_newer_one_of_its_event(ledger: Ledger, remote: Remote) -> None:
    for revision in (1, 2, 3):
        put(ledger, f"run:GW1:rev-{revision}", destination="airflow", kind="run")
    put(ledger, "run:GW2:rev-1", event="GW2", destination="airflow", kind="run")

    report = deliver(ledger, {"airflow": remote}, who="upkeep")

    assert report.superseded == 2
    assert sorted(remote.got) == ["run:GW1:rev-3", "run:GW2:rev-1"]
    assert states(ledger)["run:GW1:rev-1"] == "superseded"


def test_nothing_is_begun_after_the_deadline_or_past_the_limit(ledger: Ledger, remote: Remote) -> None:
    for key in ("a", "b", "c"):
        put(ledger, key)

    assert deliver(ledger, {"gracedb": remote}, who="upkeep", deadline=0).delivered == 0
    report = deliver(ledger, {"gracedb": remote}, who="upkeep", limit=2)

    assert (report.delivered, report.pending) == (2, 1)


def test_two_deliverers_at_once_send_each_message_once(ledger: Ledger, remote: Remote) -> None:
    for n in range(20):
        put(ledger, f"a{n}")
        put(ledger, f"b{n}", event="GW2")
    started = threading.Barrier(4)

    def work() -> None:
        started.wait()
        while deliver(ledger, {"gracedb": remote}, who="upkeep").pending:
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(remote.got) == 40
    assert [key for key in remote.got if key.startswith("a")] == [f"a{n}" for n in range(20)]


def test_secrets_reach_neither_the_ledger_nor_the_log(ledger: Ledger, remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    canary = "canary-0815"
    put(ledger, "a")
    remote.fail = lambda message: RemoteRefused(
        f"https://user:{canary}@example.org: Authorization: Bearer {canary}, password={canary}, {{'token': '{canary}'}}"
    )

    with caplog.at_level("DEBUG"):
        report = deliver(ledger, {"gracedb": remote}, who="upkeep")

    assert canary not in str(row(ledger, "a").error) + str(report.failed) + caplog.text
    assert scrub("known only to us: s3cret", ["s3cret"]) == "known only to us: ***"


DELIVERER = """
import os, sys, time
from gwfollow.ledger.outbox import deliver
from gwfollow.ledger.store import Ledger

class Slow:
    claim_seconds = 2.0
    def send(self, message):
        with open(sys.argv[2], "a") as far_side:
            far_side.write(message.key + "\\n")
            far_side.flush()
            os.fsync(far_side.fileno())
        time.sleep(float(sys.argv[3]))
        return {}
    def already(self, message):
        with open(sys.argv[2]) as far_side:
            return {} if message.key in far_side.read().split() else None

deliver(Ledger.open(sys.argv[1]), {"gracedb": Slow()}, who="upkeep")
"""


@pytest.mark.slow
def test_kill_9_between_the_yes_and_the_record_doubles_nothing(ledger: Ledger, tmp_path: Path) -> None:
    far_side = tmp_path / "far-side"
    far_side.touch()
    for n in range(3):
        put(ledger, f"a{n}")

    def start(seconds: float) -> subprocess.Popen[bytes]:
        url = ledger.engine.url.render_as_string(hide_password=False)
        return subprocess.Popen([sys.executable, "-c", DELIVERER, url, str(far_side), str(seconds)])

    for n in range(3):
        victim = start(60)
        while len(far_side.read_text().split()) <= n:
            assert victim.poll() is None
            time.sleep(0.02)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        time.sleep(2.1)  # its claim runs out

    assert start(0).wait() == 0
    assert far_side.read_text().split() == ["a0", "a1", "a2"]
    assert set(states(ledger).values()) == {"delivered"}

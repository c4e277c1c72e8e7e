"""Listeners that are killed, hang or lose their broker are replaced, and every alert is in the inbox once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from listening import alert, committed, count, events, gone, name_of, publish, source, stop, until

from gwfollow.alerts import signs
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.sources import Login, Source
from gwfollow.alerts.supervise import Limits, Supervisor
from gwfollow.errors import InputError
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.kafka import LocalKafka

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    yield found
    found.close()


def supervisor(ledger: Ledger, tmp_path: Path, *sources: Source, limits: Limits | None = None) -> Supervisor:
    return Supervisor(sources, ledger, Folders(tmp_path / "data"), limits=limits)


async def stored(one: Supervisor, ledger: Ledger, number: int) -> None:
    """Until so many messages are in the inbox."""
    async with aclosing(one.run()) as wakeups:
        async for _ in wakeups:
            if count(ledger) >= number:
                return


def test_killed_at_message_300_of_1000_each_is_stored_once(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    publish(kafka, "killed", *(alert(number) for number in range(1000)))
    one = supervisor(ledger, tmp_path, source(kafka, "killed", group="killed"))
    killed_at, total = 0, 1000

    async def scene() -> None:
        nonlocal killed_at, total
        async with aclosing(one.run()) as wakeups:
            async for _ in wakeups:
                there = count(ledger)
                if not killed_at and 300 <= there < total:
                    os.kill(one.children["igwn-alert"], signal.SIGKILL)
                    killed_at = there
                elif there >= total and killed_at:
                    break
                elif there >= total:  # it was done before we came to look: once more
                    await asyncio.to_thread(publish, kafka, "killed", *(alert(total + number) for number in range(1000)))
                    total += 1000
            await asyncio.to_thread(until, lambda: committed(kafka, "killed", "killed") == total)

    asyncio.run(asyncio.wait_for(scene(), 90))
    assert 300 <= killed_at < total
    assert one.restarts == 1
    assert sorted(str(event) for event in events(ledger)) == sorted(name_of(number) for number in range(total))
    assert signs.read(ledger)[0].restarts == 1


def test_several_listeners_at_once_and_the_same_alert_a_hundred_times(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    """Two of one group share the messages, one of another group gets all of them: each is stored once."""
    publish(kafka, "shared", *(alert(number) for number in range(200)), *[alert(7)] * 100)
    both = [supervisor(ledger, tmp_path, source(kafka, "shared", group="shared")) for _ in range(2)]
    other = supervisor(ledger, tmp_path, source(kafka, "shared", group="other"))

    async def scene() -> None:
        running = [asyncio.create_task(stored(one, ledger, 10_000)) for one in (*both, other)]
        for group in ("shared", "other"):
            await asyncio.to_thread(until, lambda group=group: committed(kafka, "shared", group) == 300)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scene(), 90))
    assert sorted(str(event) for event in events(ledger)) == sorted(name_of(number) for number in range(200))
    assert {one.restarts for one in (*both, other)} == {0}


def test_a_hung_listener_is_killed_and_replaced(
    kafka: LocalKafka, ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = supervisor(ledger, tmp_path, source(kafka, "hung", group="hung"), limits=Limits(hung=6.0))
    publish(kafka, "hung", alert(0))

    async def scene() -> int:
        first = 0
        async with aclosing(one.run()) as wakeups:
            async for _ in wakeups:
                if not first:
                    first = one.children["igwn-alert"]
                    stop(first)
                    one.limits = Limits()  # for the next one, which speaks every three seconds where the machine lets it
                    publish(kafka, "hung", alert(1))
                if count(ledger) == 2:
                    break
        return first

    with caplog.at_level(logging.ERROR):
        first = asyncio.run(asyncio.wait_for(scene(), 60))
    assert gone(first)
    assert one.restarts == 1
    assert "hung (not a word for 6 s) and was killed" in caplog.text
    assert signs.read(ledger)[0].restarts == 1


def test_a_broker_that_is_away_for_a_while_loses_nothing(tmp_path: Path, ledger: Ledger) -> None:
    """The listener says that it has no answer, and goes on by itself when the broker is back."""
    with LocalKafka(tmp_path / "kafka") as own:
        publish(own, "away", alert(0))
        one = supervisor(ledger, tmp_path, source(own, "away"))

        async def scene() -> None:
            task = asyncio.create_task(stored(one, ledger, 2))
            await asyncio.to_thread(until, lambda: count(ledger) == 1)
            os.kill(own.pid, signal.SIGSTOP)
            try:
                await asyncio.to_thread(until, lambda: bool(signs.read(ledger)[0].error))
                before = signs.read(ledger)[0].heartbeat
            finally:
                os.kill(own.pid, signal.SIGCONT)
            await asyncio.to_thread(publish, own, "away", alert(1))
            await task
            await asyncio.to_thread(until, lambda: count(ledger) == 2)
            assert signs.read(ledger)[0].heartbeat >= before

        asyncio.run(asyncio.wait_for(scene(), 90))
    assert one.restarts == 0


def test_a_listener_that_cannot_begin_is_tried_again_with_its_reason_told(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(first_pause=0.2, longest_pause=0.4)
    one = supervisor(ledger, tmp_path, Source("igwn-alert", "localhost:9", ("t",), "g"), limits=limits)
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere.db")

    async def scene() -> None:
        task = asyncio.create_task(stored(one, ledger, 1))
        while one.restarts < 3:
            await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with caplog.at_level(logging.ERROR):
        asyncio.run(asyncio.wait_for(scene(), 60))
    assert caplog.text.count("ended with 1 (no ledger at") == 3


def test_neither_arguments_nor_environment_of_a_listener_show_its_login(
    kafka: LocalKafka, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOMETHING", "canary-0815")
    one = supervisor(ledger, tmp_path, source(kafka, "login").with_login(Login("alice", "canary-0815")))

    async def scene() -> str:
        task = asyncio.create_task(stored(one, ledger, 1))
        await asyncio.to_thread(until, lambda: bool(signs.read(ledger)))
        process = Path(f"/proc/{one.children['igwn-alert']}")
        shown = (process / "cmdline").read_text() + (process / "environ").read_text()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return shown

    shown = asyncio.run(asyncio.wait_for(scene(), 60))
    assert "gwfollow.alerts.listener" in shown
    assert "canary-0815" not in shown
    (row,) = signs.read(ledger)
    assert row.error  # the local broker speaks no TLS
    assert "canary-0815" not in row.error


def test_a_server_that_asks_for_a_login_is_not_listened_to_without_one(ledger: Ledger, tmp_path: Path) -> None:
    one = supervisor(ledger, tmp_path, Source("igwn-alert", "kafka.scimma.org:9092", ("t",), "g"))
    with pytest.raises(InputError, match=r"igwn-alert: login for kafka\.scimma\.org:9092"):
        asyncio.run(asyncio.wait_for(stored(one, ledger, 1), 10))


SUPERVISE = """
import asyncio, sys
from pathlib import Path
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.sources import Source
from gwfollow.alerts.supervise import Supervisor
from gwfollow.ledger.store import Ledger
async def main():
    one = Supervisor([Source("igwn-alert", sys.argv[1], ("orphans",), "orphans")], Ledger.open(sys.argv[2]), Folders(Path(sys.argv[3])))
    async for stored in one.run():
        print(one.children["igwn-alert"], flush=True)
asyncio.run(main())
"""


def test_listeners_end_with_a_supervisor_that_is_killed(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    publish(kafka, "orphans", alert(0))
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, kafka.address, str(ledger.engine.url), str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert not gone(child)
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: gone(child))

"""A listener commits what is in the inbox, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from listening import Here, alert, committed, count, events, name_of, publish, source, until
from sqlalchemy import make_url, select, update

from gwfollow.alerts import consume, signs
from gwfollow.alerts import listener as listener_module
from gwfollow.alerts.inbox import LARGEST
from gwfollow.alerts.listener import Order, open_impatiently
from gwfollow.alerts.sources import Login, Source
from gwfollow.errors import LedgerBusy, TransientError
from gwfollow.ledger.schema import Inbox, Listener
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.kafka import LocalKafka

HERE = Path(__file__).parent


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    yield found
    found.close()


def test_an_order_keeps_its_login_through_the_pipe() -> None:
    order = Order(Source("gcn", "kafka.gcn.nasa.gov", ("a", "b"), "us", Login("id", "secret")), "sqlite:////x", "/data")
    assert Order.load(order.dump()) == order
    assert "secret" not in repr(order)


@pytest.mark.slow
def test_every_message_is_stored_then_committed(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    """Also one that is no alert, one of more than a megabyte and one larger than any alert: they do not come again."""
    huge = b'{"huge": "' + b"x" * 50_000_000 + b'"}'
    assert len(huge) > LARGEST
    here = Here(ledger, tmp_path / "data", source(kafka, "many", group="many"))
    try:
        # in a partition that has nothing else: the local broker keeps 5 MB, or one message
        publish(kafka, "many", huge, partition=0)
        publish(kafka, "many", alert(), b"{not json", b"", alert(1) + b" " * 1_500_000, alert(2), partition=1)
        here.until(lambda: committed(kafka, "many", "many") == 6)
        assert sorted(event for event in events(ledger) if event) == [name_of(0), name_of(1), name_of(2)]
        with ledger.read() as session:
            refused = {row.size: row.verdict for row in session.scalars(select(Inbox).where(Inbox.state == "refused"))}
        assert set(refused) == {len(b"{not json"), 0, len(huge)}
        assert "larger" in (refused[len(huge)] or "")
        assert sum(news.get("stored", 0) for news in here.told) == 6
        here.until(lambda: signs.read(ledger)[0].messages == 6)
        (row,) = signs.read(ledger)
        assert (row.source, row.topic, row.error) == ("igwn-alert", "many", None)
        assert row.last_message is not None
        assert row.heartbeat > signs.NEVER
    finally:
        here.close()


@pytest.mark.slow
def test_kafkas_own_time_is_when_a_message_was_issued_that_does_not_say(
    kafka: LocalKafka, ledger: Ledger, tmp_path: Path
) -> None:
    publish(kafka, "timed", alert())
    here = Here(ledger, tmp_path / "data", source(kafka, "timed", group="timed"))
    here.until(lambda: count(ledger) == 1)
    here.close()
    with ledger.read() as session:
        row = session.scalars(select(Inbox)).one()
    assert row.issued is not None
    assert abs((row.received - row.issued).total_seconds()) < 60


@pytest.mark.slow
def test_a_topic_that_comes_later_is_found(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    here = Here(ledger, tmp_path / "data", source(kafka, "later", group="later"))
    try:
        here.until(lambda: bool(signs.read(ledger)) and "later" in (signs.read(ledger)[0].error or ""))
        publish(kafka, "later", alert())
        here.until(lambda: count(ledger) == 1)
        here.until(lambda: signs.read(ledger)[0].error is None)
    finally:
        here.close()


@pytest.mark.slow
def test_while_the_ledger_is_locked_no_offset_moves(
    kafka: LocalKafka, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "LEDGER_SECONDS", 0.2)
    here = Here(ledger, tmp_path / "data", source(kafka, "locked", group="locked"))
    try:
        publish(kafka, "locked", alert(0))
        here.until(lambda: committed(kafka, "locked", "locked") == 1)
        with ledger.change(who="test") as change:
            change.journal("holds the lock for as long as this block lasts")
            change.session.flush()
            publish(kafka, "locked", *(alert(number) for number in range(1, 6)))
            here.until(lambda: any("cannot store" in str(news.get("error")) for news in here.told))
            assert committed(kafka, "locked", "locked") == 1
        here.until(lambda: count(ledger) == 6)
        here.until(lambda: committed(kafka, "locked", "locked") == 6)
        here.until(lambda: signs.read(ledger)[0].error is None)
    finally:
        here.close()


def test_a_listener_waits_for_the_ledger_for_a_short_while_only(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both databases: a row that another transaction holds is not waited for as long as other programs would."""
    monkeypatch.setattr(listener_module, "LEDGER_SECONDS", 0.3)
    other = Ledger.open(ledger_url)
    impatient = open_impatiently(make_url(ledger_url).render_as_string(hide_password=False))
    signs.beat(other, "gcn", {"t": signs.Sign()}, answered=None)
    with other.change(who="test") as change:
        change.session.execute(update(Listener).values(messages=7))
        with pytest.raises(LedgerBusy):
            signs.beat(impatient, "gcn", {"t": signs.Sign(messages=1)}, answered=None)
    signs.beat(impatient, "gcn", {"t": signs.Sign(messages=1)}, answered=None)
    assert signs.read(other)[0].messages == 8
    impatient.close()
    other.close()


@pytest.mark.slow
def test_on_a_full_disk_no_offset_moves_and_nothing_is_lost(kafka: LocalKafka, tmp_path: Path) -> None:
    probe = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("no mount namespaces here")
    (tmp_path / "disk").mkdir()
    publish(kafka, "full", *(alert(number) for number in range(20)))
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, str(HERE / "on_full_disk.py")]
    done = subprocess.run(
        [*command, str(tmp_path / "disk"), str(kafka.folder), "full"], capture_output=True, text=True, timeout=100, cwd=HERE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert "No space left" in said["error"]
    assert (said["stored while full"], said["committed while full"]) == (0, 0)
    assert (said["stored"], said["committed"]) == (20, 20)


@pytest.mark.slow
def test_a_listener_whose_broker_is_silent_for_long_ends(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(consume, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(consume, "BEAT_SECONDS", 0.5)
    here = Here(ledger, tmp_path / "data", Source("igwn-alert", "localhost:9", ("t",), "g"))
    with pytest.raises(TransientError, match="localhost:9 has not answered"):
        here.until(lambda: False)
    here.close()
    (row,) = signs.read(ledger)
    assert row.error
    assert row.heartbeat == signs.NEVER


def test_a_listener_without_an_order_or_a_supervisor_ends() -> None:
    command = [sys.executable, "-m", "gwfollow.alerts.listener"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no order" in done.stderr


@pytest.mark.slow
def test_a_listener_ends_when_its_stdin_closes(kafka: LocalKafka, ledger: Ledger, tmp_path: Path) -> None:
    order = Order(source(kafka, "orphan", group="orphan"), str(ledger.engine.url), str(tmp_path / "data"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gwfollow.alerts.listener"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order.dump())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["beat"] in (True, False)
    process.stdin.close()
    until(lambda: process.poll() is not None)
    process.stdout.close()

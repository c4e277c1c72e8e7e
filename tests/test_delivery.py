"""Where the outbox goes: which destinations there are, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.airflow_api import AirflowAPI
from gwfollow.delivery import AirflowRuns, GraceDBWriter, deliver_now, destinations
from gwfollow.errors import PermanentError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.outbox import Message
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings


def test_a_kind_that_nobody_knows_is_refused() -> None:
    message = Message(id=1, event="GW1", destination="gracedb", kind="voevent", key="k", payload={"graceid": "G1"})
    with pytest.raises(PermanentError, match="log, file, label, unlabel, tag"):
        GraceDBWriter(GraceDBClient("https://localhost/api/")).send(message)
    with pytest.raises(PermanentError, match="kind run"):
        AirflowRuns(AirflowAPI("http://localhost", "admin", "secret")).send(message)


def test_the_settings_say_where_to_deliver(sqlite_url: str, tmp_path: Path) -> None:
    ledger = Ledger.open(sqlite_url)
    assert set(destinations(Settings(), ledger)) == {"repository", "disk"}, "an event may name a repository of its own"
    login = tmp_path / "login.json"
    login.write_text('{"username": "admin", "password": "secret"}')
    settings = Settings(gracedb_url="https://localhost/api/", airflow_url="http://localhost:8080", airflow_login_file=str(login))
    assert set(destinations(settings, ledger)) == {"airflow", "gracedb", "repository", "disk"}


def test_deliver_now_never_raises_and_leaves_the_rest_for_upkeep(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:
        event = Event(name="GW1")
        change.session.add(event)
        change.session.flush()
        change.give_work(event)
    login = tmp_path / "login.json"
    login.write_text('{"username": "admin", "password": "secret"}')

    assert deliver_now(ledger, Settings()) is None
    assert deliver_now(ledger, Settings(airflow_url="http://127.0.0.1:9", airflow_login_file="/nowhere")) is None
    report = deliver_now(ledger, Settings(airflow_url="http://127.0.0.1:9", airflow_login_file=str(login)), seconds=1)

    assert report is not None
    assert report.pending == 1
    assert "does not answer" in report.failed[0].reason
    assert "left for upkeep" in caplog.text

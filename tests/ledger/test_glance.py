"""The status of every analysis, without SQLAlchemy."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gwfollow.errors import InputError, LedgerBusy, NotFound
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.glance import status_rows
from gwfollow.ledger.schema import ProgressMark
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings
from postgres_server import PostgresServer

TEXT = "kind: event\nname: GW1\n---\n{kind: analysis, name: psd, pipeline: psd}\n---\n{kind: event, name: GW2}\n---\n{kind: event, name: GW3}"


@pytest.fixture
def filled(ledger: Ledger, ledger_url: str) -> Settings:
    with ledger.change(who="test") as change:
        apply(change, read_text(TEXT, "f").blueprints)
        change.event("GW3").active = False
        change.set_status(change.analysis("GW1", "psd"), "stuck", reason="held: no such executable")
    return Settings(ledger=ledger_url)


def test_every_analysis_of_active_events_is_told(filled: Settings) -> None:
    rows = status_rows(filled)
    assert [(row.event, row.analysis, row.pipeline, row.status, row.attempt, row.reason) for row in rows] == [
        ("GW1", "psd", "psd", "stuck", 0, "held: no such executable"),
        ("GW2", None, None, None, 0, None),
    ]
    assert rows[0].since is not None
    assert abs(datetime.now(UTC) - rows[0].since) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("status", "attempt", "shown"),
    [("running", 1, "25%, 3 of 4 chains"), ("stuck", 1, "25%, 3 of 4 chains"), ("running", 2, ""), ("uploaded", 1, "")],
)
def test_progress_is_told_of_what_runs_and_of_its_present_attempt(
    filled: Settings, ledger: Ledger, status: str, attempt: int, shown: str
) -> None:
    with ledger.change(who="test") as change:
        row = change.analysis("GW1", "psd")
        row.status, row.attempt = status, attempt
        change.session.add(ProgressMark(analysis_id=row.id, attempt=1, fraction=0.25, line="3 of 4 chains"))
    found = status_rows(filled)[0]
    assert found.progress == shown
    assert (found.progress_since is not None) == bool(shown)


def test_an_archived_event_is_told_when_asked_by_name(filled: Settings) -> None:
    assert [row.event for row in status_rows(filled, "GW3")] == ["GW3"]


def test_an_unknown_event_gets_a_suggestion(filled: Settings) -> None:
    with pytest.raises(NotFound, match="no event 'GW4' in the ledger"):
        status_rows(filled, "GW4")
    with pytest.raises(NotFound, match='OR 1=1 --" in the ledger'):
        status_rows(filled, "' OR 1=1 --")


def test_a_ledger_of_another_revision_is_refused(filled: Settings, ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'none'"))
    with pytest.raises(InputError, match="found 'revision none'"):
        status_rows(filled)


def test_where_there_is_no_ledger_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'gwfollow init' makes one"):
        status_rows(Settings(home=str(tmp_path)))
    (tmp_path / "ledger.db").touch()
    with pytest.raises(NotFound, match="'gwfollow init' makes one"):
        status_rows(Settings(home=str(tmp_path)))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("x" * 5000)
    with pytest.raises(InputError, match="is not a database"):
        status_rows(Settings(home=str(tmp_path)))


def test_a_server_that_does_not_answer_is_busy_and_the_password_is_not_told(postgres: PostgresServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong-" + postgres.password)
    with pytest.raises(LedgerBusy) as error:
        status_rows(Settings(ledger=postgres.url("ledger", password=False), ledger_password_file=str(secret)))
    assert postgres.password not in str(error.value)


def test_the_password_comes_from_its_file(postgres: PostgresServer, postgres_url: str) -> None:
    secret = postgres.folder / "password"
    assert status_rows(Settings(ledger=postgres.url("ledger", password=False), ledger_password_file=str(secret))) == []


def test_another_kind_of_url_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError) as error:
        status_rows(Settings(ledger="mysql://root:hunter2@host/db"))
    assert "hunter2" not in str(error.value)


def test_sqlalchemy_is_not_imported(filled: Settings) -> None:
    code = (
        "import sys; from gwfollow.settings import Settings; from gwfollow.ledger.glance import status_rows;"
        f"assert len(status_rows(Settings(ledger={filled.ledger!r}))) == 2; sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The hooks read a connection, or fall back to the settings; a password stays in the connection."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from gwfollow.errors import InputError, LedgerBusy
from gwfollow.ledger.store import Ledger
from gwfollow.provider.hooks.gracedb import GraceDBHook
from gwfollow.provider.hooks.htcondor import HTCondorHook
from gwfollow.provider.hooks.ledger import LedgerHook
from gwfollow.provider.site import open_ledger
from gwfollow.sandbox.gracedb import LocalGraceDB

CANARY = "canary-0815"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LEDGER", "LEDGER_PASSWORD_FILE", "SCHEDD", "COLLECTOR", "POLL_SECONDS", "GRACEDB_URL", "GRACEDB_CA"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path))


def define(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: Any) -> None:
    """A connection as Airflow's environment variables give it."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


# ---- HTCondor ----------------------------------------------------------------------------------------------------------
def test_a_schedd_comes_from_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_POLL_SECONDS", "42")
    define(monkeypatch, "here", conn_type="htcondor", host="schedd@ldas", extra={"collector": "cm.ldas:9618"})

    settings = HTCondorHook("here").settings()

    assert (settings.schedd, settings.collector, settings.poll_period) == ("schedd@ldas", "cm.ldas:9618", 42.0)


def test_a_poll_period_comes_from_the_connection_and_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "here", conn_type="htcondor", extra={"poll_seconds": 1})
    assert HTCondorHook("here").settings().poll_period == 1.0
    define(monkeypatch, "here", conn_type="htcondor", extra={"poll_seconds": "often"})
    with pytest.raises(InputError, match="often"):
        HTCondorHook("here").settings()


def test_without_a_connection_the_settings_name_the_schedd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_SCHEDD", "mine")

    assert HTCondorHook().settings().schedd == "mine"


# ---- GraceDB -----------------------------------------------------------------------------------------------------------
def test_the_service_and_the_token_come_from_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "g", conn_type="gracedb", host="https://g.org/api/", password=CANARY, extra={"ca": "/ca.pem"})

    client = GraceDBHook("g").client()

    assert client is not None
    assert (client.url, client.auth, client.ca) == ("https://g.org/api/", "auto", "/ca.pem")
    assert CANARY not in repr(client)


def test_a_connection_in_the_form_of_a_uri_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_G", f"gracedb://:{CANARY}@localhost:8443/api")

    client = GraceDBHook("g").client()

    assert client is not None
    assert client.url == "https://localhost:8443/api/"


def test_without_a_connection_the_settings_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GraceDBHook().client() is None
    monkeypatch.setenv("GWFOLLOW_GRACEDB_URL", "https://settings.org/api/")
    client = GraceDBHook().client()
    assert client is not None
    assert client.url == "https://settings.org/api/"


@pytest.mark.slow
def test_the_button_test_says_who_we_are_and_why_not_without_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalGraceDB(tmp_path / "gracedb") as server, caplog.at_level(logging.DEBUG):
        extra = {"ca": server.ca}
        define(monkeypatch, "g", conn_type="gracedb", host=server.url, password=server.token("alice"), extra=extra)
        assert GraceDBHook("g").test_connection() == (True, f"{server.url} answers; it knows us as alice")

        define(monkeypatch, "g", conn_type="gracedb", host=server.url, password=CANARY, extra=extra)
        good, text = GraceDBHook("g").test_connection()
    assert not good
    assert "401" in text
    assert CANARY not in text + caplog.text


# ---- the ledger --------------------------------------------------------------------------------------------------------
def test_a_sqlite_ledger_comes_from_the_connection(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    define(monkeypatch, "l", conn_type="gwfollow_ledger", extra={"path": sqlite_url.removeprefix("sqlite:///")})

    assert LedgerHook("l").ledger().engine.url.get_backend_name() == "sqlite"
    assert LedgerHook("l").test_connection() == (True, "the ledger answers; it has 0 events")


@pytest.mark.slow
def test_a_ledger_on_a_server_comes_from_the_connection(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    from sqlalchemy import make_url

    url = make_url(postgres_url)
    fields = {"host": url.host or url.query.get("host"), "port": url.port, "login": url.username, "schema": url.database}
    define(monkeypatch, "l", conn_type="gwfollow_ledger", password=url.password, **fields)

    assert LedgerHook("l").test_connection() == (True, "the ledger answers; it has 0 events")


def test_the_password_of_a_ledger_that_does_not_answer_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("psycopg")
    define(monkeypatch, "l", conn_type="gwfollow_ledger", host="127.0.0.1", port=9, login="gw", password=CANARY, schema="x")

    with caplog.at_level(logging.DEBUG), pytest.raises(LedgerBusy) as caught:
        LedgerHook("l").ledger()
    good, text = LedgerHook("l").test_connection()

    assert not good
    assert CANARY not in text + str(caught.value) + repr(caught.value.__cause__) + caplog.text


def test_a_connection_must_name_one_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "l", conn_type="gwfollow_ledger")
    with pytest.raises(InputError, match="PostgreSQL server or a SQLite file"):
        LedgerHook("l").ledger()
    define(monkeypatch, "l", conn_type="gwfollow_ledger", host="server", extra={"path": "/x.db"})
    with pytest.raises(InputError, match="one of them"):
        LedgerHook("l").ledger()


def test_without_a_connection_the_settings_name_the_ledger(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("GWFOLLOW_LEDGER", sqlite_url)

    assert str(LedgerHook().ledger().engine.url) == sqlite_url


def test_a_ledger_that_the_settings_name_outranks_the_connection(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path
) -> None:
    define(monkeypatch, "l", conn_type="gwfollow_ledger", extra={"path": sqlite_url.removeprefix("sqlite:///")})
    assert str(open_ledger("l").engine.url) == sqlite_url

    other = f"sqlite:///{tmp_path / 'other.db'}"
    Ledger.open(other, create=True).close()
    monkeypatch.setenv("GWFOLLOW_LEDGER", other)
    assert str(open_ledger("l").engine.url) == other

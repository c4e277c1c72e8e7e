"""``gwfollow deliver`` says what it did, and its exit code says whether that was all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from gwfollow.commands.deliver import deliver
from gwfollow.errors import InputError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.schema import Event, Outbox, now
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.gracedb import LocalGraceDB

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), faults=True) as running:
        yield running


@pytest.fixture
def run(server: LocalGraceDB, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    server.fail()
    for name in ("GWFOLLOW_AIRFLOW_URL", "GWFOLLOW_LEDGER_PASSWORD_FILE", "X509_USER_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GWFOLLOW_LEDGER", sqlite_url)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(deliver, arguments)


@pytest.fixture
def ledger(server: LocalGraceDB, sqlite_url: str) -> Ledger:
    graceid = GraceDBClient(server.url, ca=server.ca, token=server.token()).create_event("CBC", "gstlal", EVENT_FILE)["graceid"]
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:
        change.session.add(Event(name="GW1", graceid=graceid))
        change.session.flush()
        change.send("gracedb", "log", {"graceid": graceid, "comment": "hello"}, key="hello", event=change.event("GW1"))
    return ledger


@pytest.mark.slow
def test_it_delivers_and_exits_with_0(run: Callable[..., Result], ledger: Ledger) -> None:
    done = run()

    assert (done.exit_code, done.stdout.split()[:2]) == (0, ["1", "delivered"]), done.output


@pytest.mark.slow
def test_what_has_to_wait_is_75_and_what_is_refused_is_1_until_it_is_put_back(
    run: Callable[..., Result], ledger: Ledger, server: LocalGraceDB
) -> None:
    server.fail({"method": "POST", "status": 502})
    done = run()
    assert done.exit_code == 75
    assert "hello (gracedb) to be tried again: GraceDB at localhost answered 502" in done.stderr

    for expected in (75, 75, 1):
        server.fail({"method": "POST", "status": 400})
        with ledger.change(who="test") as change:
            change.session.execute(update(Outbox).values(next_try=now()))
        done = run()
        assert done.exit_code == expected
    assert "hello (gracedb) set aside" in done.stderr

    assert run().exit_code == 0, "nothing is pending"
    done = run("--retry-poisoned", "--why", "the superevent is there now")
    assert done.exit_code == 0
    assert "1 put back" in done.stdout
    assert "1 delivered" in done.stdout


def test_nowhere_to_deliver_to_is_an_error_that_names_the_settings(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_LEDGER", sqlite_url)
    for name in ("GWFOLLOW_AIRFLOW_URL", "GWFOLLOW_GRACEDB_URL"):
        monkeypatch.delenv(name, raising=False)

    done = CliRunner().invoke(deliver)

    assert isinstance(done.exception, InputError)
    assert "GWFOLLOW_GRACEDB_URL" in str(done.exception)

"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import datafind_server
from gwfollow.ledger.schema import Base
from gwfollow.ledger.store import HEAD, Ledger
from gwfollow.sandbox.htcondor import PersonalPool
from postgres_server import HINT, PostgresServer, binaries

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real inputs that is not part of the repository; tests that need it skip without it."""
    folder = Path(os.environ.get("GWFOLLOW_SHARED", CHECKOUT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real inputs at {folder} (set GWFOLLOW_SHARED)")
    return folder


@pytest.fixture(scope="session")
def pool() -> Iterator[PersonalPool]:
    """A running personal HTCondor for the whole session; CONDOR_CONFIG and PATH point to it."""
    folder = Path(tempfile.mkdtemp(prefix="gwp-", dir="/tmp"))  # short: see PersonalPool
    with pytest.MonkeyPatch.context() as patch, PersonalPool(folder / "pool") as running:
        for name, value in running.env().items():
            patch.setenv(name, value)
        yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def datafind() -> Iterator[datafind_server.DatafindServer]:
    """A running gwdatafind-server that knows no frames until a test publishes some."""
    if not datafind_server.installed():
        pytest.skip(datafind_server.HINT)
    server = datafind_server.DatafindServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL with a ledger in the database ``ledger``."""
    found = binaries()
    if found is None:
        pytest.skip(HINT)
    server = PostgresServer(found)
    try:
        server.psql("CREATE DATABASE ledger")
        Ledger.open(server.url("ledger"), create=True).close()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """URL of a PostgreSQL ledger without events (the same database for every test, emptied: making one takes longer)."""
    tables = ", ".join(Base.metadata.tables)
    postgres.psql(f"TRUNCATE {tables} RESTART IDENTITY; UPDATE alembic_version SET version_num = '{HEAD}'", "ledger")
    return postgres.url("ledger")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a new SQLite ledger without events."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    Ledger.open(url, create=True).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """URL of a new ledger: the test runs on both databases."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A new ledger without events: the test runs on both databases."""
    found = Ledger.open(ledger_url)
    yield found
    found.close()

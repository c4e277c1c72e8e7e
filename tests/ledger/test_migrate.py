"""Making and migrating the ledger's tables."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, create_engine, inspect, text

from gwfollow.errors import GWFollowError, InputError
from gwfollow.ledger import migrate
from gwfollow.ledger.schema import Base
from gwfollow.ledger.store import HEAD, Ledger
from postgres_server import PostgresServer

MAKE = "import sys; from gwfollow.ledger.store import Ledger; Ledger.open(sys.argv[1], create=True)"


def test_the_migrations_make_exactly_the_tables_of_the_schema(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        # PostgreSQL cannot compare two values of the type json
        defaults = lambda *columns: False if isinstance(columns[2].type, JSON) else None  # noqa: E731
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": defaults})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revision_that_the_code_asks_for_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_heads() == [HEAD]


def test_a_second_init_changes_nothing(ledger: Ledger, ledger_url: str) -> None:
    with ledger.change(who="test") as change:
        change.journal("kept")
    Ledger.open(ledger_url, create=True).close()
    with ledger.read() as session:
        assert session.execute(text("SELECT what FROM journal")).scalars().all() == ["kept"]


def test_a_ledger_of_another_revision_is_refused_with_the_cure(ledger: Ledger, ledger_url: str) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'none'"))
    with pytest.raises(InputError, match="'gwfollow init' migrates"):
        Ledger.open(ledger_url)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_six_processes_may_make_the_same_ledger_at_once(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    if database == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.psql("CREATE DATABASE made_at_once")
        url = postgres.url("made_at_once")
    makers = [subprocess.Popen([sys.executable, "-c", MAKE, url], stderr=subprocess.PIPE) for _ in range(6)]
    failures = [error for maker in makers if (error := maker.communicate()[1])]
    assert failures == []
    ledger = Ledger.open(url)
    with ledger.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    ledger.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/half.db"
    if database == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.psql("CREATE DATABASE half")
        url = postgres.url("half")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE needs (stranger INTEGER)"))  # one of the last tables that the migration makes
    with pytest.raises(GWFollowError, match="needs"):
        Ledger.open(url, create=True)
    assert inspect(engine).get_table_names() == ["needs"]
    engine.dispose()


@pytest.mark.slow
def test_the_wheel_holds_the_migrations(checkout: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "checkout-index", "-a", f"--prefix={source}/"], cwd=checkout, check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(checkout / "src").as_posix() for path in (checkout / "src/gwfollow/ledger/migrations").rglob("*.py")
    }
    assert wanted
    assert wanted | {"gwfollow/ledger/migrations/script.py.mako"} <= names

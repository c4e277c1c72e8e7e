"""The ledger's databases: how SQLite and PostgreSQL are opened, and how their transactions begin."""

from __future__ import annotations

from copy import copy
from typing import Any

from sqlalchemy import URL, Engine, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from gwfollow.errors import InputError

#: seconds that a writer waits for others before it gives up
BUSY_SECONDS = 60.0


def parsed_url(url: str, password: str | None) -> URL:
    """Raises `InputError`, which does not show it: there may be a password in it."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("ledger URL", "(not shown)", "sqlite:////path or postgresql+psycopg://user@host/database") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed if password is None else parsed.set(password=password)


def make_engine(url: URL, shown: str) -> Engine:
    """Raises `InputError` where there is no driver for such a database; `shown` is the URL without its password."""
    sqlite = url.get_backend_name() == "sqlite"
    try:
        engine = create_engine(url, **_options(sqlite))
    except (ArgumentError, ImportError) as error:  # a password for a SQLite file, a database that no driver is installed for
        raise InputError(
            f"ledger {shown}", type(error).__name__, "a SQLite file, or a PostgreSQL server with its driver"
        ) from None
    if sqlite:
        _tune_sqlite(engine)
    return engine


def _options(sqlite: bool) -> dict[str, Any]:
    if sqlite:
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        # autocommit at the driver: this module says BEGIN itself
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a power cut loses no committed change
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    _begin_with(engine, "BEGIN")


def _begin_with(engine: Engine, statement: str) -> None:
    """By the dialect: a listener to the engine's event `begin` makes SQLAlchemy look for listeners four times in every statement."""

    def do_begin(connection: PoolProxiedConnection) -> None:
        connection.cursor().execute(statement)

    engine.dialect.do_begin = do_begin  # type: ignore[assignment, method-assign]


def writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take SQLite's lock at once: a reader that turns writer cannot wait for it, it fails."""
    writer = engine.execution_options()
    if writer.dialect.name == "sqlite":
        engine.connect().close()  # a dialect knows what it talks to after its first connection
        writer.dialect = copy(writer.dialect)
        _begin_with(writer, "BEGIN IMMEDIATE")
    return writer


__all__ = ["BUSY_SECONDS", "make_engine", "parsed_url", "writing"]

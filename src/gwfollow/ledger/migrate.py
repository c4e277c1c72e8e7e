"""Making and migrating the ledger's tables with Alembic.  Imported by ``gwfollow init`` alone: opening a ledger does not need Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from gwfollow.ledger.engine import writing

#: number of the advisory lock that lets one process at a time migrate a PostgreSQL ledger ("gwfollow" in ASCII)
_LOCK = 0x6777666F6C6C6F77


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations that came with this package."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine) -> None:
    """Bring the tables to the newest revision, in one transaction.

    Several processes may do so at once: the first does the work while the others wait for the lock, and then find nothing to do.
    """
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")

"""The ledger as a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import URL, func, select

from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.provider.hooks.base import Hook
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection


class LedgerHook(Hook):
    """The ledger, on a PostgreSQL server or in a SQLite file.

    :param ledger_conn_id: connection of the type ``gwfollow_ledger``; where it is not defined the settings name the ledger
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "gwfollow_ledger"
    conn_type = "gwfollow_ledger"
    hook_name = "gwfollow ledger"

    def __init__(self, ledger_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = self.ledger_conn_id = ledger_conn_id

    def ledger(self) -> Ledger:
        """Raises `InputError` where there is no ledger and `LedgerBusy` where its server does not answer."""
        connection = self.connection()
        if connection is None:
            return open_ledger(Settings.read())
        return Ledger.open(self._url(connection), password=connection.password or None)

    def _url(self, connection: Connection) -> str:
        """The ledger's URL; the password stays outside."""
        path = self.extra(connection, "path")
        if path and connection.host:
            raise InputError(f"connection {self.conn_id}", "a server and a SQLite file", "one of them")
        if path:
            return f"sqlite:///{path}"
        if not connection.host:
            raise InputError(f"connection {self.conn_id}", "neither", "a PostgreSQL server or a SQLite file")
        # a socket's folder is a host to PostgreSQL, but not to a URL
        socket = connection.host.startswith("/")
        url = URL.create(
            "postgresql+psycopg",
            username=connection.login or None,
            host=None if socket else connection.host,
            port=connection.port or None,
            database=connection.schema or "gwfollow",
            query={"host": connection.host} if socket else {},
        )
        return url.render_as_string(hide_password=False)

    def test_connection(self) -> tuple[bool, str]:
        def ask() -> str:
            with self.ledger().read() as session:
                count = session.scalar(select(func.count()).select_from(Event))
            return f"the ledger answers; it has {count} events"

        connection = self.connection()
        return self._try(ask, connection.password if connection else None)

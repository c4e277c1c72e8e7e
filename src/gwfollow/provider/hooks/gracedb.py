"""GraceDB as a connection."""

from __future__ import annotations

from gwfollow.errors import InputError
from gwfollow.gracedb.client import GraceDBClient, pace_folder
from gwfollow.provider.hooks.base import Hook
from gwfollow.settings import Settings


class GraceDBHook(Hook):
    """A GraceDB and our login there.

    :param gracedb_conn_id: connection of the type ``gracedb``; where it is not defined the settings name the service
    """

    conn_name_attr = "gracedb_conn_id"
    default_conn_name = "gracedb_default"
    conn_type = "gracedb"
    hook_name = "GraceDB"

    def __init__(self, gracedb_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = self.gracedb_conn_id = gracedb_conn_id

    def client(self) -> GraceDBClient | None:
        """None where neither a connection nor the settings name a GraceDB."""
        connection = self.connection()
        if connection is None:
            return GraceDBClient.from_settings(Settings.read())
        if not connection.host:
            raise InputError(f"connection {self.conn_id}, API", "", "GraceDB's address, https://.../api/")
        return GraceDBClient(
            _address(connection.host, connection.port, connection.schema),
            auth=self.extra(connection, "auth") or "auto",
            ca=self.extra(connection, "ca"),
            token=(connection.password or "").strip(),
            pace=pace_folder(Settings.read()),
        )

    def test_connection(self) -> tuple[bool, str]:
        def ask() -> str:
            client = self.client()
            if client is None:
                raise InputError(f"connection {self.conn_id} is not defined")
            client.ping()
            return f"{client.url} answers; it knows us as {client.whoami() or 'nobody (anonymous)'}"

        connection = self.connection()
        return self._try(ask, connection.password if connection else None)


def _address(host: str, port: int | None, schema: str | None) -> str:
    """The form has a whole address; a connection that was given as a URI has it in pieces."""
    if "://" in host:
        return host
    server = f"{host}:{port}" if port else host
    return f"https://{server}/{(schema or 'api').strip('/')}/"

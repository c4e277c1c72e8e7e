"""What the hooks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from gwfollow.ledger.outbox import scrub

if TYPE_CHECKING:
    from airflow.sdk import Connection


class Hook(BaseHook):
    """A hook whose connection need not be there."""

    conn_id: str

    def connection(self) -> Connection | None:
        """None where nobody defined it."""
        try:
            return self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            return None

    @staticmethod
    def extra(connection: Connection, key: str) -> str:
        """A field of the form as text; empty where it was left so."""
        value: Any = connection.extra_dejson.get(key)
        return "" if value is None else str(value).strip()

    def _try(self, ask: Callable[[], str], *secrets: str | None) -> tuple[bool, str]:
        """The answer of the web UI's button Test."""
        try:
            return True, ask()
        except Exception as error:
            return False, scrub(str(error) or type(error).__name__, [secret for secret in secrets if secret])

"""HTCondor as a connection."""

from __future__ import annotations

from dataclasses import replace

from gwfollow.provider.hooks.base import Hook
from gwfollow.schedulers import get
from gwfollow.schedulers.base import Scheduler
from gwfollow.settings import Settings


class HTCondorHook(Hook):
    """A schedd.

    :param htcondor_conn_id: connection of the type ``htcondor``; where it is not defined the settings name the schedd
    """

    conn_name_attr = "htcondor_conn_id"
    default_conn_name = "htcondor_default"
    conn_type = "htcondor"
    hook_name = "HTCondor"

    def __init__(self, htcondor_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = self.htcondor_conn_id = htcondor_conn_id

    def settings(self) -> Settings:
        """The settings, with what the connection says of HTCondor.  Raises `InputError` for a period that is not one."""
        settings, connection = Settings.read(), self.connection()
        if connection is None:
            return settings
        found = {
            "schedd": (connection.host or "").strip(),
            "collector": self.extra(connection, "collector"),
            "poll_seconds": self.extra(connection, "poll_seconds"),
        }
        settings = replace(settings, **{key: value for key, value in found.items() if value})
        assert settings.poll_period >= 0  # raises where it is not a number
        return settings

    def scheduler(self) -> Scheduler:
        return get("htcondor", self.settings())

    def test_connection(self) -> tuple[bool, str]:
        def ask() -> str:
            self.scheduler().find("gwfollow/connection-test")
            return "the schedd answers"

        return self._try(ask)

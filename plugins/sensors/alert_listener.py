"""Listening to alerts in the triggerer: one child process for each Kafka server, kept alive; a wake-up when something was stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from gwfollow.alerts.supervise import Supervisor

log = logging.getLogger(__name__)

ARGUMENTS = ("ledger_conn_id", "igwn_alert_conn_id", "gcn_conn_id")
#: seconds between two tries to begin, where the ledger or a connection is not there
AGAIN_SECONDS = 15.0


class AlertListenerTrigger(BaseEventTrigger):
    """Fires when messages are in the inbox, at most a few times a second; whoever it wakes looks there.

    Airflow neither repeats a wake-up nor keeps it safe: upkeep looks into the inbox too.  It does not end, for Airflow would not start it
    again: what is wrong (no ledger, no login) is told and tried again.

    :param ledger_conn_id: connection of type ``gwfollow_ledger``; where it is not defined the settings decide
    :param igwn_alert_conn_id: connection of type ``igwn_alert``; likewise
    :param gcn_conn_id: connection of type ``gcn``; likewise
    """

    def __init__(
        self,
        *,
        ledger_conn_id: str | None = "gwfollow_ledger",
        igwn_alert_conn_id: str = "igwn_alert_default",
        gcn_conn_id: str = "gcn_default",
    ) -> None:
        super().__init__()
        self.ledger_conn_id, self.igwn_alert_conn_id, self.gcn_conn_id = ledger_conn_id, igwn_alert_conn_id, gcn_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Names of connections only: what is serialized is stored in Airflow's database."""
        return "sensors.alert_listener.AlertListenerTrigger", {name: getattr(self, name) for name in ARGUMENTS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from gwfollow.ledger.outbox import scrub

        while True:
            try:
                supervisor = await asyncio.to_thread(self._supervisor)
                async with aclosing(supervisor.run()) as wakeups:
                    async for stored in wakeups:
                        log.info("%d messages stored", stored)
                        yield TriggerEvent({"stored": stored})
            except Exception as error:
                log.error("not listening, tried again in %.0f s: %s: %s", AGAIN_SECONDS, type(error).__name__, scrub(str(error)))
                await asyncio.sleep(AGAIN_SECONDS)

    def _supervisor(self) -> Supervisor:
        from gwfollow.alerts.folders import Folders
        from gwfollow.alerts.supervise import Supervisor
        from gwfollow.provider.hooks.kafka import GCNHook, IGWNAlertHook, sources
        from gwfollow.provider.site import open_ledger
        from gwfollow.settings import Settings

        settings = Settings.read()
        hooks = {hook.source_name: hook for hook in (IGWNAlertHook(self.igwn_alert_conn_id), GCNHook(self.gcn_conn_id))}
        return Supervisor(sources(settings, hooks), open_ledger(self.ledger_conn_id), Folders(settings.data_folder))


__all__ = ["AlertListenerTrigger"]

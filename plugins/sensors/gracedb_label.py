"""Wait for labels in GraceDB without a worker: one look for everybody who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from pe_operators.base import EventOperator, translated
from pe_operators.gracedb import gracedb_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.schedulers.poller import Query

ARGUMENTS = ("graceid", "labels", "gracedb_conn_id", "poll_seconds", "settle")


class GraceDBLabelTrigger(BaseTrigger):
    """Fires when the condition holds; all these triggers of a triggerer share one poll for each connection.

    :param graceid: event or superevent
    :param labels: the condition, as `GraceDBLabelSensor` has it
    :param settle: seconds that it waits at least (Airflow's LocalExecutor can fail a task that comes back at once)
    """

    def __init__(self, *, graceid: str, labels: str, gracedb_conn_id: str, poll_seconds: float, settle: float) -> None:
        super().__init__()
        self.graceid, self.labels, self.gracedb_conn_id = graceid, labels, gracedb_conn_id
        self.poll_seconds, self.settle = poll_seconds, settle

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "sensors.gracedb_label.GraceDBLabelTrigger", {name: getattr(self, name) for name in ARGUMENTS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from gwfollow.gracedb.labels import waiting_for
        from gwfollow.schedulers.poller import shared_poller

        begun = time.monotonic()
        poller = shared_poller(("gracedb labels", self.gracedb_conn_id, self.poll_seconds), self.poll_seconds, self._query)
        status = await poller.wait(waiting_for(self.graceid, self.labels))
        await asyncio.sleep(max(0.0, self.settle - (time.monotonic() - begun)))
        yield TriggerEvent({"graceid": self.graceid, "state": status.state.value, "text": status.reason})

    def _query(self) -> Query:
        from gwfollow.gracedb.labels import LabelWatch

        # the connection is read in the poll's thread, at the first look
        return LabelWatch(lambda: gracedb_client(self.gracedb_conn_id)).query


class GraceDBLabelSensor(EventOperator):
    """Succeeds when the event's labels meet a condition.

    :param event: the event's name in the ledger (templated)
    :param labels: labels joined by ``&``, ``|``, ``~`` (not) and parentheses: ``ADVOK & ~ADVNO`` (templated)
    :param poll_seconds: seconds between two looks, for everybody who waits at this connection
    :param timeout: seconds after which it fails; None: never
    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    :returns: the labels that the event had then
    """

    template_fields = ("event", "labels")
    ui_color = "#fdeaea"

    def __init__(
        self,
        *,
        labels: str,
        poll_seconds: float = 30.0,
        timeout: float | None = None,
        gracedb_conn_id: str = "gracedb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.labels, self.poll_seconds, self.timeout, self.gracedb_conn_id = labels, poll_seconds, timeout, gracedb_conn_id

    def execute(self, context: Context) -> list[str]:
        from gwfollow.gracedb.labels import parse
        from gwfollow.life.annotate import graceid_of

        site = self.site(context)
        translated(lambda: parse(self.labels))
        graceid = translated(lambda: graceid_of(site, self.event))
        self.defer(
            trigger=GraceDBLabelTrigger(
                graceid=graceid,
                labels=self.labels,
                gracedb_conn_id=self.gracedb_conn_id,
                poll_seconds=self.poll_seconds,
                settle=site.settings.settle_period,
            ),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout) if self.timeout is not None else None,
        )
        raise AssertionError("defer does not return")

    def resume(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Called when the trigger fired."""
        if event["state"] != "completed":
            raise AirflowFailException(f"{event['graceid']}: {event['text']}")
        self.log.info("%s has %s", event["graceid"], event["text"] or "no labels")
        return [label for label in str(event["text"]).split(", ") if label]

"""Wait for labels in GraceDB without a worker: one look for everybody who waits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from pe_operators.base import EventOperator, translated
from pe_operators.gracedb import gracedb_client
from pe_operators.triggers import SettledTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.schedulers.poller import Query


class GraceDBLabelTrigger(SettledTrigger):
    """Fires when the condition holds; all these triggers of a triggerer share one poll for each connection.

    :param graceid: event or superevent
    :param labels: the condition, as `GraceDBLabelSensor` has it
    """

    ARGUMENTS = ("graceid", "labels", "gracedb_conn_id", "poll_seconds", "settle")

    def __init__(self, *, graceid: str, labels: str, gracedb_conn_id: str, poll_seconds: float, settle: float) -> None:
        super().__init__()
        self.graceid, self.labels, self.gracedb_conn_id = graceid, labels, gracedb_conn_id
        self.poll_seconds, self.settle = poll_seconds, settle

    async def wait(self) -> dict[str, Any]:
        from gwfollow.gracedb.labels import waiting_for
        from gwfollow.schedulers.poller import shared_poller

        poller = shared_poller(("gracedb labels", self.gracedb_conn_id, self.poll_seconds), self.poll_seconds, self._query)
        status = await poller.wait(waiting_for(self.graceid, self.labels))
        return {"graceid": self.graceid, "state": status.state.value, "text": status.reason}

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

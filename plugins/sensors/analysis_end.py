"""Wait for the end of an analysis that another DAG works on, without a worker: deferred on one look at the ledger for everybody."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from gwfollow.errors import GWFollowError
from pe_operators.base import AnalysisOperator, open_site, translated
from pe_operators.links import EventLink, JobLogLink, ResultPageLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site
    from gwfollow.schedulers.poller import Query

ARGUMENTS = ("event", "analysis", "period", "settle", "ledger_conn_id", "htcondor_conn_id")


class AnalysisEndTrigger(BaseTrigger):
    """Fires once the analysis has come to an end, good or bad.

    All these triggers of a triggerer share one look at the ledger a period.  It fires no sooner than `settle` seconds after it began:
    Airflow's LocalExecutor can fail a task that comes back while its first exit is still being recorded.
    """

    def __init__(
        self,
        *,
        event: str,
        analysis: str,
        period: float,
        settle: float,
        ledger_conn_id: str | None,
        htcondor_conn_id: str | None,
    ) -> None:
        super().__init__()
        self.event, self.analysis, self.period, self.settle = event, analysis, period, settle
        self.ledger_conn_id, self.htcondor_conn_id = ledger_conn_id, htcondor_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "sensors.analysis_end.AnalysisEndTrigger", {name: getattr(self, name) for name in ARGUMENTS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from gwfollow.life.request import key_of
        from gwfollow.schedulers.poller import shared_poller

        begun = time.monotonic()
        poller = shared_poller(("ends", self.ledger_conn_id), self.period, self._query)
        status = await poller.wait(key_of(self.event, self.analysis))
        await asyncio.sleep(max(0.0, self.settle - (time.monotonic() - begun)))
        yield TriggerEvent({"status": status.reason})

    def _query(self) -> Query:
        from gwfollow.life.request import ends

        ledger = open_site("airflow: end", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id).ledger
        return lambda keys: ends(ledger, keys)


class AnalysisEndSensor(AnalysisOperator):
    """Ends as the analysis does: well when it has been published, else it fails at once with the analysis' reason.

    :returns: status and attempt
    """

    ui_color = "#fdeaea"
    operator_extra_links = (JobLogLink(), ResultPageLink(), EventLink())

    def execute(self, context: Context) -> dict[str, Any]:
        return self._follow(self.site(context), context)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Called when the trigger fired; somebody may have asked for another attempt meanwhile."""
        return self._follow(self.site(context), context)

    def _follow(self, site: Site, context: Context) -> dict[str, Any]:
        from gwfollow.life.request import standing

        found = translated(lambda: standing(site, self.event, self.analysis))
        self.log.info("%s/%s is %s%s", self.event, self.analysis, found.status, f": {found.reason}" if found.reason else "")
        if found.good:
            return {"status": found.status, "attempt": found.attempt}
        if found.ended:
            reason = f"{self.event}/{self.analysis} is {found.status}: {found.reason or 'no reason was given'}"
            beside(site, context, reason)
            raise AirflowFailException(reason)
        self._wait(site)
        raise AssertionError("defer does not return")

    def _wait(self, site: Site) -> None:
        self.defer(
            trigger=AnalysisEndTrigger(
                event=self.event,
                analysis=self.analysis,
                period=site.settings.poll_period,
                settle=site.settings.settle_period,
                ledger_conn_id=self.ledger_conn_id,
                htcondor_conn_id=self.htcondor_conn_id,
            ),
            method_name="resume",
            timeout=None,
        )


def beside(site: Site, context: Context, words: str) -> None:
    """Write the reason beside the task, where a person sees it without its log; where Airflow does not take it, the log has it."""
    from gwfollow.airflow_api import AirflowAPI

    ti = context["ti"]
    with contextlib.suppress(GWFollowError):
        if (api := AirflowAPI.from_settings(site.settings)) is not None:
            api.set_note(ti.dag_id, ti.run_id, ti.task_id, words, map_index=ti.map_index)

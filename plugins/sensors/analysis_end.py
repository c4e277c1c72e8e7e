"""Wait for the end of an analysis that another DAG works on, without a worker: deferred on one look at the ledger for everybody."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from gwfollow.errors import GWFollowError
from pe_operators.base import AnalysisOperator, translated
from pe_operators.links import EventLink, JobLogLink, ResultPageLink
from pe_operators.triggers import LedgerTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site


class AnalysisEndTrigger(LedgerTrigger):
    """Fires once the analysis has come to an end, good or bad."""

    async def wait(self) -> dict[str, Any]:
        from gwfollow.life.request import ends, key_of

        status = await self.told("ends", key_of(self.event, self.analysis), ends)
        return {"status": status.reason}


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

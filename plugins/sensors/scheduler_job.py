"""Wait for an analysis' job without a worker: deferred on the one poller of its scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pe_operators.base import (
    CLEAR,
    MARK,
    AnalysisOperator,
    cleared_by_person,
    open_site,
    person_site,
    sent_on_by_person,
    translated,
)
from pe_operators.links import JobLogLink
from pe_operators.triggers import SettledTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site
    from gwfollow.life.wait import Outcome
    from gwfollow.schedulers.poller import Query


class SchedulerJobTrigger(SettledTrigger):
    """Fires once the job has ended, is held, or is unknown for several polls.

    All these triggers of a triggerer share one poller for each scheduler.

    :param scheduler: what `gwfollow.provider.site.scheduler_identity` gave: name and addresses, no secrets
    """

    ARGUMENTS = (
        *("event", "analysis", "purpose", "job_id", "scheduler", "task_id", "waiter", "settle"),
        *("ledger_conn_id", "htcondor_conn_id"),
    )

    def __init__(
        self,
        *,
        event: str,
        analysis: str,
        purpose: str,
        job_id: str,
        scheduler: dict[str, Any],
        task_id: str,
        waiter: str,
        settle: float,
        ledger_conn_id: str | None,
        htcondor_conn_id: str | None,
    ) -> None:
        super().__init__()
        self.event, self.analysis, self.purpose, self.job_id = event, analysis, purpose, job_id
        self.scheduler, self.task_id, self.waiter, self.settle = scheduler, task_id, waiter, settle
        self.ledger_conn_id, self.htcondor_conn_id = ledger_conn_id, htcondor_conn_id

    async def wait(self) -> dict[str, Any]:
        from gwfollow.schedulers.poller import shared_poller

        poller = shared_poller(tuple(sorted(self.scheduler.items())), float(self.scheduler["poll_seconds"]), self._query)
        status = await poller.wait(self.job_id)
        return {"job_id": self.job_id, "state": status.state.value, "text": status.describe()}

    def _query(self) -> Query:
        from gwfollow.provider.site import scheduler_from

        return scheduler_from(self.scheduler).query

    async def on_kill(self) -> None:
        """A person marked the deferred task: take the job from its scheduler unless another task waits for it."""
        await asyncio.to_thread(self._end_by_person)

    def _end_by_person(self) -> None:
        from gwfollow.life.stop import stop
        from gwfollow.life.wait import abandon

        site = open_site("airflow: web UI", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)
        site = person_site(site, self.event, self.task_id, MARK)
        if abandon(site, self.event, self.analysis, self.waiter, purpose=self.purpose):
            stop(site, self.event, self.analysis)


class SchedulerJobSensor(AnalysisOperator):
    """Waits for the present attempt's job; resurrections happen inside it.

    What ends the wait: results that were read (success), an end without results that the pipeline cannot mend or a hold (the task
    fails at once with the reason and the analysis is stuck), a stop (skipped).  Clearing this task for a stuck analysis asks for one
    more resurrection.  Marking it failed removes the job, unless another run waits for it too.
    """

    purpose = "main"
    ui_color = "#fdeaea"
    operator_extra_links = (JobLogLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.wait import settle

        by_person = cleared_by_person(context)
        return self._follow(
            context, lambda site: settle(site, self.event, self.analysis, purpose=self.purpose, by_person=by_person)
        )

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Called when the trigger fired: ask the pipeline what that means."""
        from gwfollow.life.wait import settle

        self.log.info("job %s: %s", event["job_id"], event["text"])
        sure = event["state"] == "unknown"
        return self._follow(context, lambda site: settle(site, self.event, self.analysis, purpose=self.purpose, sure=sure))

    def _follow(self, context: Context, look: Callable[[Site], Outcome], *, by_person: bool = False) -> dict[str, Any]:
        from gwfollow.life.wait import Verdict, expect, forget

        site = self.site(context)
        if by_person:
            site = person_site(site, self.event, self.task_id, CLEAR)
        waiter = f"{context['ti'].id}:{context['ti'].try_number}"
        try:
            outcome = translated(lambda: look(site))
        except BaseException:
            translated(lambda: forget(site, self.event, self.analysis, waiter, purpose=self.purpose))
            raise
        self.log.info("job %s: %s", outcome.job_id or "-", outcome.text)
        if outcome.verdict is Verdict.DONE:
            translated(lambda: forget(site, self.event, self.analysis, waiter, purpose=self.purpose))
            return {"job_id": outcome.job_id, "text": outcome.text}
        translated(lambda: expect(site, self.event, self.analysis, waiter, purpose=self.purpose))
        self._defer(site, outcome, waiter)
        raise AssertionError("defer does not return")

    def _defer(self, site: Site, outcome: Outcome, waiter: str) -> None:
        from gwfollow.provider.site import scheduler_identity

        self.defer(
            trigger=SchedulerJobTrigger(
                event=self.event,
                analysis=self.analysis,
                purpose=self.purpose,
                job_id=outcome.job_id,
                scheduler=scheduler_identity(outcome.scheduler, site.settings),
                task_id=self.task_id,
                waiter=waiter,
                settle=site.settings.settle_period,
                ledger_conn_id=self.ledger_conn_id,
                htcondor_conn_id=self.htcondor_conn_id,
            ),
            method_name="resume",
            timeout=None,
        )


class ProcessSensor(SchedulerJobSensor):
    """The pipeline's own post-processing: submitted and waited for; done at once for a pipeline that has none."""

    purpose = "post"

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.finish import process

        sent_on_by_person(self, context)
        site = self.site(context)
        if translated(lambda: process(site, self.event, self.analysis)) is None:
            return {"text": "no post-processing of its own"}
        return super().execute(context)

"""A person's approval before an analysis is published: Airflow's own human-in-the-loop task, with the ledger as the truth."""

from __future__ import annotations

import contextlib
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput

from pe_operators.base import AnalysisOperator, translated
from pe_operators.links import JobLogLink, ResultPageLink, page
from pe_operators.triggers import LedgerTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life.review import Standing

MESSAGE = "message"


class ReviewTrigger(LedgerTrigger):
    """Fires once the ledger has a verdict on the attempt, or nobody asks for one any more.

    An answer in Airflow's web UI does not come by here: Airflow wakes the deferred task itself; only one that came before the task was
    deferred is looked for, once.

    With `since` (an ISO time) it waits for an earlier try of the task, which may have died with a person's answer: to ask again would
    erase that answer.  It fires with ``ask`` where that try had not asked, or what was answered is older than `since`.
    """

    ARGUMENTS = (*LedgerTrigger.ARGUMENTS, "attempt", "ti_id", "since")

    def __init__(self, *, attempt: int, ti_id: str, since: str | None = None, **where: Any) -> None:
        super().__init__(**where)
        self.attempt, self.ti_id, self.since = attempt, ti_id, since

    async def wait(self) -> dict[str, Any]:
        from gwfollow.life.review import decisions, key_of

        found = await self._answered()
        if found is None:
            status = await self.told("reviews", key_of(self.event, self.analysis, self.attempt), decisions)
            found = {"text": status.reason or "nobody asks for a review of this attempt any more"}
            await self._close(status.reason)
        return found

    async def _answered(self) -> dict[str, Any] | None:
        """The answer that came between the question and the deferral."""
        from airflow.sdk.exceptions import AirflowRuntimeError
        from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
        from asgiref.sync import sync_to_async

        try:
            detail = await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(self.ti_id))
        except AirflowRuntimeError as error:
            if self.since is not None and (error.error.detail or {}).get("status_code") == HTTPStatus.NOT_FOUND:
                return {"ask": True}
            raise
        if not (detail.response_received and detail.chosen_options):
            return None
        if self.since is not None and detail.responded_at < datetime.fromisoformat(self.since):
            return {"ask": True}
        by = detail.responded_by_user
        return {
            "chosen_options": list(detail.chosen_options),
            "params_input": detail.params_input or {},
            "responded_by_user": {"id": by.id, "name": by.name} if by is not None else None,
        }

    async def _close(self, verdict: str) -> None:
        """Nobody needs to answer in Airflow any more: its list of what waits for people says so, with the verdict."""
        from airflow.sdk.execution_time.hitl import update_hitl_detail_response
        from asgiref.sync import sync_to_async

        option = ApprovalOperator.APPROVE if verdict.startswith(("approved", "preferred")) else ApprovalOperator.REJECT
        if verdict:
            with contextlib.suppress(Exception):  # somebody answered at this moment: both answers are in the ledger
                await sync_to_async(update_hitl_detail_response)(
                    ti_id=UUID(self.ti_id), chosen_options=[option], params_input={MESSAGE: verdict}
                )


class ReviewOperator(AnalysisOperator, ApprovalOperator):
    """Waits, without a worker, until a person approves or rejects the present attempt's results.

    It can be answered on the task's page in Airflow, by ``gwfollow review``, or on the event's tab: all of it stands in the ledger
    with the person's name, and *publish* obeys the ledger alone.  A verdict that is there already is taken at once.
    """

    template_fields = ("event", "analysis", "subject", "body")
    ui_color = "#fff4d6"
    operator_extra_links = (JobLogLink(), ResultPageLink())

    def __init__(self, **kwargs: Any) -> None:
        message = Param("", type="string", title="Message", description="Why; kept with the verdict in the ledger.")
        about = f"{kwargs.get('event')}/{kwargs.get('analysis')}"
        super().__init__(subject=f"Review {about}", body=f"May {about} be published?", params={MESSAGE: message}, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.review import standing

        site = self.site(context)
        found = translated(lambda: standing(site, self.event, self.analysis))
        if found.waits and context["ti"].try_number > 1:
            self._wait(context, found, since=found.begun)
        if found.waits:
            self._ask(context, found)
        return self._said(found)

    def _ask(self, context: Context, found: Standing) -> NoReturn:
        self.body = (
            f"Attempt {found.attempt} of **{self.analysis}** for **{self.event}** is finished and may be published once it is approved.\n\n"
            f"[Results]({page('results', self)}) · [Logs]({page('logs', self)})\n"
        )
        with contextlib.suppress(TaskAwaitingInput):
            super().execute(context)  # asks; Airflow would park the task until somebody answers it there
        self._wait(context, found)

    def resume(self, context: Context, event: dict[str, Any], attempt: int) -> dict[str, Any]:
        """Called when somebody answered in Airflow, or when the trigger fired."""
        from gwfollow.life.review import answer, standing

        site = self.site(context)
        if event.get("ask"):
            self.log.info("an earlier try of this task left no answer about attempt %d", attempt)
        elif event.get("chosen_options"):
            person = (event.get("responded_by_user") or {}).get("name")
            verdict = "approved" if event["chosen_options"] == [self.APPROVE] else "rejected"
            message = str((event.get("params_input") or {}).get(MESSAGE) or "")
            self.log.info("%s answered in Airflow: %s", person or "nobody", verdict)
            person_site = site.acting(f"airflow:{person}") if person else site
            translated(lambda: answer(person_site, self.event, self.analysis, verdict, message=message, attempt=attempt))
        else:
            self.log.info("%s", event.get("text"))
        found = translated(lambda: standing(site, self.event, self.analysis))
        if found.waits and event.get("ask"):
            self._ask(context, found)
        if found.waits:
            self._wait(context, found)
        return self._said(found)

    def _said(self, found: Standing) -> dict[str, Any]:
        self.log.info("attempt %d: %s by %s", found.attempt, found.verdict, found.person)
        return {"attempt": found.attempt, "verdict": found.verdict, "person": found.person, "message": found.message}

    def _wait(self, context: Context, found: Standing, since: datetime | None = None) -> NoReturn:
        settings = self.site(context).settings
        self.defer(
            trigger=ReviewTrigger(
                event=self.event,
                analysis=self.analysis,
                attempt=found.attempt,
                ti_id=str(context["ti"].id),
                period=settings.poll_period,
                settle=settings.settle_period,
                ledger_conn_id=self.ledger_conn_id,
                htcondor_conn_id=self.htcondor_conn_id,
                since=since.isoformat() if since is not None else None,
            ),
            method_name="resume",
            kwargs={"attempt": found.attempt},
            timeout=None,
        )

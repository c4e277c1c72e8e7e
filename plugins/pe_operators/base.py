"""What all our operators share: who they act for, and how gwfollow's errors become Airflow's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator, ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site

#: what Airflow's audit log calls a clear, and a mark of a task's state
CLEAR, MARK = "post_clear_task_instances", "patch_task_instance"

T = TypeVar("T")
log = logging.getLogger(__name__)

#: which task goes first when all slots are taken, whatever hangs on it (``weight_rule``): those that keep everything going, those that
#: start what an alert asked for, those that start anything else, those that follow a job.  Only a pool no larger than what the executor
#: runs at once makes tasks wait where priorities count: Airflow's LocalExecutor takes any number into a queue of its own, in their order
HOUSEKEEPING, ALERT, START, FOLLOW = 1000, 100, 10, 1

#: Airflow tries again what may succeed later, and nothing else; a scheduler that is away for an hour is waited for
RETRIES = 30
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[RetryRule(exception="gwfollow.errors.TransientError", action=RetryAction.RETRY, reason="transient: tried again")],
    default=RetryAction.FAIL,
)
RETRY_ARGUMENTS: dict[str, Any] = {
    "retries": RETRIES,
    "retry_policy": RETRY_POLICY,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 1.5,
    "max_retry_delay": timedelta(minutes=5),
}


def by_priority(priority: int) -> dict[str, Any]:
    """The ``default_args`` of a DAG whose tasks have this priority."""
    return {"weight_rule": "absolute", "priority_weight": priority}


def actor(context: Context) -> str:
    """In whose name a task acts: the person who triggered the run, as the journal shows it."""
    run = context["dag_run"]
    return f"airflow:{getattr(run, 'triggering_user_name', None) or run.run_id}"


def cleared_by_person(context: Context) -> bool:
    """Whether this is the first try after somebody cleared the task in the web UI (a retry is not)."""
    ti = context["ti"]
    retries = ti.task.retries or 0
    return bool(ti.try_number > 1 and ti.try_number == ti.max_tries - retries + 1)


def person_site(site: Site, event: str, task_id: str, action: str) -> Site:
    """The site in the name of the person whose click it was, where Airflow's audit log tells."""
    from gwfollow.provider.site import person_behind

    person = person_behind(site.settings, action, event, task_id)
    return site.acting(f"airflow:{person}") if person else site


def sent_on_by_person(operator: AnalysisOperator, context: Context) -> None:
    """Clearing what follows the job of a stuck analysis lets it go on where it was."""
    if cleared_by_person(context):
        from gwfollow.life.again import send_on

        site = person_site(operator.site(context), operator.event, operator.task_id, CLEAR)
        why = f"its {operator.task_id.rpartition('.')[2]} was cleared in the web UI"
        translated(lambda: send_on(site, operator.event, operator.analysis, why=why))


def open_site(who: str, *, ledger_conn_id: str | None, htcondor_conn_id: str | None) -> Site:
    """The ledger and the schedulers as Airflow's connections (or the settings) name them."""
    from gwfollow.provider.site import open_site as build_site

    return build_site(who, ledger_conn_id=ledger_conn_id, htcondor_conn_id=htcondor_conn_id)


def translated(step: Callable[[], T]) -> T:
    """Run a step: without work the task is skipped; a permanent error fails it at once, without retry and with its reason last."""
    from gwfollow.errors import TransientError
    from gwfollow.life import NoWork

    try:
        return step()
    except NoWork as reason:
        raise AirflowSkipException(str(reason)) from None
    except TransientError:
        raise
    except Exception as error:
        raise AirflowFailException(str(error)) from error


class EventOperator(BaseOperator):
    """An operator that acts on an event of the ledger.

    :param event: the event's name (templated)
    :param ledger_conn_id: connection of type ``gwfollow_ledger``; where it is not defined the settings decide
    :param htcondor_conn_id: connection of type ``htcondor``; likewise
    """

    template_fields = ("event",)

    def __init__(
        self,
        *,
        event: str,
        ledger_conn_id: str | None = "gwfollow_ledger",
        htcondor_conn_id: str | None = "htcondor_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**RETRY_ARGUMENTS, **kwargs})
        self.event = event
        self.ledger_conn_id = ledger_conn_id
        self.htcondor_conn_id = htcondor_conn_id

    def site(self, context: Context) -> Site:
        return open_site(actor(context), ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)


class AnalysisOperator(EventOperator):
    """An operator that acts on one analysis.

    :param analysis: the analysis' name within the event (templated)
    """

    template_fields = ("event", "analysis")

    def __init__(self, *, analysis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.analysis = analysis

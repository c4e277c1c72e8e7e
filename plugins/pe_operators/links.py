"""Buttons on a task's page: the job's log, the result page (served to logged-in users by gwfollow's own pages)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey
    from airflow.sdk import BaseOperator


def page(kind: str, operator: BaseOperator) -> str:
    """Address of a page about the operator's analysis, below Airflow's own."""
    from urllib.parse import quote

    event, analysis = getattr(operator, "event", ""), getattr(operator, "analysis", "")
    return f"{_base()}/gwfollow/{kind}/{quote(str(event))}/{quote(str(analysis))}/"


def _base() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="/")).rstrip("/")


class JobLogLink(BaseOperatorLink):
    """Tails of the job's log files."""

    name = "Job log"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return page("logs", operator)


class ResultPageLink(BaseOperatorLink):
    """The page that the analysis made (PESummary's home.html, ...)."""

    name = "Result page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return page("results", operator)


class EventLink(BaseOperatorLink):
    """The DAG of the event, for tasks of other DAGs that are about it."""

    name = "Event"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        from urllib.parse import quote

        from gwfollow.naming import event_dag_id

        return f"{_base()}/dags/{quote(event_dag_id(str(getattr(operator, 'event', ''))))}"

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

    from airflow.sdk.configuration import conf

    base = str(conf.get("api", "base_url", fallback="/")).rstrip("/")
    event, analysis = getattr(operator, "event", ""), getattr(operator, "analysis", "")
    return f"{base}/gwfollow/{kind}/{quote(str(event))}/{quote(str(analysis))}/"


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

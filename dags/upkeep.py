"""Every minute: deliver what the outbox holds, ask for the runs that nobody asked for, deliver those requests too, tell how we
are, and see how far running analyses are.

Beside it, so that a slow GraceDB does not hold that up: ask GraceDB for what no alert told us of (every few minutes), process what is left
in the inbox, and fetch the sky maps that alerts only name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from pe_operators.alerts import FetchSkymapsOperator, HealthOperator, ProcessInboxOperator, ReconcileOperator
from pe_operators.base import HOUSEKEEPING, by_priority
from pe_operators.upkeep import DeliverOperator, ProgressOperator, SweepOperator

COMMON = {
    "schedule": timedelta(minutes=1),
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "dagrun_timeout": timedelta(minutes=10),
    "tags": ["gwfollow"],
    "doc_md": __doc__,
    "default_args": by_priority(HOUSEKEEPING),
}

with DAG("upkeep", **COMMON):
    DeliverOperator(task_id="deliver") >> SweepOperator(task_id="sweep") >> DeliverOperator(task_id="deliver_requests")
    HealthOperator(task_id="health")
    ProgressOperator(task_id="progress")

with DAG("reconcile", **COMMON):
    (
        ReconcileOperator(task_id="reconcile")
        >> ProcessInboxOperator(task_id="process_inbox", trigger_rule="all_done")
        >> FetchSkymapsOperator(task_id="fetch_skymaps", trigger_rule="all_done")
    )

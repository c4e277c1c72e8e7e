"""Every minute: deliver what the outbox holds, ask for the runs that nobody asked for, deliver those requests too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from pe_operators.upkeep import DeliverOperator, SweepOperator

with DAG(
    "upkeep",
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(minutes=10),
    tags=["gwfollow"],
    doc_md=__doc__,
):
    DeliverOperator(task_id="deliver") >> SweepOperator(task_id="sweep") >> DeliverOperator(task_id="deliver_requests")

"""One DAG for every active event of the ledger, a task group for each analysis, groups joined by what needs what."""

from __future__ import annotations

import gc
import logging

from airflow.sdk import DAG, TaskGroup, get_parsing_context

from gwfollow.ledger.views import AnalysisView, EventView, active_events
from gwfollow.naming import event_dag_id, event_of_dag, group_ids
from gwfollow.provider.site import open_ledger
from pe_operators import BuildOperator, CollectOperator, PlanOperator, PublishOperator, SubmitOperator, VerdictOperator
from pe_operators.event_page import describe, describe_failure, state_of
from pe_operators.upkeep import DeliverOperator, SweepOperator
from sensors import ProcessSensor, SchedulerJobSensor

log = logging.getLogger(__name__)
COMMON = {"schedule": None, "catchup": False, "is_paused_upon_creation": False, "max_active_runs": 64}


def event_dag(event: EventView) -> DAG:
    """plan -> (build -> submit -> wait -> collect -> process -> publish for each analysis) -> verdict"""
    tags = ["gwfollow", f"source:{event.source}", f"state:{state_of(event)}"]
    with DAG(event_dag_id(event.name), tags=tags, doc_md=describe(event), **COMMON) as dag:
        plan = PlanOperator(task_id="plan", event=event.name)
        verdict = VerdictOperator(task_id="verdict")
        names = group_ids(a.name for a in event.analyses)
        groups = {a.name: analysis_group(event.name, a, names[a.name]) for a in event.analyses}
        for analysis in event.analyses:
            build, publish, _ = groups[analysis.name]
            plan >> build
            publish >> verdict
            for needed in analysis.needs:
                _, _, collected = groups[needed]
                collected >> build
        if not groups:
            plan >> verdict
    return dag


def analysis_group(event: str, analysis: AnalysisView, group_id: str) -> tuple[BuildOperator, PublishOperator, CollectOperator]:
    """The way of one analysis; what needs it waits for its *collect*, not for its announcement."""
    about = {"event": event, "analysis": analysis.name}
    with TaskGroup(group_id, tooltip=f"{analysis.pipeline}: {analysis.name}"):
        build = BuildOperator(task_id="build", trigger_rule="none_failed", **about)
        submit = SubmitOperator(task_id="submit", **about)
        wait = SchedulerJobSensor(task_id="wait", **about)
        collect = CollectOperator(task_id="collect", **about)
        process = ProcessSensor(task_id="process", **about)
        publish = PublishOperator(task_id="publish", **about)
        build >> submit >> wait >> collect >> process >> publish
    return build, publish, collect


def unbuildable(name: str, error: Exception) -> DAG:
    """One bad row must not take the other events' DAGs away: this one says what is wrong with it."""
    log.error("event %s has no DAG: %s", name, error)
    with DAG(event_dag_id(name), tags=["gwfollow", "state:broken"], doc_md=describe_failure(name, error), **COMMON) as dag:
        VerdictOperator(task_id="unbuildable")
    return dag


# a task builds its own DAG only; the DAG processor, which has none in mind, builds all
wanted = event_of_dag(get_parsing_context().dag_id)
if not wanted:
    # always there, so that Airflow knows this file before the first event comes
    with DAG("events", tags=["gwfollow"], doc_md="Trigger this to look at every active event.", **COMMON) as overview:
        SweepOperator(task_id="sweep") >> DeliverOperator(task_id="deliver")

with open_ledger("gwfollow_ledger").read() as session:
    events = active_events(session, name=wanted)
# what is built here stays as long as this process: with 3000 events the collector would take a quarter of the time to find nothing
gc.disable()
for view in events:
    try:
        built = event_dag(view)
    except Exception as error:
        built = unbuildable(view.name, error)
    globals()[built.dag_id] = built
gc.freeze()
gc.enable()

"""One DAG for every active event of the ledger, a task group for each analysis, groups joined by what needs what.

The events are dealt out to the files ``dags/events/file_<n>.py`` (`gwfollow.naming.event_file`), so that a change of one event costs
the reading of one file.
"""

from __future__ import annotations

import gc
import logging

from airflow.sdk import DAG, TaskGroup, get_parsing_context

from gwfollow.ledger.views import AnalysisView, EventView, active_events
from gwfollow.naming import (
    DATA_QUALITY_GROUP,
    EVENT_FILES,
    event_dag_id,
    event_of_dag,
    file_dag_id,
    group_ids,
    is_data_quality,
)
from gwfollow.provider.site import open_ledger
from pe_operators import BuildOperator, PlanOperator, SubmitOperator, VerdictOperator
from pe_operators.base import ALERT, FOLLOW, START, by_priority
from pe_operators.event_page import describe, describe_failure, describe_file, state_of
from pe_operators.ways import Way, followed

log = logging.getLogger(__name__)
#: ids that stand beside the groups of analyses; always kept free, so that the first scan of an event changes no older id
RESERVED = ("plan", "verdict", DATA_QUALITY_GROUP)
#: sources of events that somebody waits for: an alert, a person's request
AT_ONCE = frozenset({"gracedb", "request"})
#: registered by the file that takes them: by itself Airflow would also take one whose building broke off
COMMON = {
    "schedule": None,
    "catchup": False,
    "is_paused_upon_creation": False,
    "max_active_runs": 64,
    "auto_register": False,
    "default_args": by_priority(FOLLOW),
}


def dags_of_file(number: int) -> dict[str, DAG]:
    """By id the DAGs that belong to the file of this number: its own, and those of its active events."""
    # a task builds its own DAG only; the DAG processor, which has none in mind, builds all
    wanted = event_of_dag(get_parsing_context().dag_id)
    with open_ledger("gwfollow_ledger").read() as session:
        events = active_events(session, name=wanted, part=None if wanted else (number, EVENT_FILES))
    # what is built here stays as long as this process: with many events the collector would take a quarter of the time to find nothing
    gc.disable()
    built = [] if wanted else [file_dag(number)]
    built += [event_dag_or_reason(event) for event in events]
    gc.freeze()
    gc.enable()
    return {dag.dag_id: dag for dag in built}


def file_dag(number: int) -> DAG:
    """Always there and without tasks: Airflow knows a file by its DAGs, and must know it before its first event comes."""
    return DAG(
        file_dag_id(number),
        tags=["gwfollow", "files"],
        doc_md=describe_file(number),
        **{**COMMON, "is_paused_upon_creation": True},
    )


def event_dag_or_reason(event: EventView) -> DAG:
    """One bad row must not take the other events' DAGs away: its own says what is wrong with it."""
    try:
        return event_dag(event)
    except Exception as error:
        log.error("event %s has no DAG: %s", event.name, error)
        with DAG(
            event_dag_id(event.name), tags=["gwfollow", "state:broken"], doc_md=describe_failure(event, error), **COMMON
        ) as dag:
            VerdictOperator(task_id="unbuildable")
        return dag


def event_dag(event: EventView) -> DAG:
    """plan -> (build -> submit -> wait -> collect -> process [-> review] -> publish for each analysis) -> verdict

    Beside them, where the event has any, those that say how the data were (`pe_operators.data_quality`).
    """
    tags = ["gwfollow", f"source:{event.source}", f"state:{state_of(event)}"]
    with DAG(event_dag_id(event.name), tags=tags, doc_md=describe(event), **COMMON) as dag:
        priority = ALERT if event.source in AT_ONCE else START
        plan = PlanOperator(task_id="plan", event=event.name, priority_weight=priority)
        verdict = VerdictOperator(task_id="verdict")
        quality = [a for a in event.analyses if is_data_quality(a.pipeline)]
        others = [a for a in event.analyses if not is_data_quality(a.pipeline)]
        names = group_ids((a.name for a in others), RESERVED)
        ways = {a.name: analysis_group(event.name, a, names[a.name], priority) for a in others}
        plan >> [way.first for way in ways.values()]
        if quality:
            # few events have it, and every task imports what is at the top
            from pe_operators.data_quality import data_quality_group

            begin, summary, scans = data_quality_group(event.name, quality, priority)
            ways |= scans
            plan >> begin
            summary >> verdict
        for analysis in event.analyses:
            ways[analysis.name].publish >> verdict
            for needed in analysis.needs:
                ways[needed].collect >> ways[analysis.name].first
        if not ways:
            plan >> verdict
    return dag


def analysis_group(event: str, analysis: AnalysisView, group_id: str, priority: int) -> Way:
    """The way of one analysis; what needs it waits for its *collect*, not for its announcement."""
    about = {"event": event, "analysis": analysis.name}
    with TaskGroup(group_id, tooltip=f"{analysis.pipeline}: {analysis.name}"):
        build = BuildOperator(task_id="build", trigger_rule="none_failed", priority_weight=priority, **about)
        submit = SubmitOperator(task_id="submit", priority_weight=priority, **about)
        build >> submit
        collect, publish = followed(submit, about, review_first=analysis.review_first)
    return Way(build, collect, publish)

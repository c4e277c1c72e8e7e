"""The group of an event's DAG that says how the data were: omega scans and state checks, beside parameter estimation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk import TaskGroup

from gwfollow.naming import DATA_QUALITY_GROUP, group_ids
from pe_operators.omega_scan import BeginScansOperator, OmegaScanOperator, ScanSummaryOperator
from pe_operators.ways import Way, followed
from sensors.frame_coverage import FrameCoverageSensor

if TYPE_CHECKING:
    from gwfollow.ledger.views import AnalysisView

#: ids of the tasks that stand beside the analyses in the group
BEGIN, SUMMARY = "begin", "summary"


def data_quality_group(
    event: str, analyses: Sequence[AnalysisView], priority: int
) -> tuple[BeginScansOperator, ScanSummaryOperator, dict[str, Way]]:
    """begin -> (data -> scan -> wait -> collect -> process [-> review] -> publish for each) -> summary

    One whose data come late, or never, holds up no other.
    """
    about = {"event": event, "analyses": [analysis.name for analysis in analyses]}
    names = group_ids((analysis.name for analysis in analyses), (BEGIN, SUMMARY))
    with TaskGroup(DATA_QUALITY_GROUP, tooltip="How the data were: omega scans and state checks"):
        begin = BeginScansOperator(task_id=BEGIN, priority_weight=priority, **about)
        summary = ScanSummaryOperator(task_id=SUMMARY, **about)
        ways = {analysis.name: _scan(event, analysis, names[analysis.name], priority) for analysis in analyses}
        for way in ways.values():
            begin >> way.first
            way.publish >> summary
    return begin, summary, ways


def _scan(event: str, analysis: AnalysisView, group_id: str, priority: int) -> Way:
    about = {"event": event, "analysis": analysis.name}
    with TaskGroup(group_id, tooltip=f"{analysis.pipeline}: {analysis.name}"):
        data = FrameCoverageSensor(task_id="data", trigger_rule="none_failed", priority_weight=priority, **about)
        scan = OmegaScanOperator(task_id="scan", priority_weight=priority, **about)
        data >> scan
        collect, publish = followed(scan, about, review_first=analysis.review_first)
    return Way(data, collect, publish)

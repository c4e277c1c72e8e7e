"""The way of one analysis through an event's DAG, from its job to its publication: the same for every analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pe_operators.collect import CollectOperator
from pe_operators.publish import PublishOperator
from sensors import ProcessSensor, SchedulerJobSensor

if TYPE_CHECKING:
    from pe_operators.base import AnalysisOperator


class Way(NamedTuple):
    """Where others join the way of an analysis."""

    first: AnalysisOperator  # waits for what the analysis needs
    collect: CollectOperator  # what needs it waits for this
    publish: PublishOperator


def followed(job: AnalysisOperator, about: dict[str, str], *, review_first: bool) -> tuple[CollectOperator, PublishOperator]:
    """What comes after the task that hands the job to its scheduler: wait, collect, process, a person's approval where asked, publish."""
    wait = SchedulerJobSensor(task_id="wait", **about)
    collect = CollectOperator(task_id="collect", **about)
    process = ProcessSensor(task_id="process", **about)
    publish = PublishOperator(task_id="publish", **about)
    job >> wait >> collect >> process
    if review_first:
        from pe_operators.review import ReviewOperator  # few analyses ask for it, and every task imports what is at the top

        process >> ReviewOperator(task_id="review", **about) >> publish
    else:
        process >> publish
    return collect, publish

"""Waiting for a job: deferred on the job of the ledger, ended by evidence or by a person."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from chain import ABOUT, row, run_to_the_end, set_document
from tasks import context

from gwfollow.life import Site
from pe_operators import BuildOperator, SubmitOperator
from sensors import ProcessSensor, SchedulerJobSensor, SchedulerJobTrigger


def test_a_waiting_sensor_defers_on_the_job_of_the_ledger(site: Site) -> None:
    set_document(site, command="sleep 60")
    BuildOperator(task_id="build", **ABOUT).execute(context())
    job = SubmitOperator(task_id="submit", **ABOUT).execute(context())
    with pytest.raises(TaskDeferred) as deferred:
        SchedulerJobSensor(task_id="wait", **ABOUT).execute(context())
    trigger = deferred.value.trigger
    assert isinstance(trigger, SchedulerJobTrigger)
    path, arguments = trigger.serialize()
    assert path == "sensors.scheduler_job.SchedulerJobTrigger"
    assert arguments["job_id"] == job["job_id"]
    assert SchedulerJobTrigger(**arguments).serialize() == (path, arguments)
    site.scheduler("local").remove(job["job_id"], "end of the test")


def test_a_job_that_fails_makes_the_task_fail_without_retry_and_with_the_reason(site: Site) -> None:
    set_document(site, command="exit 3")
    with pytest.raises(AirflowFailException, match=r"is stuck: the job ended without a result \(exit code 3\)"):
        run_to_the_end(site)
    assert row(site)[0] == "stuck"


def test_marking_the_wait_as_failed_removes_the_job_and_stops_the_analysis(site: Site) -> None:
    set_document(site, command="sleep 60; echo late > said.txt")
    BuildOperator(task_id="build", **ABOUT).execute(context())
    SubmitOperator(task_id="submit", **ABOUT).execute(context())
    with pytest.raises(TaskDeferred) as deferred:
        SchedulerJobSensor(task_id="wait", **ABOUT).execute(context())
    deferred.value.trigger._end_by_person()  # type: ignore[attr-defined]
    assert row(site)[0] == "stopped"


def test_a_pipeline_without_post_processing_is_through_at_once(site: Site) -> None:
    run_to_the_end(site)
    assert ProcessSensor(task_id="process", **ABOUT).execute(context()) == {"text": "no post-processing of its own"}

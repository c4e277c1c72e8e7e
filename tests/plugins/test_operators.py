"""The operators: each is an ensure, each error becomes what Airflow should do about it."""

from __future__ import annotations

import time

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped, TaskDeferred
from tasks import context

from gwfollow.errors import PipelineError, SchedulerSilent
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from pe_operators import BuildOperator, CollectOperator, PlanOperator, SubmitOperator
from pe_operators.base import actor, cleared_by_person, translated
from sensors import ProcessSensor, SchedulerJobSensor, SchedulerJobTrigger

EVENT = "GW150914"
ABOUT = {"event": EVENT, "analysis": "echo"}


def row(site: Site) -> tuple[str, str | None, int]:
    with site.ledger.read() as session:
        found = find_analysis(session, EVENT, "echo")
        return found.status, found.reason, found.attempt


def set_document(site: Site, **keys: object) -> None:
    with site.ledger.change(who="test") as change:
        analysis = change.analysis(EVENT, "echo")
        analysis.document = {**analysis.document, **keys}


def run_to_the_end(site: Site) -> dict[str, object]:
    """Build, submit, wait as long as the job takes, collect."""
    BuildOperator(task_id="build", **ABOUT).execute(context())
    SubmitOperator(task_id="submit", **ABOUT).execute(context())
    wait = SchedulerJobSensor(task_id="wait", **ABOUT)
    for _ in range(100):
        try:
            wait.execute(context())
            break
        except TaskDeferred:
            time.sleep(0.1)
    return CollectOperator(task_id="collect", **ABOUT).execute(context())


def test_an_analysis_goes_from_build_to_collected_assets(site: Site) -> None:
    collected = run_to_the_end(site)
    path = collected["assets"]["words"][""]["path"]  # type: ignore[index]
    assert path.endswith("/GW150914/echo/attempt-1/said.txt")
    assert row(site)[0] == "finished"


def test_running_all_of_it_twice_makes_one_attempt_and_one_job(site: Site) -> None:
    set_document(site, command="echo hello >> said.txt")
    first, second = run_to_the_end(site), run_to_the_end(site)
    assert first == second
    assert open(first["assets"]["words"][""]["path"]).read() == "hello\n"  # type: ignore[index]  # noqa: PTH123, SIM115


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


def test_clearing_the_build_by_hand_asks_for_a_fresh_attempt(site: Site) -> None:
    run_to_the_end(site)
    by_hand = context(try_number=2, max_tries=31)
    built = BuildOperator(task_id="build", **ABOUT).execute(by_hand)
    assert built["attempt"] == 2
    assert row(site)[0] == "ready"


def test_a_retry_of_the_build_does_not(site: Site) -> None:
    run_to_the_end(site)
    built = BuildOperator(task_id="build", **ABOUT).execute(context(try_number=2, max_tries=30))
    assert built["attempt"] == 1


def test_a_pipeline_without_post_processing_is_through_at_once(site: Site) -> None:
    run_to_the_end(site)
    assert ProcessSensor(task_id="process", **ABOUT).execute(context()) == {"text": "no post-processing of its own"}


def plan_task() -> PlanOperator:
    with DAG("event.GW150914", schedule=None):
        plan = PlanOperator(task_id="plan", event=EVENT)
        plan >> BuildOperator(task_id="build", **ABOUT)
    return plan


def test_the_plan_lets_ready_analyses_through(site: Site) -> None:
    assert plan_task().execute(context())["work"] == ["echo"]


def test_the_plan_skips_every_task_of_what_has_no_work(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, "echo"), "wait")
    given = context()
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        plan_task().execute(given)
    assert list(skipped.value.tasks) == ["build"]
    assert given["ti"].pushed["return_value"]["skipped"] == {"echo": "is wait"}


def test_the_plan_removes_what_is_to_be_stopped(site: Site) -> None:
    set_document(site, command="sleep 60")
    BuildOperator(task_id="build", **ABOUT).execute(context())
    SubmitOperator(task_id="submit", **ABOUT).execute(context())
    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, "echo"), "stop")
    with pytest.raises(DownstreamTasksSkipped):
        plan_task().execute(context())
    assert row(site)[0] == "stopped"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (NoWork("is wait"), AirflowSkipException),
        (PipelineError("no PSD"), AirflowFailException),
        (SchedulerSilent("5 s"), SchedulerSilent),
    ],
)
def test_errors_become_what_airflow_should_do(raised: Exception, expected: type[Exception]) -> None:
    def step() -> None:
        raise raised

    with pytest.raises(expected):
        translated(step)


def test_a_persons_clear_is_told_from_a_retry() -> None:
    assert not cleared_by_person(context(try_number=1))  # type: ignore[arg-type]
    assert not cleared_by_person(context(try_number=2, max_tries=30))  # type: ignore[arg-type]
    assert cleared_by_person(context(try_number=2, max_tries=31))  # type: ignore[arg-type]
    assert not cleared_by_person(context(try_number=3, max_tries=31))  # type: ignore[arg-type]


def test_the_journal_names_who_triggered_the_run() -> None:
    assert actor(context(user="alice")) == "airflow:alice"  # type: ignore[arg-type]
    assert actor(context(run_id="rev-3")) == "airflow:rev-3"  # type: ignore[arg-type]

"""The operators: each is an ensure, each error becomes what Airflow should do about it."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped
from chain import ABOUT, EVENT, row, run_to_the_end, set_document
from tasks import context

from gwfollow.errors import PipelineError, SchedulerSilent
from gwfollow.life import NoWork, Site
from pe_operators import BuildOperator, PlanOperator, SubmitOperator
from pe_operators.base import actor, cleared_by_person, translated


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

"""Review on a real Airflow: the task waits for a person, who answers there or anywhere else; publishing obeys the ledger."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from sqlalchemy import select
from stage import Stage, until

from gwfollow.ledger.schema import Journal, Review
from gwfollow.life.review import give_verdict
from gwfollow.naming import event_dag_id

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]

HELD_BACK = "toy: {go: true}\nreview before publishing: true"


def waiting(stage: Stage, event: str) -> str:
    """The run whose review task waits for a person."""
    stage.until_status(event, "pe", "finished")
    run: str = stage.api.dag_runs(event_dag_id(event))[0]["dag_run_id"]
    stage.until_task(event, "pe.review", "deferred", run_id=run)
    return run


def question(stage: Stage, event: str, run: str) -> dict[str, Any]:
    path = f"dags/{event_dag_id(event)}/dagRuns/{run}/taskInstances/pe.review/-1/hitlDetails"
    found: dict[str, Any] = stage.api._call("GET", path)
    return found


def verdicts(stage: Stage, event: str) -> list[tuple[str, str, str]]:
    with stage.ledger.read() as session:
        about = select(Review).where(Review.analysis_id == stage.row(event, "pe").id).order_by(Review.id)
        return [(one.verdict, one.person, one.message) for one in session.scalars(about)]


def answer(stage: Stage, event: str, run: str, option: str, message: str) -> None:
    """As the page "Required actions" does."""
    path = f"dags/{event_dag_id(event)}/dagRuns/{run}/taskInstances/pe.review/-1/hitlDetails"
    stage.api._call("PATCH", path, json={"chosen_options": [option], "params_input": {"message": message}})


def test_an_approval_in_airflow_publishes_and_stands_in_the_ledger_with_the_persons_name(stage: Stage) -> None:
    stage.apply("E-approve", f"name: pe\n{HELD_BACK}")
    run = waiting(stage, "E-approve")
    assert question(stage, "E-approve", run)["options"] == ["Approve", "Reject"]
    assert stage.row("E-approve", "pe").status == "finished"
    answer(stage, "E-approve", run, "Approve", "converged")
    stage.until_status("E-approve", "pe", "uploaded")
    assert verdicts(stage, "E-approve") == [("approved", "airflow:admin", "converged")]
    with stage.ledger.read() as session:
        entry = session.scalars(select(Journal).where(Journal.event == "E-approve", Journal.what == "review: approved")).one()
    assert entry.who == "airflow:admin"


@contextmanager
def scheduler_held(stage: Stage) -> Iterator[None]:
    """Airflow's scheduler does nothing meanwhile."""
    keeper = next(service for service in stage.airflow.services if service.name == "scheduler")
    scheduler = psutil.Process(int(keeper.pid_file.read_text().split()[0])).children()[0]
    assert "scheduler" in " ".join(scheduler.cmdline())
    scheduler.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        scheduler.send_signal(signal.SIGCONT)


def test_an_answer_outlives_the_try_that_should_have_taken_it(stage: Stage) -> None:
    """Airflow gives a failed task another try, and a second asking would erase what was answered."""
    stage.apply("E-retry", f"name: pe\n{HELD_BACK}")
    run = waiting(stage, "E-retry")
    with scheduler_held(stage):
        answer(stage, "E-retry", run, "Approve", "said once")
        assert verdicts(stage, "E-retry") == [], "the first try took the answer"
        body = {"dry_run": False, "task_ids": ["pe.review"], "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}
        stage.api._call("POST", f"dags/{event_dag_id('E-retry')}/clearTaskInstances", json=body)
    stage.until_status("E-retry", "pe", "uploaded")
    assert verdicts(stage, "E-retry") == [("approved", "airflow:admin", "said once")]
    assert stage.task("E-retry", "pe.review", run)["try_number"] >= 2, "the fault did not fire"


def test_a_verdict_on_the_command_line_releases_the_waiting_task_and_closes_airflows_question(stage: Stage) -> None:
    stage.apply("E-review", f"name: pe\n{HELD_BACK}")
    run = waiting(stage, "E-review")
    with stage.ledger.change(who="alice@ldas", why="a test") as change:
        give_verdict(change, change.analysis("E-review", "pe"), "approve", message="fine")
    stage.until_task("E-review", "pe.publish", "success", run_id=run)
    stage.until_status("E-review", "pe", "uploaded")
    asked = question(stage, "E-review", run)
    assert (asked["response_received"], asked["chosen_options"]) == (True, ["Approve"])
    assert asked["params_input"] == {"message": "approved by alice@ldas: fine"}


def test_what_was_rejected_stays_finished_and_its_publication_is_skipped(stage: Stage) -> None:
    stage.apply("E-reject", f"name: pe\n{HELD_BACK}")
    run = waiting(stage, "E-reject")
    answer(stage, "E-reject", run, "Reject", "wrong prior")
    stage.until_task("E-reject", "pe.publish", "skipped", run_id=run)
    until(lambda: stage.api.dag_runs(event_dag_id("E-reject"))[0]["state"] == "success", lambda: stage.explain("E-reject"))
    assert stage.row("E-reject", "pe").status == "finished"
    assert verdicts(stage, "E-reject") == [("rejected", "airflow:admin", "wrong prior")]

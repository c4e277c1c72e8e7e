"""The review task: it asks in Airflow, waits without a worker, and believes the ledger alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException, ErrorType, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse
from sqlalchemy import select
from tasks import context

from gwfollow.ledger.reviews import record
from gwfollow.ledger.schema import Attempt, Review
from gwfollow.ledger.views import AnalysisView, EventView
from gwfollow.life import Site
from gwfollow.life.build import build
from pe_operators import event_dags
from pe_operators.review import ReviewOperator, ReviewTrigger

EVENT = "GW150914"
TI = "01980000-0000-7000-8000-000000000000"


@pytest.fixture
def finished(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The analysis is finished and waits for a person."""
    build(site, EVENT, "echo")
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "echo")
        row.status, row.review_first = "finished", True
    monkeypatch.setattr("pe_operators.triggers.open_site", lambda who, **_: site.acting(who))
    return site


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Airflow is told to ask."""
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **question: questions.append(question)
    )
    return questions


def task(try_number: int = 1) -> dict[str, Any]:
    found = context(try_number=try_number)
    found["ti"].id = TI
    found["task_instance"] = found["ti"]
    return found


def operator() -> ReviewOperator:
    return ReviewOperator(task_id="review", event=EVENT, analysis="echo")


def give(site: Site, verdict: str) -> None:
    site.ledger.run(lambda change: record(change, change.analysis(EVENT, "echo"), verdict, message="why"), who="bob@test")


def answered(option: str, message: str = "") -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"message": message},
        "responded_by_user": {"id": "7", "name": "carol"},
    }


def test_it_asks_in_airflow_and_waits_without_a_worker(finished: Site, asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(task())
    (question,) = asked
    assert question["options"] == ["Approve", "Reject"]
    assert question["subject"] == f"Review {EVENT}/echo"
    assert f"/gwfollow/results/{EVENT}/echo/" in question["body"]
    assert list(question["params"]) == ["message"]
    assert isinstance(deferred.value.trigger, ReviewTrigger)
    assert (deferred.value.method_name, deferred.value.kwargs) == ("resume", {"attempt": 1})
    path, arguments = deferred.value.trigger.serialize()
    assert path == "pe_operators.review.ReviewTrigger"
    assert ReviewTrigger(**arguments).serialize() == (path, arguments)


@pytest.mark.parametrize("verdict", ["approve", "prefer", "reject"])
def test_a_verdict_that_is_there_already_is_taken_at_once(finished: Site, asked: list[dict[str, Any]], verdict: str) -> None:
    give(finished, verdict)
    assert operator().execute(task())["person"] == "bob@test"
    assert asked == []


@pytest.mark.parametrize(("option", "verdict"), [("Approve", "approved"), ("Reject", "rejected")])
def test_an_answer_in_airflow_goes_to_the_ledger_with_the_persons_name(finished: Site, option: str, verdict: str) -> None:
    said = operator().resume(task(), answered(option, "converged"), attempt=1)
    assert said == {"attempt": 1, "verdict": verdict, "person": "airflow:carol", "message": "converged"}
    with finished.ledger.read() as session:
        row = session.scalars(select(Review)).one()
    assert (row.verdict, row.person, row.message) == (verdict, "airflow:carol", "converged")


def test_an_answer_about_an_earlier_attempt_is_skipped_with_the_reason(finished: Site) -> None:
    with finished.ledger.change(who="test") as change:
        change.analysis(EVENT, "echo").attempt = 2
    with pytest.raises(AirflowSkipException, match="the answer is about attempt 1"):
        operator().resume(task(), answered("Approve"), attempt=1)


def test_what_is_no_longer_to_be_reviewed_is_skipped(finished: Site) -> None:
    with finished.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, "echo"), "restart")
    with pytest.raises(AirflowSkipException, match="there is nothing to review"):
        operator().resume(task(), {"text": "nobody asks"}, attempt=1)


def test_a_deprecation_waits_on(finished: Site) -> None:
    give(finished, "deprecate")
    with pytest.raises(TaskDeferred):
        operator().resume(task(), {"text": "?"}, attempt=1)


def test_another_try_looks_for_the_answer_that_the_last_one_died_with(finished: Site, asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(task(try_number=2))
    assert asked == [], "to ask again erases the answer"
    with finished.ledger.read() as session:
        begun = session.scalars(select(Attempt)).one().created
    assert deferred.value.trigger.serialize()[1]["since"] == begun.isoformat()


def test_it_asks_where_the_last_try_left_nothing(finished: Site, asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator().resume(task(try_number=2), {"ask": True}, attempt=1)
    assert len(asked) == 1
    assert deferred.value.trigger.serialize()[1]["since"] is None


def trigger(since: str | None = None) -> ReviewTrigger:
    return ReviewTrigger(
        event=EVENT,
        analysis="echo",
        attempt=1,
        ti_id=TI,
        period=0.02,
        settle=0,
        ledger_conn_id=None,
        htcondor_conn_id=None,
        since=since,
    )


def fire(of: ReviewTrigger, *, meanwhile: Any = None) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        waiting = asyncio.ensure_future(anext(of.run()))
        if meanwhile is not None:
            await asyncio.sleep(0.1)
            assert not waiting.done(), "it fired without a verdict"
            await asyncio.to_thread(meanwhile)
        payload: dict[str, Any] = (await asyncio.wait_for(waiting, 20)).payload
        return payload

    return asyncio.run(first())


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What Airflow holds of the question."""
    held = SimpleNamespace(response_received=False, chosen_options=None, params_input=None, responded_by_user=None, closed=[])
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.get_hitl_detail_content_detail", lambda ti_id: held)
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.update_hitl_detail_response", lambda **said: held.closed.append(said))
    return held


@pytest.mark.parametrize(("verdict", "option"), [("approve", "Approve"), ("reject", "Reject")])
def test_a_verdict_from_the_command_line_ends_the_wait_and_closes_airflows_question(
    finished: Site, airflow: SimpleNamespace, verdict: str, option: str
) -> None:
    found = fire(trigger(), meanwhile=lambda: give(finished, verdict))
    assert found["text"].endswith("ed by bob@test: why")
    assert [(one["chosen_options"], one["params_input"]) for one in airflow.closed] == [([option], {"message": found["text"]})]


def test_an_answer_that_came_before_the_wait_is_not_lost(finished: Site, airflow: SimpleNamespace) -> None:
    airflow.response_received, airflow.chosen_options = True, ["Reject"]
    airflow.responded_by_user = SimpleNamespace(id="7", name="carol")
    found = fire(trigger())
    assert (found["chosen_options"], found["responded_by_user"]["name"]) == (["Reject"], "carol")


@pytest.mark.parametrize(
    ("age", "found"), [(-1, {"ask": True}), (1, {"chosen_options": ["Approve"], "params_input": {}, "responded_by_user": None})]
)
def test_what_was_answered_about_an_earlier_attempt_is_asked_again(
    finished: Site, airflow: SimpleNamespace, age: int, found: dict[str, Any]
) -> None:
    begun = datetime(2026, 11, 21, 12, tzinfo=UTC)
    airflow.response_received, airflow.chosen_options = True, ["Approve"]
    airflow.responded_at = begun + timedelta(hours=age)
    assert fire(trigger(begun.isoformat())) == found


@pytest.mark.parametrize("status", [404, 500])
def test_only_airflows_word_that_nobody_was_asked_makes_it_ask(
    finished: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refuse(ti_id: Any) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status}))

    monkeypatch.setattr("airflow.sdk.execution_time.hitl.get_hitl_detail_content_detail", refuse)
    if status == 404:
        assert fire(trigger("2026-11-21T12:00:00+00:00")) == {"ask": True}
    else:
        with pytest.raises(AirflowRuntimeError):
            fire(trigger("2026-11-21T12:00:00+00:00"))


def test_a_fresh_attempt_ends_the_wait_for_the_old_one(finished: Site, airflow: SimpleNamespace) -> None:
    def restart() -> None:
        with finished.ledger.change(who="test") as change:
            change.set_status(change.analysis(EVENT, "echo"), "restart")

    assert "nobody asks" in fire(trigger(), meanwhile=restart)["text"]
    assert airflow.closed == []


def test_only_who_asks_for_it_has_the_task() -> None:
    analyses = (AnalysisView("a", "toy", "ready", review_first=True), AnalysisView("b", "toy", "ready"))
    dag = event_dags.event_dag(EventView("S1", None, None, "blueprint", 1, (), analyses))
    assert "a.review" in dag.task_ids
    assert "b.review" not in dag.task_ids
    assert dag.get_task("a.review").upstream_task_ids == {"a.process"}
    assert dag.get_task("a.publish").upstream_task_ids == {"a.review"}
    assert dag.get_task("b.publish").upstream_task_ids == {"b.process"}

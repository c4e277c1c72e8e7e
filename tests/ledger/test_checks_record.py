"""The record of an event's data: one answer for each question, the last one; the journal keeps changes and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger import checks
from gwfollow.ledger.schema import Analysis, Event, Journal
from gwfollow.ledger.store import Ledger, find_event
from gwfollow.pipelines.base import CheckResult


@pytest.fixture(autouse=True)
def event(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        row = Event(name="E", gps=1e9, document={"interferometers": ["H1", "L1"]})
        row.analyses.append(Analysis(name="state", pipeline="dataquality", status="running", attempt=1))
        row.analyses.append(Analysis(name="scan", pipeline="omegascan", status="running", attempt=1))
        change.session.add(row)


def answer(name: str, verdict: Any = "pass", **more: Any) -> CheckResult:
    return CheckResult(name, more.pop("process", "state vector"), verdict, more.pop("ifo", name[:2]), **more)


def record(ledger: Ledger, *answers: CheckResult, by: str | None = "state", attempt: int = 1) -> list[str]:
    def action(change: Any) -> list[str]:
        analysis = change.analysis("E", by) if by else None
        return checks.record(change, change.event("E"), answers, analysis=analysis, attempt=attempt)

    return ledger.run(action, who="test")


def states(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as session:
        return {row.name: row.verdict for row in checks.of(session, find_event(session, "E"))}


def journal(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.read() as session:
        return list(session.scalars(select(Journal.details).order_by(Journal.id)))


def test_the_same_answers_again_change_nothing(ledger: Ledger) -> None:
    answers = [
        answer("H1 HOFT_OK", details={"bit": 0}, links=("https://x",)),
        answer("L1 HOFT_OK", "unknown", summary="no frames"),
    ]
    assert record(ledger, *answers) == ["H1 HOFT_OK", "L1 HOFT_OK"]
    assert record(ledger, *answers, attempt=2) == []
    assert journal(ledger) == [{"H1 HOFT_OK": "pass", "L1 HOFT_OK": "unknown"}]


def test_a_change_is_told_with_what_was_before(ledger: Ledger) -> None:
    record(ledger, answer("H1 HOFT_OK"), answer("L1 HOFT_OK"))
    assert record(ledger, answer("H1 HOFT_OK", "fail"), answer("L1 HOFT_OK", summary="looked again")) == [
        "H1 HOFT_OK",
        "L1 HOFT_OK",
    ]
    assert journal(ledger)[-1] == {"H1 HOFT_OK": "pass -> fail", "L1 HOFT_OK": "pass"}


def test_what_an_analysis_no_longer_answers_goes_and_nobody_elses(ledger: Ledger) -> None:
    record(ledger, answer("H1 HOFT_OK"), answer("V1 HOFT_OK", "fail"))
    record(ledger, answer("H1 omega scan", process="omega scan"), by="scan")
    record(ledger, answer("scattered light", "fail", ifo="", process="person"), by=None)
    assert record(ledger, answer("H1 HOFT_OK"), attempt=2) == ["V1 HOFT_OK"]
    assert set(states(ledger)) == {"H1 HOFT_OK", "H1 omega scan", "scattered light"}


def test_the_document_is_the_worst_of_the_detectors_that_took_part(ledger: Ledger) -> None:
    def document() -> dict[str, Any]:
        with ledger.read() as session:
            return checks.as_document(session, find_event(session, "E"))

    assert (document()["state"], document()["checks"]) == ("unknown", [])
    record(ledger, answer("H1 HOFT_OK", links=("https://x",), details={"bit": 0}), answer("V1 HOFT_OK", "fail"))
    assert (document()["state"], document()["dqr_state"]) == ("pass", "pass")
    assert (document()["checks"][0]["links"], document()["checks"][0]["details"]) == (["https://x"], {"bit": 0})
    record(ledger, answer("all", "unknown", ifo="", process="person"), by=None)
    assert (document()["state"], document()["dqr_state"]) == ("unknown", "error")
    record(ledger, answer("all", "fail", ifo="", process="person"), by=None)
    assert document()["state"] == "fail"


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([answer("H1 A", "maybe")], "verdict: found 'maybe'"),
        ([answer("")], "name: found ''"),
        ([answer("H1 " + "x" * 200)], "1 to 120 characters"),
        ([answer("H1 A"), answer("H1 A", "fail")], "one answer to each question"),
    ],
)
def test_answers_that_are_none_are_refused_whole(ledger: Ledger, answers: list[CheckResult], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        record(ledger, answer("H1 B"), *answers)
    assert (states(ledger), journal(ledger)) == ({}, [])

"""Review in the life of an analysis: publishing waits for it, whoever asks."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.errors import SchedulerSilent
from gwfollow.ledger.needs import link
from gwfollow.ledger.schema import Journal, Outbox, Review
from gwfollow.ledger.store import Ledger, find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, publish
from gwfollow.life.plan import has_work, plan
from gwfollow.life.review import answer, decisions, give_verdict, key_of, standing
from gwfollow.life.submit import submit
from gwfollow.schedulers.base import JobState

E = "GW150914"


@pytest.fixture
def finished(site: Site, scheduler: MemoryScheduler) -> Site:
    """psd is finished and may be published only after a person approves; pe is held back."""
    with site.ledger.change(who="test") as change:
        change.analysis(E, "psd").review_first = True
        change.set_status(change.analysis(E, "pe"), "wait")
    finish(site, scheduler)
    return site


def finish(site: Site, scheduler: MemoryScheduler) -> None:
    folder = build(site, E, "psd").folder
    job = submit(site, E, "psd")
    (folder / "result.json").write_text("[1]")
    scheduler.set(job.job_id, JobState.COMPLETED, exit_code=0)
    collect(site, E, "psd")


def verdict(site: Site, word: str, message: str = "") -> None:
    site.ledger.run(lambda change: give_verdict(change, change.analysis(E, "psd"), word, message=message), who="bob@test")


def status(site: Site) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, E, "psd").status


def test_publishing_waits_for_approval_whatever_asks_for_it(finished: Site) -> None:
    with pytest.raises(NoWork, match="psd is not published: it waits for a person's approval"):
        publish(finished, E, "psd")
    verdict(finished, "approve")
    publish(finished, E, "psd")
    assert status(finished) == "uploaded"


def test_what_was_rejected_stays_finished_and_is_no_work_for_any_run(finished: Site) -> None:
    assert has_work(finished, E)
    verdict(finished, "reject", "wrong prior")
    with pytest.raises(NoWork, match="psd is not published: it was rejected by bob@test: wrong prior"):
        publish(finished, E, "psd")
    assert status(finished) == "finished"
    assert not has_work(finished, E), "upkeep would ask for a run every minute for ever"
    verdict(finished, "approve")
    assert plan(finished, E, everything=True).work == ("psd",)


def test_a_fresh_attempt_needs_a_fresh_verdict(finished: Site, scheduler: MemoryScheduler) -> None:
    verdict(finished, "approve")
    with finished.ledger.change(who="test") as change:
        change.set_status(change.analysis(E, "psd"), "restart")
    finish(finished, scheduler)
    with pytest.raises(NoWork, match="waits for a person's approval"):
        publish(finished, E, "psd")
    assert standing(finished, E, "psd").verdict == ""


def test_what_needs_a_verdict_is_given_work_by_it(finished: Site) -> None:
    with finished.ledger.change(who="test") as change:
        row = change.analysis(E, "pe")
        row.document = {**row.document, "needs": [[{"name": "psd"}, {"review": "approved"}]]}
        link(change.event(E), {})
        change.set_status(row, "ready")
    assert plan(finished, E).skipped["pe"] == "psd is not yet review: approved"
    verdict(finished, "approve")
    with finished.ledger.read() as session:
        asked = session.scalars(select(Outbox.payload).order_by(Outbox.id.desc())).first()
    assert asked is not None
    assert asked["everything"] is True, "the later request must not take away what the earlier one asked for"
    assert plan(finished, E).work == ("pe",)


def test_an_answer_in_airflow_is_a_verdict_in_the_ledger(finished: Site) -> None:
    answer(finished.acting("airflow:carol"), E, "psd", "rejected", message="no", attempt=1)
    with finished.ledger.read() as session:
        row = session.scalars(select(Review)).one()
        entry = session.scalars(select(Journal).order_by(Journal.id.desc())).first()
    assert (row.verdict, row.person, row.message) == ("rejected", "airflow:carol", "no")
    assert entry is not None
    assert (entry.who, entry.what) == ("airflow:carol", "review: rejected")


def test_an_answer_about_results_that_are_gone_is_left_aside(finished: Site) -> None:
    with finished.ledger.change(who="test") as change:
        change.set_status(change.analysis(E, "psd"), "restart")
    with pytest.raises(NoWork, match="the answer is about attempt 1; it is restart at attempt 1"):
        answer(finished, E, "psd", "approved", message="", attempt=1)
    with pytest.raises(NoWork, match="there is nothing to review"):
        standing(finished, E, "psd")


@pytest.mark.parametrize(
    ("word", "over"), [("", False), ("deprecate", False), ("approve", True), ("prefer", True), ("reject", True)]
)
def test_a_wait_is_over_when_the_ledger_has_a_decision(finished: Site, word: str, over: bool) -> None:
    if word:
        verdict(finished, word)
    key = key_of(E, "psd", 1)
    found = decisions(finished.ledger, [key])
    assert (found[key].state is JobState.COMPLETED) == over
    assert standing(finished, E, "psd").waits == (not over)


def test_a_wait_is_over_when_nothing_is_asked_any_more(finished: Site) -> None:
    keys = [key_of(E, "psd", 2), key_of(E, "gone", 1), key_of("GW1", "psd", 1)]
    assert {status.state for status in decisions(finished.ledger, keys).values()} == {JobState.COMPLETED}
    with finished.ledger.change(who="test") as change:
        change.set_status(change.analysis(E, "psd"), "restart")
    assert decisions(finished.ledger, [key_of(E, "psd", 1)])[key_of(E, "psd", 1)].state is JobState.COMPLETED


def test_a_ledger_that_does_not_answer_ends_no_wait(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from gwfollow.errors import LedgerBusy

    def busy(self: Ledger) -> None:
        raise LedgerBusy("the ledger does not answer")

    monkeypatch.setattr(Ledger, "read", busy)
    with pytest.raises(SchedulerSilent, match="does not answer"):
        decisions(finished.ledger, [key_of(E, "psd", 1)])

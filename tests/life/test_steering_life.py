"""What people ask for, followed to its end: resurrections, restarts beside dependants, stops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger.reviews import record
from gwfollow.ledger.schema import Analysis, Attempt, Journal, Outbox
from gwfollow.ledger.states import TRANSITIONS
from gwfollow.ledger.steering import PEOPLE, RESURRECT, Asked, ask, may_ask
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.plan import plan
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines import registry
from gwfollow.schedulers.base import JobState

E = "GW150914"


def row(site: Site, name: str = "psd") -> Analysis:
    with site.ledger.read() as session:
        return find_analysis(session, E, name)


def asks(site: Site, verb: str, name: str = "psd", **more: int) -> Asked:
    return site.ledger.run(lambda change: ask(change, change.analysis(E, name), verb, **more), who="alice@test", why="a test")


def run(site: Site, name: str = "psd") -> str:
    build(site, E, name)
    return submit(site, E, name).job_id


def result(site: Site, name: str = "psd", attempt: int = 1, text: str = "[1]") -> None:
    (site.settings.home_folder / "events" / E / name / f"attempt-{attempt}" / "result.json").write_text(text)


def finish(site: Site, scheduler: MemoryScheduler, name: str = "psd", attempt: int = 1, text: str = "[1]") -> None:
    job = run(site, name)
    result(site, name, attempt, text)
    scheduler.set(job, JobState.COMPLETED, exit_code=0)
    assert settle(site, E, name).verdict is Verdict.DONE
    collect(site, E, name)


def document(site: Site, name: str = "psd", **keys: object) -> None:
    with site.ledger.change(who="test") as change:
        found = change.analysis(E, name)
        found.document = {**found.document, **keys}


@pytest.mark.parametrize("status", list(TRANSITIONS))
def test_only_what_the_table_allows_is_offered_and_the_rest_is_refused(site: Site, status: str) -> None:
    with site.ledger.change(who="test") as change:
        change.analysis(E, "psd").status = status
    offered = set(may_ask(status)) - {RESURRECT}
    assert offered <= TRANSITIONS[status]
    for verb in set(PEOPLE) - offered - {status}:
        with pytest.raises(InputError):
            asks(site, verb)
    assert row(site).status == status


def test_a_resurrection_goes_beyond_the_limit_once(site: Site, scheduler: MemoryScheduler) -> None:
    document(site, resurrect=True)
    job = run(site)
    for _ in range(2):
        scheduler.set(job, JobState.COMPLETED, exit_code=1)
        job = settle(site, E, "psd").job_id
    scheduler.set(job, JobState.COMPLETED, exit_code=1)
    with pytest.raises(PipelineError, match="gave up after 2 resurrections"):
        settle(site, E, "psd")
    assert asks(site, RESURRECT) == Asked("stuck", "running")
    assert row(site).reason == "resurrected by alice@test: a test"
    assert plan(site, E, everything=True).work == ("psd", "pe")
    again = settle(site, E, "psd")
    assert (again.verdict, row(site).reason) == (Verdict.WAIT, None)
    assert scheduler.jobs[again.job_id].key == f"{E}/psd/1.3"
    scheduler.set(again.job_id, JobState.COMPLETED, exit_code=1)
    with pytest.raises(PipelineError, match="gave up after 3 resurrections"):
        settle(site, E, "psd")


def test_the_run_that_a_resurrection_asks_for_takes_up_what_is_in_hand(site: Site, scheduler: MemoryScheduler) -> None:
    scheduler.set(run(site), JobState.HELD, reason="too much memory")
    with pytest.raises(PipelineError, match="too much memory"):
        settle(site, E, "psd")
    asks(site, RESURRECT)
    with site.ledger.read() as session:
        assert session.scalars(select(Outbox.payload).order_by(Outbox.id.desc())).first()["everything"] is True
    assert settle(site, E, "psd").text == "released"
    assert scheduler.jobs["1"].state is JobState.IDLE
    assert (row(site).status, row(site).reason) == ("running", None)


def test_failed_post_processing_runs_once_more_without_the_main_job(site: Site, scheduler: MemoryScheduler) -> None:
    document(site, post=True)
    finish(site, scheduler)
    post = process(site, E, "psd")
    assert post is not None
    scheduler.set(post.job_id, JobState.COMPLETED, exit_code=1)
    result(site, text="[2]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.find("onefile"), "detect_completion_processing", lambda self: False)
        with pytest.raises(PipelineError):
            settle(site, E, "psd", purpose="post")
    assert row(site).status == "stuck"
    assert asks(site, RESURRECT).new == "processing"
    again = process(site, E, "psd")
    assert again is not None
    assert again.key == f"{E}/psd/1.post.1"
    assert process(site, E, "psd") == again, "asked twice, there is one job"
    assert scheduler.ran == [f"{E}/psd/1", f"{E}/psd/1.post", f"{E}/psd/1.post.1"]


def test_what_was_stuck_while_it_was_published_is_published(site: Site, scheduler: MemoryScheduler) -> None:
    finish(site, scheduler)
    (site.settings.home_folder / "events" / E / "psd" / "attempt-1" / "result.json").unlink()
    with pytest.raises(PipelineError, match="cannot be stored"):
        publish(site, E, "psd")
    assert row(site).status == "stuck"
    result(site)
    assert asks(site, RESURRECT).new == "finished"
    publish(site, E, "psd")
    assert row(site).status == "uploaded"


def test_a_restart_disturbs_dependants_only_when_other_files_come_of_it(site: Site, scheduler: MemoryScheduler) -> None:
    finish(site, scheduler)
    running = run(site, "pe")
    asks(site, "restart")
    assert plan(site, E).work == ("psd",)
    finish(site, scheduler, attempt=2)
    assert (row(site, "pe").status, scheduler.jobs[running].state) == ("running", JobState.RUNNING), "the same files: it runs on"
    publish(site, E, "psd")
    asks(site, "restart")
    finish(site, scheduler, attempt=3, text="[7]")
    assert (row(site, "pe").status, row(site, "pe").reason) == ("restart", "psd has made other files")
    run(site, "pe")
    assert scheduler.jobs[running].state is JobState.REMOVED
    assert row(site, "pe").attempt == 2
    folders = sorted(path.name for path in (site.settings.home_folder / "events" / E / "psd").glob("attempt-*"))
    assert folders == ["attempt-1", "attempt-2", "attempt-3"], "old results are kept aside"


def test_a_dependant_waits_while_what_it_needs_is_made_again(site: Site, scheduler: MemoryScheduler) -> None:
    finish(site, scheduler)
    asks(site, "restart")
    found = plan(site, E)
    assert found.work == ("psd", "pe")  # pe behind psd, in one run
    with pytest.raises(Exception, match="psd is restart"):
        build(site, E, "pe")


def test_a_person_who_saw_another_attempt_is_told(site: Site, scheduler: MemoryScheduler) -> None:
    finish(site, scheduler)
    with pytest.raises(InputError, match="you saw attempt 3, and attempt 1 is the present one"):
        asks(site, "restart", attempt=3)


def test_stop_takes_the_job_and_says_so_in_the_journal(site: Site, scheduler: MemoryScheduler) -> None:
    job = run(site)
    asks(site, "stop")
    assert stop(site, E, "psd")
    assert not stop(site, E, "psd")
    assert scheduler.jobs[job].state is JobState.REMOVED
    with site.ledger.read() as session:
        whats = session.scalars(select(Journal.what).where(Journal.analysis == "psd")).all()
    assert whats[-2:] == ["running -> stop", "stop -> stopped"]


def test_an_archived_event_that_is_given_work_is_active_again(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.event(E).active = False
        change.analysis(E, "psd").status = "uploaded"
    asks(site, "restart")
    with site.ledger.read() as session:
        assert find_analysis(session, E, "psd").event.active


def test_a_result_by_hand_is_finished_and_finalised_only_as_review_allows(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        psd = change.analysis(E, "psd")
        psd.status, psd.review_first = "manual", True
    assert asks(site, "uploaded").new == "uploaded"
    with pytest.raises(InputError, match="cannot be finalised: it waits for a person's approval"):
        asks(site, "finalised")
    with site.ledger.change(who="bob@test") as change:
        record(change, change.analysis(E, "psd"), "approve", message="fine")
    assert asks(site, "finalised").new == "finalised"


def test_attempts_keep_their_rows(site: Site, scheduler: MemoryScheduler, tmp_path: Path) -> None:
    finish(site, scheduler)
    asks(site, "restart")
    finish(site, scheduler, attempt=2, text=json.dumps([2]))
    with site.ledger.read() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.number)).all()
        assert [(one.number, one.state, len(one.assets)) for one in attempts] == [(1, "collected", 1), (2, "collected", 1)]

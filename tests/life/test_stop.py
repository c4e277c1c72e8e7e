"""Stop: the jobs are gone from their scheduler before an analysis is called stopped."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler

from gwfollow.errors import SchedulerSilent, TransientError
from gwfollow.ledger.schema import Job
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life import submit as submitting
from gwfollow.life.build import build
from gwfollow.life.site import current_attempt, last_job
from gwfollow.life.stop import leave_attempt, stop
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"


def ask(site: Site, status: str) -> None:
    with site.ledger.change(who="bob", why="wrong data") as change:
        change.set_status(change.analysis(EVENT, "psd"), status)


def status_of(site: Site) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, "psd").status


def job_of(site: Site) -> Job:
    with site.ledger.read() as session:
        job = last_job(current_attempt(session, find_analysis(session, EVENT, "psd")))
        assert job is not None
        return job


def test_an_analysis_that_nobody_asked_to_stop_is_left_alone(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    assert not stop(site, EVENT, "psd")
    assert (status_of(site), scheduler.jobs[job_id].state) == ("running", JobState.RUNNING)


def test_the_job_is_removed_with_the_persons_name_and_the_pipeline_is_told(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    ejecting = type("Ejecting", (registry.find("onefile"),), {"eject_job": lambda self: told.append(self.task.analysis)})
    monkeypatch.setattr(registry, "find", lambda name: ejecting)
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    ask(site, "stop")
    assert stop(site.acting("airflow:bob"), EVENT, "psd")
    assert scheduler.jobs[job_id].state is JobState.REMOVED
    assert scheduler.jobs[job_id].reason == "gwfollow: airflow:bob stopped GW150914/psd"
    assert (status_of(site), job_of(site).state, told) == ("stopped", "removed", ["psd"])


def test_an_analysis_that_was_never_built_is_stopped_at_once(site: Site) -> None:
    ask(site, "stop")
    assert stop(site, EVENT, "psd")
    assert status_of(site) == "stopped"


def test_a_job_that_the_ledger_never_heard_of_is_found_by_its_key_and_removed(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between the scheduler's yes and the record."""
    build(site, EVENT, "psd")
    with monkeypatch.context() as patch:
        patch.setattr(submitting, "_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            submit(site, EVENT, "psd")
    assert job_of(site).job_id is None
    ask(site, "stop")
    assert stop(site, EVENT, "psd")
    assert [status.state for status in scheduler.jobs.values()] == [JobState.REMOVED]
    assert scheduler.ran == []


def test_while_the_scheduler_is_silent_nothing_is_called_stopped(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    submit(site, EVENT, "psd")
    ask(site, "stop")
    scheduler.silent = True
    with pytest.raises(SchedulerSilent):
        stop(site, EVENT, "psd")
    assert status_of(site) == "stop"


def test_a_restart_waits_until_the_old_job_is_gone(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    ask(site, "restart")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryScheduler, "remove", lambda *_: None)
        with pytest.raises(TransientError, match=f"has not yet removed job {job_id}"):
            leave_attempt(site, EVENT, "psd")
    leave_attempt(site, EVENT, "psd")
    leave_attempt(site, EVENT, "psd")  # and again: the same
    assert scheduler.jobs[job_id].state is JobState.REMOVED
    assert job_of(site).state == "removed"
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, "psd"))
        assert attempt is not None
        assert attempt.state == "left"


def test_what_is_not_to_be_restarted_is_not_left(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    leave_attempt(site, EVENT, "psd")
    assert scheduler.jobs[job_id].state is JobState.RUNNING

"""Submit: one job for each key, whoever else tries and wherever a worker dies."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler

from gwfollow.errors import SchedulerSilent
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life import submit as module
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def status_of(site: Site, analysis: str = "psd") -> str:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, analysis).status


def test_a_submission_runs_one_job_under_the_key_of_its_attempt(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    done = submit(site, EVENT, "psd")
    assert (done.key, done.adopted) == ("GW150914/psd/1", False)
    assert scheduler.ran == ["GW150914/psd/1"]
    assert status_of(site) == "running"


def test_submitting_again_gives_the_same_job(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    assert submit(site, EVENT, "psd").job_id == submit(site, EVENT, "psd").job_id
    assert len(scheduler.jobs) == 1


def test_a_worker_killed_after_the_schedulers_yes_leaves_a_job_that_the_next_one_adopts(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site, EVENT, "psd")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_record", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            submit(site, EVENT, "psd")
    assert scheduler.ran == []
    assert submit(site, EVENT, "psd").adopted
    assert scheduler.ran == ["GW150914/psd/1"]


def test_a_worker_killed_before_the_start_leaves_a_job_that_the_next_one_starts(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site, EVENT, "psd")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryScheduler, "start", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            submit(site, EVENT, "psd")
    submit(site, EVENT, "psd")
    assert scheduler.ran == ["GW150914/psd/1"]


def test_of_two_workers_that_both_staged_a_job_the_second_removes_its_own(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was cut off wakes between the look for the key and its submission."""
    build(site, EVENT, "psd")
    original, depth = MemoryScheduler.submit, []

    def blind(self: MemoryScheduler, work: object, key: str) -> object:
        if not depth:
            depth.append(1)
            submit(site, EVENT, "psd")  # the retry, elsewhere, comes first
        with monkeypatch.context() as patch:
            patch.setattr(self, "find", lambda key, folder=None: [])
            return original(self, work, key)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryScheduler, "submit", blind)
    won = submit(site, EVENT, "psd")
    assert len(scheduler.jobs) == 2
    assert scheduler.ran == ["GW150914/psd/1"]
    assert [i for i, s in scheduler.jobs.items() if s.state is JobState.RUNNING] == [won.job_id]
    assert sum(s.state is JobState.REMOVED for s in scheduler.jobs.values()) == 1


def test_an_analysis_stopped_in_between_has_its_staged_job_removed(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site, EVENT, "psd")
    original = MemoryScheduler.submit

    def slow(self: MemoryScheduler, work: object, key: str) -> object:
        with site.ledger.change(who="bob") as change:
            change.set_status(change.analysis(EVENT, "psd"), "stop")
        return original(self, work, key)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryScheduler, "submit", slow)
    with pytest.raises(NoWork, match="is stop"):
        submit(site, EVENT, "psd")
    assert scheduler.ran == []
    assert [s.state for s in scheduler.jobs.values()] == [JobState.REMOVED]


def test_a_silent_scheduler_loses_nothing(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    scheduler.silent = True
    with pytest.raises(SchedulerSilent):
        submit(site, EVENT, "psd")
    assert status_of(site) == "ready"
    scheduler.silent = False
    assert not submit(site, EVENT, "psd").adopted


def test_what_is_not_built_is_not_submitted(site: Site) -> None:
    with pytest.raises(NoWork, match="is not built"):
        submit(site, EVENT, "psd")

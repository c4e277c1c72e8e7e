"""Wait: only evidence changes anything; a hold, an end without results and a loss are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory import MemoryScheduler

from gwfollow.errors import PipelineError
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life.build import build
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, abandon, expect, forget, settle
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"


@pytest.fixture
def job(site: Site) -> tuple[str, Path]:
    """The id and the folder of a running job of psd."""
    folder = build(site, EVENT, "psd").folder
    return submit(site, EVENT, "psd").job_id, folder


def row(site: Site) -> tuple[str, str | None]:
    with site.ledger.read() as session:
        found = find_analysis(session, EVENT, "psd")
        return found.status, found.reason


def finish(folder: Path) -> None:
    (folder / "result.json").write_text("[1]")


def test_a_running_job_is_waited_for(site: Site, job: tuple[str, Path]) -> None:
    assert settle(site, EVENT, "psd").verdict is Verdict.WAIT


def test_a_job_that_ended_with_results_is_done(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    finish(job[1])
    scheduler.set(job[0], JobState.COMPLETED, exit_code=0)
    assert settle(site, EVENT, "psd").verdict is Verdict.DONE


def test_a_truncated_result_is_not_a_result(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    (job[1] / "result.json").write_text("[1, 2")
    scheduler.set(job[0], JobState.COMPLETED, exit_code=0)
    with pytest.raises(PipelineError, match="ended without a result"):
        settle(site, EVENT, "psd")
    assert row(site)[0] == "stuck"


def test_a_held_job_makes_the_analysis_stuck_with_the_schedulers_reason(
    site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]
) -> None:
    scheduler.hold(job[0], "memory usage exceeded request_memory")
    with pytest.raises(PipelineError, match="memory usage exceeded"):
        settle(site, EVENT, "psd")
    assert row(site) == ("stuck", f"job {job[0]} is held: memory usage exceeded request_memory")


def test_a_held_job_that_a_person_released_goes_on(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    scheduler.hold(job[0], "no more disk")
    with pytest.raises(PipelineError):
        settle(site, EVENT, "psd")
    scheduler.release(job[0])
    assert settle(site, EVENT, "psd", by_person=True).verdict is Verdict.WAIT
    assert row(site) == ("running", None)


def test_silence_changes_nothing(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    scheduler.silent = True
    assert settle(site, EVENT, "psd").verdict is Verdict.WAIT
    assert row(site)[0] == "running"


def test_a_job_that_the_scheduler_does_not_know_is_not_gone_at_once(
    site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]
) -> None:
    del scheduler.jobs[job[0]]
    assert settle(site, EVENT, "psd").verdict is Verdict.WAIT
    assert row(site)[0] == "running"


def test_a_lost_job_without_result_is_stuck_and_never_submitted_again(
    site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]
) -> None:
    del scheduler.jobs[job[0]]
    with pytest.raises(PipelineError, match="knows nothing of job"):
        settle(site, EVENT, "psd", sure=True)
    assert scheduler.ran == ["GW150914/psd/1"]


def test_a_lost_job_with_a_result_is_done(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    del scheduler.jobs[job[0]]
    finish(job[1])
    assert settle(site, EVENT, "psd", sure=True).verdict is Verdict.DONE


def resurrectable(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        analysis = change.analysis(EVENT, "psd")
        analysis.document = {**analysis.document, "resurrect": True}


def test_a_pipeline_resurrects_under_keys_of_their_own_until_its_limit(site: Site, scheduler: MemoryScheduler) -> None:
    resurrectable(site)
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    for _ in range(2):
        scheduler.set(job_id, JobState.COMPLETED, exit_code=1)
        job_id = settle(site, EVENT, "psd").job_id
    scheduler.set(job_id, JobState.COMPLETED, exit_code=1)
    with pytest.raises(PipelineError, match="gave up after 2 resurrections"):
        settle(site, EVENT, "psd")
    assert scheduler.ran == ["GW150914/psd/1", "GW150914/psd/1.1", "GW150914/psd/1.2"]
    # a person asks for one more
    assert settle(site, EVENT, "psd", by_person=True).verdict is Verdict.WAIT
    assert scheduler.ran[-1] == "GW150914/psd/1.3"
    assert row(site)[0] == "running"


def test_a_job_that_somebody_removed_is_not_resurrected(site: Site, scheduler: MemoryScheduler) -> None:
    resurrectable(site)
    build(site, EVENT, "psd")
    job_id = submit(site, EVENT, "psd").job_id
    scheduler.remove(job_id, "via condor_rm (by user alice)")
    with pytest.raises(PipelineError, match="was removed: via condor_rm"):
        settle(site, EVENT, "psd")


def test_ending_the_only_wait_stops_the_analysis(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    expect(site, EVENT, "psd", "task-a:1")
    assert abandon(site, EVENT, "psd", "task-a:1")
    assert stop(site, EVENT, "psd")
    assert scheduler.jobs[job[0]].state is JobState.REMOVED
    assert row(site)[0] == "stopped"
    with pytest.raises(NoWork):
        settle(site, EVENT, "psd")


def test_ending_one_of_two_waits_leaves_the_job_alone(site: Site, scheduler: MemoryScheduler, job: tuple[str, Path]) -> None:
    expect(site, EVENT, "psd", "task-a:1")
    expect(site, EVENT, "psd", "task-b:1")
    assert not abandon(site, EVENT, "psd", "task-a:1")
    assert scheduler.jobs[job[0]].state is JobState.RUNNING


def test_a_task_that_no_longer_waits_cannot_end_anything(site: Site, job: tuple[str, Path]) -> None:
    expect(site, EVENT, "psd", "task-a:1")
    forget(site, EVENT, "psd", "task-a:1")
    assert not abandon(site, EVENT, "psd", "task-a:1")


def test_stop_waits_for_the_schedulers_confirmation(
    site: Site, scheduler: MemoryScheduler, job: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gwfollow.errors import TransientError

    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, "psd"), "stop")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryScheduler, "remove", lambda *_: None)
        patch.setattr("gwfollow.life.stop.CONFIRM_SECONDS", 0.0)
        with pytest.raises(TransientError, match="has not yet removed"):
            stop(site, EVENT, "psd")
    assert row(site)[0] == "stop"
    assert stop(site, EVENT, "psd")
    assert row(site)[0] == "stopped"

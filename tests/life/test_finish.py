"""Collect, process, publish: results count when they were read, and are announced once."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.checksums import sha256_of
from gwfollow.errors import PipelineError
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.look import look
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"


@pytest.fixture
def folder(site: Site, scheduler: MemoryScheduler) -> Path:
    """The folder of an analysis whose job has ended."""
    folder = build(site, EVENT, "psd").folder
    job_id = submit(site, EVENT, "psd").job_id
    scheduler.set(job_id, JobState.COMPLETED, exit_code=0)
    return folder


def status_of(site: Site, analysis: str = "psd") -> str:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, analysis).status


def messages(site: Site) -> list[Outbox]:
    with site.ledger.read() as session:
        return list(session.scalars(select(Outbox).where(Outbox.destination == "gracedb")))


def collect_with_post_processing(site: Site, folder: Path) -> None:
    """The analysis has results, and its pipeline a job of its own for what comes after."""
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "psd")
        row.document = {**row.document, "post": True}
    (folder / "result.json").write_text("[1]")
    collect(site, EVENT, "psd")


def name_in_gracedb(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).graceid = "S150914a"


def test_collecting_records_paths_and_checksums_and_finishes_the_analysis(site: Site, folder: Path) -> None:
    (folder / "result.json").write_text("[1]")
    found = collect(site, EVENT, "psd")
    assert found.assets == {"samples": {"": {"path": str(folder / "result.json"), "sha256": sha256_of(folder / "result.json")}}}
    assert status_of(site) == "finished"


def test_collecting_again_gives_the_same_and_changes_nothing(site: Site, folder: Path) -> None:
    (folder / "result.json").write_text("[1]")
    first = collect(site, EVENT, "psd")
    (folder / "result.json").write_text("[2]")
    assert collect(site, EVENT, "psd") == first


def test_results_that_are_not_whole_are_not_collected(site: Site, folder: Path) -> None:
    (folder / "result.json").write_text("[1")
    with pytest.raises(PipelineError, match="not complete"):
        collect(site, EVENT, "psd")
    assert status_of(site) == "stuck"


def test_collecting_while_the_job_runs_fails_the_task_and_leaves_the_analysis_alone(
    site: Site, scheduler: MemoryScheduler
) -> None:
    build(site, EVENT, "psd")
    submit(site, EVENT, "psd")
    with pytest.raises(PipelineError, match="still running"):
        collect(site, EVENT, "psd")
    assert status_of(site) == "running"


def test_the_next_analysis_is_given_the_assets(site: Site, folder: Path) -> None:
    from gwfollow.ledger.store import find_analysis
    from gwfollow.life.site import current_attempt, task_for

    (folder / "result.json").write_text("[1]")
    collect(site, EVENT, "psd")
    build(site, EVENT, "pe")
    with site.ledger.read() as session:
        row = find_analysis(session, EVENT, "pe")
        attempt = current_attempt(session, row)
        assert attempt is not None
        task = task_for(session, row, attempt, site.settings)
    assert task.take("samples")[""].path == folder / "result.json"


def test_publishing_stores_one_message_with_the_file_and_its_checksum(site: Site, folder: Path) -> None:
    name_in_gracedb(site)
    (folder / "result.json").write_text("[1]")
    collect(site, EVENT, "psd")
    assert process(site, EVENT, "psd") is None
    assert publish(site, EVENT, "psd") == ["samples"]
    assert publish(site, EVENT, "psd") == []
    (message,) = messages(site)
    assert message.payload["sha256"] == sha256_of(folder / "result.json")
    assert status_of(site) == "uploaded"


def test_an_event_that_gracedb_does_not_know_is_not_announced(site: Site, folder: Path) -> None:
    (folder / "result.json").write_text("[1]")
    collect(site, EVENT, "psd")
    publish(site, EVENT, "psd")
    assert messages(site) == []
    assert status_of(site) == "uploaded"


def test_a_pipelines_own_post_processing_is_a_job_and_shows_as_processing(
    site: Site, scheduler: MemoryScheduler, folder: Path
) -> None:
    collect_with_post_processing(site, folder)
    first, again = process(site, EVENT, "psd"), process(site, EVENT, "psd")
    assert first is not None
    assert again is not None
    assert first.key == "GW150914/psd/1.post"
    assert again.job_id == first.job_id
    assert status_of(site) == "processing"
    scheduler.set(first.job_id, JobState.COMPLETED, exit_code=0)
    assert settle(site, EVENT, "psd", purpose="post").verdict is Verdict.DONE
    publish(site, EVENT, "psd")
    assert scheduler.ran == ["GW150914/psd/1", "GW150914/psd/1.post"]


def test_nothing_is_published_while_post_processing_is_not_complete(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person marked *process* as a success."""
    collect_with_post_processing(site, folder)
    process(site, EVENT, "psd")
    monkeypatch.setattr("gwfollow.pipelines.base.Pipeline.detect_completion_processing", lambda self: False)
    with pytest.raises(PipelineError, match="post-processing is not complete"):
        publish(site, EVENT, "psd")
    assert status_of(site) == "processing"


def test_nothing_is_published_of_an_analysis_that_has_not_finished(site: Site) -> None:
    with pytest.raises(NoWork):
        publish(site, EVENT, "psd")


def test_looking_shows_status_job_and_folder(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(folder))
    seen = look(site.ledger, EVENT, "psd")
    assert (seen.status, seen.attempt, seen.folder) == ("running", 1, str(folder))
    assert seen.jobs == ("1 (memory, submitted)",)

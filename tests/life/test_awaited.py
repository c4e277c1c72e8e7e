"""What an analysis waits for before its build, and its end where the data do not come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from fake_frames import frame
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger.schema import Attempt, Check, Journal, Outbox
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site, awaited
from gwfollow.life.again import ask_again
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Assets, AwaitedData, Pipeline, Task
from gwfollow.schedulers.base import Job, JobState, Work
from gwfollow.times import utc_to_gps

EVENT, SCAN = "GW150914", "psd"
END = 1126259494.0
WANTED = (1126259430.0, END)


class Scan(Pipeline):
    """Awaits what its document says: frame type -> folder."""

    name = "omegascan"
    tasks: list[Task] = []  # what instances were given

    def awaits(self) -> Sequence[AwaitedData]:
        type(self).tasks.append(self.task)
        if self.task.get("fault"):
            raise InputError("scan.channel set", "H1_strian", "one of H1_strain")
        return [
            AwaitedData(
                LookUp(ifo="H1", frame_type=kind, ways=(Folder(path=path),), timeout=100.0),
                tuple(self.task.get("wanted", WANTED)),
            )
            for kind, path in self.task.get("frames", {}).items()
        ]

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> dict[str, Path]:
        return {}

    def submit_dag(self, dryrun: bool = False) -> Work:
        return Job(Path("/bin/true"), (), self.task.folder, "scan")

    def detect_completion(self) -> bool:
        return False

    def collect_assets(self) -> Assets:
        return {}


@pytest.fixture(autouse=True)
def scans(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", lambda name: Scan)
    monkeypatch.setattr(Scan, "tasks", [])
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, SCAN).pipeline = "omegascan"
        change.event(EVENT).graceid = "S150914a"


def document(site: Site, **keys: Any) -> None:
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, SCAN)
        row.document = {**row.document, **keys}


def state(site: Site) -> tuple[str, str | None]:
    with site.ledger.read() as session:
        row = find_analysis(session, EVENT, SCAN)
        return row.status, row.reason


def sent(site: Site) -> list[str]:
    """What GraceDB is told."""
    with site.ledger.read() as session:
        return [row.payload["comment"] for row in session.scalars(select(Outbox).where(Outbox.destination == "gracedb"))]


# ---- look --------------------------------------------------------------------------------------------------------------
def test_each_type_is_looked_for_with_its_own_deadline(site: Site, tmp_path: Path) -> None:
    frame(tmp_path / "a", "H1_R", 1126259430, 64)
    frame(tmp_path / "b", "H1_T", 1126259440, 10)
    document(site, frames={"H1_R": str(tmp_path / "a"), "H1_T": str(tmp_path / "b")})
    found = awaited.look(site, EVENT, SCAN)
    assert [each.complete for each in found.types] == [True, False]
    assert found.types[1].missing == ((1126259430.0, 1126259440.0), (1126259450.0, END))
    assert found.first_complete is not None
    assert found.settled, "the deadlines were years ago, and there was one look"
    # 2015-09-14 09:51:17 UTC is the end of the stretch
    assert [each.wanted.deadline for each in found.types] == [1442224277.0 + 100] * 2


def test_the_pipeline_is_asked_about_the_attempt_that_is_to_come_and_none_is_made(site: Site, scheduler: MemoryScheduler) -> None:
    awaited.look(site, EVENT, SCAN)
    with site.ledger.read() as session:
        assert session.scalars(select(Attempt)).all() == []
    built = build(site, EVENT, SCAN)
    awaited.look(site, EVENT, SCAN)
    submit(site, EVENT, SCAN)
    ask_again(site, EVENT, SCAN, why="new preferred event")
    awaited.look(site, EVENT, SCAN)
    first, second = (1, built.folder), (2, built.folder.with_name("attempt-2"))
    assert [(task.attempt, task.folder) for task in Scan.tasks] == [first, first, second]


def test_before_a_stretch_has_ended_nobody_is_asked(site: Site, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    now = utc_to_gps(datetime.now(UTC))
    document(site, frames={"H1_R": str(tmp_path / "not there")}, wanted=[now - 32, now + 32])
    (found,) = awaited.look(site, EVENT, SCAN).types
    assert found.refused == "", "the folder was looked for"
    assert found.looked == 0
    assert found.wanted.end == pytest.approx(time.time() + 32, abs=20)


def test_one_that_has_begun_waits_for_nothing_and_one_that_may_not_begin_is_no_work(site: Site) -> None:
    document(site, frames={"H1_R": "/no"})
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, SCAN), "running")
    assert awaited.look(site, EVENT, SCAN).types == ()
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, SCAN), "stuck", reason="the disk is full")
    with pytest.raises(NoWork, match="is stuck: the disk is full"):
        awaited.look(site, EVENT, SCAN)


def test_one_that_cannot_say_what_it_waits_for_is_stuck_with_the_reason(site: Site) -> None:
    document(site, fault=True)
    with pytest.raises(PipelineError, match="H1_strian"):
        awaited.look(site, EVENT, SCAN)
    assert state(site) == ("stuck", "scan.channel set: found 'H1_strian', expected one of H1_strain")


# ---- skip --------------------------------------------------------------------------------------------------------------
def test_without_data_it_is_cancelled_with_the_reason_and_gracedb_is_told_once(site: Site) -> None:
    assert awaited.skip(site, EVENT, SCAN, "H1_R: [1, 2) missing")
    assert not awaited.skip(site, EVENT, SCAN, "H1_R: [1, 2) missing")
    assert state(site) == ("cancelled", "skipped: H1_R: [1, 2) missing")
    (comment,) = sent(site)
    assert comment.endswith("skipped: H1_R: [1, 2) missing")
    with site.ledger.read() as session:
        assert [check.verdict for check in session.scalars(select(Check))] == ["unknown"]
        entry = session.scalars(select(Journal).where(Journal.what == "ready -> cancelled")).one()
    assert entry.details["reason"] == "skipped: H1_R: [1, 2) missing"


def test_what_is_said_and_what_is_done_are_one_transaction(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(awaited.scan_notes, "skipped", torn)
    with pytest.raises(RuntimeError, match="killed"):
        awaited.skip(site, EVENT, SCAN, "nothing came")
    assert state(site)[0] == "ready"


def test_one_that_was_stopped_meanwhile_is_left_alone(site: Site) -> None:
    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, SCAN), "stop", reason="not needed")
    assert not awaited.skip(site, EVENT, SCAN, "nothing came")
    assert state(site) == ("stop", "not needed")
    assert sent(site) == []


def test_the_job_of_an_earlier_attempt_does_not_outlive_the_skip(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, SCAN)
    job_id = submit(site, EVENT, SCAN).job_id
    ask_again(site, EVENT, SCAN, why="new preferred event")
    assert awaited.skip(site, EVENT, SCAN, "nothing came")
    assert scheduler.jobs[job_id].state is JobState.REMOVED
    assert state(site)[0] == "cancelled"


def test_a_person_can_have_a_skipped_one_waited_for_again_and_nothing_else(site: Site) -> None:
    assert not awaited.await_again(site, EVENT, SCAN, why="cleared")
    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, SCAN), "cancelled", reason="a person's word")
    assert not awaited.await_again(site, EVENT, SCAN, why="cleared")
    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, SCAN), "ready")
    awaited.skip(site, EVENT, SCAN, "nothing came")
    assert awaited.await_again(site.acting("airflow:bob"), EVENT, SCAN, why="cleared")
    assert state(site) == ("ready", None)
    with site.ledger.read() as session:
        entry = session.scalars(select(Journal).order_by(Journal.id.desc())).first()
    assert entry is not None
    assert (entry.who, entry.why, entry.what) == ("airflow:bob", "cleared", "cancelled -> ready")

"""What GraceDB is told of omega scans: each thing once, in order, and never more than is true."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.errors import PipelineError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.checks import of
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.life import Site
from gwfollow.life.again import ask_again
from gwfollow.life.awaited import skip
from gwfollow.life.build import build, stick
from gwfollow.life.finish import collect, publish
from gwfollow.life.scan_notes import begun, summary
from gwfollow.life.submit import submit
from gwfollow.life.wait import settle
from gwfollow.pipelines.omegascan import OmegaScan
from gwfollow.schedulers.base import JobState
from gwfollow.settings import Settings
from omega_scans import event, leave_result, write_set

H1, L1 = "scan-H1_two", "scan-L1_two"


@pytest.fixture
def scheduler() -> MemoryScheduler:
    return MemoryScheduler()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file, to be copied: making one takes longer."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    Ledger.open(f"sqlite:///{path}", create=True).close()
    return path


@pytest.fixture
def site(tmp_path: Path, scheduler: MemoryScheduler, empty: Path) -> Iterator[Site]:
    """A superevent with a scan for each of two detectors; the jobs are the tests' own."""
    for name in ("H1_two", "L1_two"):
        write_set(tmp_path, name)
    ledger = Ledger.open(f"sqlite:///{shutil.copy(empty, tmp_path)}")
    with ledger.change(who="alice@test") as change:
        apply(change, read_text(event("H1_two", "L1_two"), "s1.yaml").blueprints)
    settings = Settings(
        home=str(tmp_path / "home"), configs=str(tmp_path), scheduler="memory", airflow_url="https://airflow.example.org/"
    )
    yield Site(ledger, settings, who="alice@test", scheduler_for=lambda name, settings: scheduler)
    ledger.close()


def said(site: Site) -> list[str]:
    return [payload["comment"] for payload in payloads(site)]


def payloads(site: Site) -> list[dict[str, Any]]:
    with site.ledger.read() as session:
        return list(session.scalars(select(Outbox.payload).where(Outbox.destination == "gracedb").order_by(Outbox.id)))


def answers(site: Site) -> dict[str, tuple[str, str]]:
    with site.ledger.read() as session:
        return {row.name: (row.verdict, row.summary) for row in of(session, find_event(session, "S1"))}


def status_of(site: Site, analysis: str) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, "S1", analysis).status


def run(site: Site, analysis: str = H1) -> tuple[Path, str]:
    """Built and submitted; its folder, and the id of its job."""
    folder = build(site, "S1", analysis).folder
    return folder, submit(site, "S1", analysis).job_id


def scan(site: Site, scheduler: MemoryScheduler, analysis: str = H1, state: Any = "complete", **more: Any) -> None:
    folder, job = run(site, analysis)
    leave_result(folder, state, **more)
    scheduler.set(job, JobState.COMPLETED, exit_code=0)
    settle(site, "S1", analysis)
    collect(site, "S1", analysis)
    publish(site, "S1", analysis)


def fail(site: Site, scheduler: MemoryScheduler, analysis: str, **outcome: int) -> None:
    """Its job ends without a result, and so does each resurrection."""
    _, job = run(site, analysis)
    for _ in range(OmegaScan.rescues):
        scheduler.set(job, JobState.COMPLETED, **outcome)
        job = settle(site, "S1", analysis).job_id
    scheduler.set(job, JobState.COMPLETED, **outcome)
    with pytest.raises(PipelineError, match="gave up after 3 resurrections"):
        settle(site, "S1", analysis)


def test_the_beginning_is_announced_once_for_each_attempt(site: Site, scheduler: MemoryScheduler) -> None:
    assert begun(site, "S1") == ["H1_two", "L1_two"]
    assert begun(site, "S1") == []
    scan(site, scheduler)
    assert begun(site, "S1") == []
    ask_again(site, "S1", H1, why="test")
    assert begun(site, "S1") == ["H1_two"]

    assert [text for text in said(site) if "begun" in text] == [
        "automatic omega scans begun for: H1_two, L1_two",
        "automatic omega scans begun for: H1_two",
    ]


def test_a_scan_is_told_of_from_its_job_to_its_results_with_picture_and_page(site: Site, scheduler: MemoryScheduler) -> None:
    begun(site, "S1")
    scan(site, scheduler)
    submit(site, "S1", H1)
    publish(site, "S1", H1)

    assert said(site)[1:] == [
        "omega scan H1_two of S1 started: job 1 (memory), attempt 1",
        "omega scan H1_two of S1 finished, attempt 1: 1 of 2 scanned channels significant, loudest H1:GDS-CALIB_STRAIN "
        "(SNR 16.0 at 61 Hz); page: https://airflow.example.org/gwfollow/results/S1/scan-H1_two/",
        "omega scan H1_two of S1: H1_omegascan.png",
    ]
    *_, result, picture = payloads(site)
    assert (result["filename"], picture["filename"]) == ("scan-H1_two-scan.json", "H1_omegascan.png")
    assert len(result["sha256"]) == len(picture["sha256"]) == 64
    assert all(each["tags"] == ["data_quality", "OmegaScan"] and each["graceid"] == "S150914a" for each in payloads(site))
    assert answers(site)["H1 omega scan H1_two"][0] == "pass"


def test_partial_results_are_kept_and_said_to_be_partial(site: Site, scheduler: MemoryScheduler) -> None:
    scan(site, scheduler, state="partial", missing=[(1126259460.0, 1126259461.0)])
    assert status_of(site, H1) == "uploaded"
    (text,) = [text for text in said(site) if "finished" in text]
    assert text.startswith(
        "omega scan H1_two of S1 finished in part (no H1_SIM_AUX of [1126259460, 1126259461); 1 channels no data), attempt 1: "
        "1 of 1 scanned channels significant (2 asked for: 1 no data), loudest"
    )
    verdict, summary = answers(site)["H1 omega scan H1_two"]
    assert verdict == "unknown"
    assert "not every channel was scanned" in summary


@pytest.mark.parametrize(("outcome", "how"), [({"exit_code": 7}, "exit code 7"), ({"signal": 9}, "signal 9")])
def test_a_failure_is_told_once_with_its_code_and_never_as_finished(
    site: Site, scheduler: MemoryScheduler, outcome: dict[str, int], how: str
) -> None:
    fail(site, scheduler, H1, **outcome)
    assert status_of(site, H1) == "stuck"
    text = summary(site, "S1")

    (failure,) = [text for text in said(site) if "failed, attempt 1" in text]
    assert how in failure
    assert not any("finished for" in text or "finished," in text for text in said(site))
    assert text.startswith("automatic omega scans none finished; failed for: H1_two (gave up after 3 resurrections")
    assert answers(site)["H1 omega scan H1_two"][0] == "unknown"
    assert sum("started again, where it was" in text for text in said(site)) == 3
    stick(site, "S1", H1, "held: no memory")
    stick(site, "S1", H1, "held: no memory")
    assert sum("held: no memory" in text for text in said(site)) == 1


def test_a_job_that_scanned_nothing_is_not_tried_again(site: Site, scheduler: MemoryScheduler) -> None:
    folder, job = run(site)
    leave_result(folder, "failed", reason="every frame is damaged")
    scheduler.set(job, JobState.COMPLETED, exit_code=3)
    with pytest.raises(PipelineError, match="every frame is damaged"):
        settle(site, "S1", H1)
    assert said(site)[-1] == "omega scan H1_two of S1 failed, attempt 1: every frame is damaged (exit code 3)"


def test_the_summary_names_exactly_what_became_of_each(site: Site, scheduler: MemoryScheduler) -> None:
    with site.ledger.change(who="bob") as change:
        more = event("H1_two", "L1_two", "H1_part", "H1_gone", "H1_runs", "H1_late", "H1_off")
        for name in ("H1_part", "H1_gone", "H1_runs", "H1_late", "H1_off"):
            write_set(site.settings.configs_folder, name)
        apply(change, read_text(more, "more.yaml").blueprints)
    scan(site, scheduler)
    fail(site, scheduler, L1, exit_code=1)
    scan(site, scheduler, "scan-H1_part", "partial", reason="H1_R is missing [1, 2)")
    skip(site, "S1", "scan-H1_gone", "H1_SIM_AUX: [1126259457, 1126259468) missing")
    run(site, "scan-H1_runs")
    with site.ledger.change(who="bob", why="not wanted") as change:
        change.set_status(change.analysis("S1", "scan-H1_off"), "cancelled", reason="not wanted")

    text = summary(site, "S1")
    assert text == summary(site, "S1")
    assert text.replace(text[text.index("failed for") : text.index("; skipped")], "FAILED") == (
        "automatic omega scans finished for: H1_two; finished in part for: H1_part (H1_R is missing [1, 2)); FAILED; "
        "skipped: H1_gone (H1_SIM_AUX: [1126259457, 1126259468) missing); still running: H1_runs; not begun: H1_late; "
        "cancelled: H1_off (not wanted)"
    )
    assert "failed for: L1_two (gave up" in text
    assert said(site).count(text) == 1
    assert any(said == "omega scan H1_gone of S1 skipped: H1_SIM_AUX: [1126259457, 1126259468) missing" for said in said(site))
    assert answers(site)["H1 omega scan H1_gone"][0] == "unknown"


def test_the_summary_is_said_again_after_something_has_changed(site: Site, scheduler: MemoryScheduler) -> None:
    scan(site, scheduler)
    first = summary(site, "S1")
    ask_again(site, "S1", H1, why="the preferred event changed")
    between = summary(site, "S1")
    scan(site, scheduler)
    assert summary(site, "S1") == first != between
    assert [text for text in said(site) if text in (first, between)] == [first, between, first]


def test_an_earlier_answer_does_not_stand_while_the_scan_is_made_anew(site: Site, scheduler: MemoryScheduler) -> None:
    scan(site, scheduler)
    ask_again(site, "S1", H1, why="test")
    run(site)
    assert answers(site)["H1 omega scan H1_two"] == ("unknown", "being scanned by job 2 (memory)")


@pytest.mark.parametrize("unspoken", ["test", "local", "retracted"])
def test_nothing_is_said_of_a_test_of_what_gracedb_does_not_have_and_after_a_retraction(
    site: Site, scheduler: MemoryScheduler, unspoken: str
) -> None:
    with site.ledger.change(who="bob") as change:
        row = change.event("S1")
        row.graceid = {"test": "MS150914a", "local": None, "retracted": "S150914a"}[unspoken]
        row.alert = {"retracted": unspoken == "retracted"}
    begun(site, "S1")
    scan(site, scheduler)
    fail(site, scheduler, L1, exit_code=1)
    summary(site, "S1")
    assert payloads(site) == []
    assert status_of(site, H1) == "uploaded"
    assert answers(site)["H1 omega scan H1_two"][0] == "pass"


def test_two_scans_with_one_channel_set_are_told_apart(site: Site, scheduler: MemoryScheduler) -> None:
    with site.ledger.change(who="bob") as change:
        twin = event("H1_two").replace("scan-H1_two", "other").replace("H1_two}", "H1_two, engine: gwdetchar}")
        apply(change, read_text(twin, "twin.yaml").blueprints)
    assert begun(site, "S1") == ["H1_two [scan-H1_two]", "L1_two", "H1_two [other]"]
    scan(site, scheduler)
    scan(site, scheduler, "other", "partial", reason="it was late")
    assert {name: verdict for name, (verdict, _) in answers(site).items()} == {
        "H1 omega scan H1_two": "pass",
        "H1 omega scan H1_two by gwdetchar": "unknown",
    }


def test_an_event_without_scans_says_nothing(site: Site) -> None:
    with site.ledger.change(who="bob") as change:
        apply(change, read_text("kind: event\nname: S2\nevent time: 1126259462.4\ngid: S150914b\n", "s2.yaml").blueprints)
    assert begun(site, "S2") == []
    assert summary(site, "S2") == ""
    assert payloads(site) == []

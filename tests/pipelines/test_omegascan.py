"""The pipeline of omega scans: what it asks for, what it takes for a result, and a scan from its build to its publication."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.checks import of
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import find_analysis, find_event
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.look import look, page_of
from gwfollow.life.scan_notes import begun, summary
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines.base import Job
from gwfollow.pipelines.omegascan import OVERHEAD_MB, OmegaScan
from gwfollow.pipelines.testing import make_task
from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary
from gwfollow.scans import arrival
from gwfollow.scans.model import CONFIG, DONE, PAGE, RESULT, TABLE
from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.settings import Settings
from omega_scans import GPS, OTHER, STRAIN, event, leave_result, write_set


def pipeline(folder: Path, scan: Any = None, **document: Any) -> OmegaScan:
    task = make_task(folder, {"scan": scan or {"channel set": "H1_two"}, **document}, pipeline="omegascan", event="S1", gps=GPS)
    return OmegaScan(replace(task, configs=folder))


def built(folder: Path, scan: Any = None, **document: Any) -> OmegaScan:
    made = pipeline(folder, scan, **document)
    made.before_config()
    made.build_dag()
    return made


def test_the_build_writes_what_the_worker_reads_and_names_the_sets_files(tmp_path: Path) -> None:
    path = write_set(tmp_path, more="time limit: 900")
    made = pipeline(tmp_path, {"channel set": "H1_two", "time limit": 60, "engine": "gwdetchar"}, scheduler={"request cpus": 3})
    inputs = made.build_dag()

    assert inputs == {"config": made.task.folder / CONFIG, "channel set H1_two.yaml": path}
    config = made.read_ini(made.task.folder / CONFIG)
    assert (config["title"], config["gps"], config["channel_set"], config["engine"]) == ("S1", GPS, "H1_two", "gwdetchar")
    assert (config["time_limit"], config["workers"]) == (60, 3)
    job = made.submit_dag()
    assert job.arguments == ("-m", "gwfollow.scans.worker", ".")
    assert job.folder == made.task.folder


@pytest.mark.parametrize(
    ("scan", "gps", "place"),
    [
        ("H1_two", GPS, "^scan: found"),
        ({"channel set": "H1_too"}, GPS, "H1_two"),
        ({"channel set": "H1_two", "time limit": -1}, GPS, "time limit"),
        ({"channel set": "H1_two", "speed": 1}, GPS, "speed"),
        ({"channel set": "H1_two"}, None, "^event time"),
    ],
)
def test_a_bad_document_is_refused(tmp_path: Path, scan: Any, gps: float | None, place: str) -> None:
    write_set(tmp_path)
    made = pipeline(tmp_path, scan)
    with pytest.raises(InputError, match=place):
        OmegaScan(replace(made.task, gps=gps)).before_config()
    with pytest.raises(InputError, match=place):
        OmegaScan(replace(made.task, gps=gps)).awaits()


def test_it_awaits_each_frame_type_and_all_of_it_where_an_incomplete_scan_is_not_wanted(tmp_path: Path) -> None:
    write_set(tmp_path)
    (some,) = pipeline(tmp_path).awaits()
    assert (some.look_up.frame_type, some.wanted, some.need) == ("H1_SIM_AUX", (1126259457, 1126259468), "some")
    whole = pipeline(tmp_path / "b", {"channel set": "H1_two", "incomplete": "skip"})
    (all_of_it,) = OmegaScan(replace(whole.task, configs=tmp_path)).awaits()
    assert all_of_it.need == "all"


def test_the_sets_accounting_counts_where_the_document_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, more="memory: 700 MB\nscheduler: {accounting group: ligo.dev.o4.detchar, request cpus: 4}")
    monkeypatch.setenv("GWDATAFIND_SERVER", "datafind.example.org")
    ours = pipeline(tmp_path).submit_dag().resources
    assert (ours.accounting_group, ours.cpus, ours.memory_mb) == ("ligo.dev.o4.detchar", 4, 700 + OVERHEAD_MB)
    assert ours.environment == {"GWDATAFIND_SERVER": "datafind.example.org"}
    theirs = pipeline(tmp_path / "b", None, scheduler={"accounting group": "ligo.prod", "request memory": "3 GB"})
    resources = OmegaScan(replace(theirs.task, configs=tmp_path)).submit_dag().resources
    assert (resources.accounting_group, resources.cpus, resources.memory_mb) == ("ligo.prod", 4, 3072)


def test_channels_may_be_named_one_by_one(tmp_path: Path) -> None:
    frame_types = {"H1_R": {"look up": [{"folder": "/frames"}]}}
    made = built(tmp_path, {"ifo": "H1", "channels": ["H1:A", "H1:B"], "frame types": frame_types})
    assert made.read_ini(made.task.folder / CONFIG)["blocks"][0]["channels"] == ["H1:A", "H1:B"]
    assert set(made.build_dag()) == {"config"}


@pytest.mark.parametrize("state", ["complete", "partial"])
def test_results_are_whole_with_page_table_and_figures(tmp_path: Path, state: Any) -> None:
    write_set(tmp_path)
    made = built(tmp_path)
    assert not made.detect_completion()
    leave_result(made.task.folder, state, reason="" if state == "complete" else "H1_SIM_AUX is missing [1, 2)")
    assert made.detect_completion()
    assets = made.collect_assets()
    assert {name: file[""].path.name for name, file in assets.items()} == {
        "scan": RESULT,
        "pages": PAGE,
        "table": TABLE,
        "config": CONFIG,
    }
    assert {name: path.name for name, path in made.store_results().items()} == {"scan": RESULT, "H1_omegascan.png": "strain.png"}
    (answer,) = made.checks()
    assert (answer.name, answer.ifo, answer.process) == ("H1 omega scan H1_two", "H1", "omega scan")
    assert answer.verdict == ("pass" if state == "complete" else "unknown")
    assert "says nothing of whether the data are good" in answer.summary
    json.dumps(answer.details)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / RESULT).write_text((folder / RESULT).read_text()[:-20]), "not whole"),
        (lambda folder: change(folder, state="running"), "the scan is running"),
        (lambda folder: change(folder, state="failed", reason="no frames"), "the scan is failed: no frames"),
        (lambda folder: change(folder, gps=GPS + 1), "of another scan"),
        (lambda folder: change(folder, waiting=1), "no end of 1 channels"),
        (lambda folder: change(folder, channels=[]), "no end of 2 channels"),
        (lambda folder: (folder / PAGE).unlink(), "index.html is missing"),
        (lambda folder: (folder / TABLE).write_text(""), "summary.csv is missing or empty"),
        (lambda folder: (folder / "plots" / "strain.png").unlink(), "strain.png is missing"),
    ],
)
def test_what_is_not_whole_is_no_result(tmp_path: Path, spoil: Any, why: str) -> None:
    write_set(tmp_path)
    made = built(tmp_path)
    leave_result(made.task.folder)
    made.check()
    spoil(made.task.folder)
    with pytest.raises(PipelineError, match=why):
        made.check()


def change(folder: Path, **values: Any) -> None:
    (folder / RESULT).write_text(json.dumps(json.loads((folder / RESULT).read_text()) | values))


def test_progress_counts_the_channels_that_have_their_end(tmp_path: Path) -> None:
    write_set(tmp_path)
    made = pipeline(tmp_path)
    assert (made.check_progress().fraction, made.check_progress().text) == (None, "")
    made.build_dag()
    result = leave_result(made.task.folder)
    (made.task.folder / DONE).write_text(result.channels[0].model_dump_json() + "\n" + '{"channel": "H1:PEM')
    assert (made.check_progress().fraction, made.check_progress().text) == (0.5, "1 of 2 channels, 1 significant")


def test_a_job_that_died_goes_on_in_its_folder_but_not_one_that_says_that_it_failed(tmp_path: Path) -> None:
    write_set(tmp_path)
    made = built(tmp_path)
    killed, ended = JobStatus(JobState.COMPLETED, signal=9), JobStatus(JobState.COMPLETED, exit_code=3)
    again = made.resurrect(killed)
    assert isinstance(again, Job)
    assert again.folder == made.task.folder
    (made.task.folder / "omegascan.err").write_text("note\ndisk: No space left on device\n")
    assert made.failure_reason(killed) == ("the job ended without a result (killed by signal 9): disk: No space left on device")
    assert made.resurrect(JobStatus(JobState.COMPLETED, signal=signal.SIGALRM)) is None  # it hung
    leave_result(made.task.folder, "failed", reason="no channel could be scanned")
    assert made.resurrect(ended) is None
    assert made.failure_reason(ended) == "no channel could be scanned (exit code 3)"


def test_downloaded_frames_are_not_stored_with_the_page(tmp_path: Path) -> None:
    write_set(tmp_path)
    made = built(tmp_path)
    (made.task.folder / arrival.FRAMES).mkdir()
    (made.task.folder / arrival.FRAMES / "H-H1_R-1126259392-64.gwf").write_bytes(b"IGWD")
    for _ in range(2):
        made.after_processing()
    assert not (made.task.folder / arrival.FRAMES).exists()


def test_cleaning_leaves_the_results(tmp_path: Path) -> None:
    write_set(tmp_path)
    made = built(tmp_path)
    leave_result(made.task.folder)
    kept = {file[""].path for file in made.collect_assets().values()}
    assert not kept & set(made.clean())


# ---- from the build to the publication, with the real worker ---------------------------------------------------------------------
@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A superevent with frames of H1 around it, and the first half of them of L1; jobs run on this machine."""
    glitch = (Glitch(GPS, 60, amplitude=20),)
    for ifo, end in (("H1", 1126259472), ("L1", 1126259466)):
        channels = [Auxiliary(f"{ifo}{name[2:]}", 512, glitch if name == STRAIN else ()) for name in (STRAIN, OTHER)]
        write_auxiliary(tmp_path / "frames", ifo, channels, start=1126259452, end=end, length=10)
    for name in ("H1_two", "L1_two", "H1_slow"):
        write_set(tmp_path, name, frames=tmp_path / "frames", more="time limit: 0.001" if name == "H1_slow" else "")
    settings = Settings(home=str(tmp_path / "home"), configs=str(tmp_path), scheduler="local")
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text(event("H1_two", "L1_two", "H1_slow"), "s1.yaml").blueprints)
    yield Site(ledger, settings, who="test")
    ledger.close()


def said(site: Site) -> list[str]:
    with site.ledger.read() as session:
        rows = session.scalars(select(Outbox.payload).where(Outbox.destination == "gracedb").order_by(Outbox.id))
        return [payload["comment"] for payload in rows]


def wait(site: Site, analysis: str) -> str:
    """To the end of the job; why it is stuck, else nothing."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if settle(site, "S1", analysis).verdict is Verdict.DONE:
                return ""
        except PipelineError as error:
            return str(error)
        time.sleep(0.2)
    raise TimeoutError(look(site.ledger, "S1", analysis))


@pytest.mark.slow
def test_scans_go_side_by_side_from_build_to_publication_each_told_as_it_ended(site: Site) -> None:
    assert begun(site, "S1") == ["H1_two", "L1_two", "H1_slow"]
    names = [f"scan-{name}" for name in ("H1_two", "L1_two", "H1_slow")]
    for name in names:
        build(site, "S1", name)
        submit(site, "S1", name)
    ends = {name: wait(site, name) for name in names}
    assert ends["scan-H1_two"] == ends["scan-L1_two"] == ""
    for name in ("scan-H1_two", "scan-L1_two"):
        for _ in range(2):  # a second time changes nothing
            collect(site, "S1", name)
            process(site, "S1", name)
            publish(site, "S1", name)
    summary(site, "S1")

    assert "time limit of 0.001 s is over" in ends["scan-H1_slow"]
    assert "H1_two" in page_of(site.ledger, "S1", "scan-H1_two").read_text()
    words = said(site)
    (whole,) = [text for text in words if "H1_two of S1 finished" in text]
    assert "finished, attempt 1: 1 of 2 scanned channels significant, loudest H1:GDS-CALIB_STRAIN (SNR" in whole
    assert words.count("omega scan H1_two of S1: H1_omegascan.png") == 1
    (part,) = [text for text in words if "L1_two of S1 finished" in text]
    assert "finished in part" in part
    assert "L1_SIM_AUX is missing [1126259466, 1126259467)" in part
    assert sum("omega scan H1_slow of S1 failed, attempt 1" in text and "exit code 3" in text for text in words) == 1
    assert not any("H1_slow of S1 finished" in text for text in words)
    assert words[-1].startswith("automatic omega scans finished for: H1_two; finished in part for: L1_two (")
    assert "; failed for: H1_slow (" in words[-1]
    with site.ledger.read() as session:
        verdicts = {row.name: row.verdict for row in of(session, find_event(session, "S1"))}
        assert find_analysis(session, "S1", "scan-L1_two").status == "uploaded"
    assert verdicts == {
        "H1 omega scan H1_two": "pass",
        "L1 omega scan L1_two": "unknown",
        "H1 omega scan H1_slow": "unknown",
    }

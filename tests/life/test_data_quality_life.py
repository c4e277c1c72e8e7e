"""From frames to the event's record and GraceDB's labels: each told once, and told again when a verdict changes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy
import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from deadly_frames import CRASHES, flipped
from gwfollow.errors import PipelineError
from gwfollow.ledger import checks
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.outbox import deliver
from gwfollow.ledger.schema import Journal, Outbox
from gwfollow.ledger.store import Ledger, find_event
from gwfollow.life import NoWork, Site, data_quality
from gwfollow.life.awaited import look
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.site import pipeline_for, task_for
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines.base import CheckResult
from gwfollow.quality import worker
from gwfollow.schedulers.base import Job, JobState
from gwfollow.schedulers.local import Local
from gwfollow.schedulers.local_state import JobFolder
from gwfollow.settings import Settings
from gwfollow.times import utc_to_gps

EVENT, GPS, FIRST = "S200316bj", 1000000010.5, 1000000000
GOOD = 0b111100011
BLUEPRINT = """
kind: event
name: {event}
gid: {event}
event time: {gps}
interferometers: [H1, L1]
---
kind: analysis
name: state
pipeline: dataquality
event: {event}
checks:
  pipeline: gstlal
  group: CBC
  frames:
    low latency:
      H1: [{{frame_type: H1_T, timeout: 0, ways: [{{way: folder, path: {frames}}}]}}]
      L1: [{{frame_type: L1_T, timeout: 0, ways: [{{way: folder, path: {frames}}}]}}]
"""


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    return tmp_path / "frames"


@pytest.fixture
def site(tmp_path: Path, frames: Path, scheduler: MemoryScheduler) -> Iterator[Site]:
    """The event with its state checks; jobs run where the test says so."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINT.format(event=EVENT, gps=GPS, frames=frames), "test.yaml").blueprints)
    settings = Settings(home=str(tmp_path / "home"), scheduler="memory")
    yield Site(ledger, settings, who="test", scheduler_for=lambda name, settings: scheduler)
    ledger.close()


@pytest.fixture
def run(site: Site, scheduler: MemoryScheduler) -> Callable[[], None]:
    """Every step of the next attempt, each twice; the job runs in this process."""

    def all_steps() -> None:
        if status(site) == "uploaded":
            site.ledger.run(lambda change: change.set_status(change.analysis(EVENT, "state"), "restart"), who="test")
        folder = build(site, EVENT, "state").folder
        job_id = submit(site, EVENT, "state").job_id
        assert worker.main([str(folder)]) == 0
        scheduler.set(job_id, JobState.COMPLETED, exit_code=0)
        for _ in range(2):
            collect(site, EVENT, "state")
            process(site, EVENT, "state")
            publish(site, EVENT, "state")

    return all_steps


def frame(frames: Path, ifo: str = "H1", *, off: int | None = None, first: int = FIRST) -> None:
    """20 s of good states, but for one bit of one sample at the event's time."""
    import lal
    import lalframe

    samples = numpy.full(320, GOOD, dtype=numpy.uint32)
    if off is not None:
        samples[168] &= ~numpy.uint32(1 << off)
    series = lal.CreateUINT4TimeSeries(f"{ifo}:GDS-CALIB_STATE_VECTOR", first, 0, 1 / 16, lal.DimensionlessUnit, 320)
    series.data.data = samples
    made = lalframe.FrameNew(lal.LIGOTimeGPS(first), 20, "gwfollow", 0, 0, 0)
    lalframe.FrameAddUINT4TimeSeriesProcData(made, series)
    lalframe.FrameWrite(made, str(frames / f"{ifo[0]}-{ifo}_T-{first}-20.gwf"))


def status(site: Site) -> str:
    with site.ledger.read() as session:
        return find_event(session, EVENT).analyses[0].status


def labels(site: Site) -> list[str]:
    """What was asked of labels, in order."""
    with site.ledger.read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.kind.in_(["label", "unlabel"])).order_by(Outbox.id)).all()
        return [f"{'+' if row.kind == 'label' else '-'}{row.payload['label']}" for row in rows]


def logs(site: Site) -> list[dict[str, Any]]:
    with site.ledger.read() as session:
        return [row.payload for row in session.scalars(select(Outbox).where(Outbox.kind == "log").order_by(Outbox.id))]


def record(site: Site) -> dict[str, Any]:
    with site.ledger.read() as session:
        return checks.as_document(session, find_event(session, EVENT))


def journal(site: Site, words: str) -> list[Journal]:
    with site.ledger.read() as session:
        return [row for row in session.scalars(select(Journal).order_by(Journal.id)) if words in row.what]


def say(site: Site, name: str, verdict: Any, *, by: str = "person", ifo: str = "", who: str = "alice") -> list[str]:
    policy = data_quality.policy(site.settings)
    result = CheckResult(name, by, verdict, ifo, "looked at it")
    return site.ledger.run(lambda change: data_quality.answer(change, change.event(EVENT), result, policy), who=who)


def test_it_awaits_the_frames_of_the_window_and_runs_also_without_them(site: Site) -> None:
    build(site, EVENT, "state")
    with site.ledger.read() as session:
        row = find_event(session, EVENT).analyses[0]
        pipeline = pipeline_for(task_for(session, row, row.attempts[0], site.settings))
    awaited = [(each.look_up.frame_type, each.wanted, each.need) for each in pipeline.awaits()]
    assert awaited == [("H1_T", (FIRST + 8, FIRST + 13), "none"), ("L1_T", (FIRST + 8, FIRST + 13), "none")]
    seen = look(site, EVENT, "state")
    assert (seen.over, seen.complete, seen.lack()) == (True, False, "")  # the deadline has passed, and nothing is skipped


def test_the_job_is_told_where_to_ask_for_frames(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWDATAFIND_SERVER", "datafind.example.org:443")
    build(site, EVENT, "state")
    with site.ledger.read() as session:
        row = find_event(session, EVENT).analyses[0]
        pipeline = pipeline_for(task_for(session, row, row.attempts[0], site.settings))
    work = pipeline.submit_dag()
    assert isinstance(work, Job)
    assert work.resources.environment["GWDATAFIND_SERVER"] == "datafind.example.org:443"


def test_good_data_are_ok_and_everything_is_told_once(site: Site, run: Callable[[], None], frames: Path, checkout: Path) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    run()
    found = record(site)
    assert (found["state"], len(found["checks"])) == ("pass", 12)
    assert labels(site) == ["+DQOK", "-DQV"]
    (log,) = logs(site)
    assert (log["tags"], log["filename"]) == (["data_quality"], "dataquality.json")
    assert "H1 pass: HOFT_OK, OBSERVATION_INTENT, " in log["comment"]
    assert "Not asked: H1:DMT-DQ_VECTOR: gstlal takes gated strain" in log["comment"]
    assert len(journal(site, "checks of the data")) == 1

    schema = json.loads((checkout / "docs" / "dataquality.schema.json").read_text())
    for document in (found, json.loads(Path(log["file"]).read_text())):
        jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | {"state": "ok"}, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "checks": [{**document["checks"][0], "details": {"bit": 0}}]}, schema)


def test_a_fail_in_a_detector_that_took_part_is_a_veto_and_is_named_first(
    site: Site, run: Callable[[], None], frames: Path
) -> None:
    frame(frames, "H1"), frame(frames, "L1", off=1)
    run()
    assert labels(site) == ["+DQV", "-DQOK"]
    said = logs(site)[0]["comment"]
    assert f"fail. L1 FAIL: OBSERVATION_INTENT (off in 1 of 64 samples, from GPS {FIRST + 10.5})" in said
    assert said.index("L1 FAIL") < said.index("H1 pass")


def test_unknown_is_no_dqok_and_removes_nothing_that_others_have_set(site: Site, run: Callable[[], None], frames: Path) -> None:
    frame(frames, "H1")
    run()
    assert record(site)["state"] == "unknown"
    assert labels(site) == []
    assert "L1 unknown: HOFT_OK (not known for" in logs(site)[0]["comment"]


def test_a_file_that_kills_its_reader_leaves_the_analysis_whole_and_its_detector_unknown(
    site: Site, run: Callable[[], None], frames: Path
) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    flipped(frames / f"L-L1_T-{FIRST}-20.gwf", *CRASHES)
    run()
    assert (status(site), labels(site)) == ("uploaded", [])
    said = logs(site)[0]["comment"]
    assert f"L-L1_T-{FIRST}-20.gwf: the process that read it was ended by SIGSEGV" in said
    assert "H1 pass: HOFT_OK" in said


def test_an_injection_has_its_own_label_and_is_no_veto(site: Site, run: Callable[[], None], frames: Path) -> None:
    frame(frames, "H1", off=6), frame(frames, "L1")
    run()
    assert labels(site) == ["+DQOK", "-DQV", "+INJ"]


def test_labels_change_when_verdicts_do_and_inj_stays(site: Site, run: Callable[[], None], frames: Path) -> None:
    frame(frames, "H1", off=6), frame(frames, "L1")
    run()
    frame(frames, "H1", off=0)  # the injection is not seen any more
    run()
    assert labels(site) == ["+DQOK", "-DQV", "+INJ", "+DQV", "-DQOK"]
    frame(frames, "H1")
    run()
    run()  # nothing has changed
    assert labels(site)[5:] == ["+DQOK", "-DQV"]
    (frames / f"L-L1_T-{FIRST}-20.gwf").unlink()
    run()
    assert labels(site)[7:] == ["-DQOK"]
    changed = [row.details for row in journal(site, "checks of the data")]
    assert changed[1] == {"H1 HOFT_OK": "pass -> fail", "H1 NO_CBC_HW_INJ": "fail -> pass"}
    assert len(changed) == 4


def test_a_detector_that_did_not_take_part_changes_no_label(site: Site, run: Callable[[], None], frames: Path) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    run()
    assert say(site, "V1 HOFT_OK", "fail", by="state vector", ifo="V1") == ["V1 HOFT_OK"]
    assert record(site)["state"] == "pass"
    assert labels(site) == ["+DQOK", "-DQV"]


def test_a_person_joins_a_check_or_corrects_one_and_labels_follow_where_it_counts(
    site: Site, run: Callable[[], None], frames: Path
) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    run()
    assert say(site, "scattered light", "fail") == ["scattered light"]
    assert record(site)["state"] == "fail"
    assert say(site, "L1 HOFT_OK", "fail", by="state vector", ifo="L1") == ["L1 HOFT_OK", "+DQV", "-DQOK"]
    assert say(site, "L1 HOFT_OK", "fail", by="state vector", ifo="L1") == []
    assert [log["comment"] for log in logs(site)[1:]] == [
        f"gwfollow: data quality of {EVENT}, recorded by alice: scattered light: fail (looked at it)",
        f"gwfollow: data quality of {EVENT}, recorded by alice: L1 HOFT_OK: fail (looked at it)",
    ]


def test_what_an_analysis_does_not_ask_any_more_is_taken_away_and_what_others_said_stays(
    site: Site, run: Callable[[], None], frames: Path
) -> None:
    frame(frames, "H1"), frame(frames, "L1", off=0)
    say(site, "scattered light", "pass")
    run()

    def without_l1(change: Any) -> None:
        event = change.event(EVENT)
        event.document = event.document | {"interferometers": ["H1"]}

    site.ledger.run(without_l1, who="test")
    run()
    assert {check["ifo"] for check in record(site)["checks"]} == {"", "H1"}
    assert labels(site) == ["+DQV", "-DQOK", "+DQOK", "-DQV"]
    assert journal(site, "checks of the data")[-1].details["L1 HOFT_OK"] == "fail -> not asked any more"


@pytest.mark.parametrize("category", ["Test", "MDC"])
def test_nothing_of_a_test_leaves_the_house(site: Site, run: Callable[[], None], frames: Path, category: str) -> None:
    def as_test(change: Any) -> None:
        change.event(EVENT).category = category

    site.ledger.run(as_test, who="test")
    frame(frames, "H1"), frame(frames, "L1")
    run()
    say(site, "scattered light", "fail")
    assert (labels(site), logs(site)) == ([], [])
    assert len(record(site)["checks"]) == 13


def test_labels_wait_for_the_approval_that_publishing_waits_for(site: Site, run: Callable[[], None], frames: Path) -> None:
    def reviewed(change: Any) -> None:
        change.analysis(EVENT, "state").review_first = True

    site.ledger.run(reviewed, who="test")
    frame(frames, "H1"), frame(frames, "L1")
    with pytest.raises(NoWork, match="not published"):
        run()
    assert (record(site)["state"], labels(site)) == ("pass", [])


def test_checks_that_fail_are_unknown_and_take_back_what_was_said(
    site: Site, run: Callable[[], None], scheduler: MemoryScheduler, frames: Path
) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    run()
    site.ledger.run(lambda change: change.set_status(change.analysis(EVENT, "state"), "restart"), who="test")
    build(site, EVENT, "state")
    scheduler.set(submit(site, EVENT, "state").job_id, JobState.COMPLETED, exit_code=1)
    assert labels(site) == ["+DQOK", "-DQV"]  # a second look begins: the first one's answers stand
    for _ in range(2):
        with pytest.raises(PipelineError):
            settle(site, EVENT, "state")
    assert {check["state"] for check in record(site)["checks"]} == {"unknown"}
    assert labels(site)[2:] == ["-DQOK"]
    assert ["could not be checked" in log["comment"] for log in logs(site)] == [False, True]


def test_checks_that_never_began_leave_an_unknown_for_each_detector(site: Site) -> None:
    def wrong(change: Any) -> None:
        row = change.analysis(EVENT, "state")
        row.document = row.document | {"checks": {"pipelin": "gstlal"}}

    site.ledger.run(wrong, who="test")
    with pytest.raises(PipelineError, match="no key is called 'pipelin'"):
        build(site, EVENT, "state")
    assert {check["name"]: check["state"] for check in record(site)["checks"]} == {
        "H1 state vector": "unknown",
        "L1 state vector": "unknown",
    }
    assert labels(site) == []


def test_of_a_retracted_event_nothing_more_is_said(site: Site, run: Callable[[], None], frames: Path) -> None:
    frame(frames, "H1"), frame(frames, "L1")
    run()
    site.ledger.run(lambda change: setattr(change.event(EVENT), "alert", {"retracted": True}), who="test")
    say(site, "L1 HOFT_OK", "fail", by="state vector", ifo="L1")
    assert record(site)["state"] == "fail"
    assert (len(labels(site)), len(logs(site))) == (2, 1)


def test_a_result_of_another_window_is_not_taken(site: Site, scheduler: MemoryScheduler, frames: Path) -> None:
    folder = build(site, EVENT, "state").folder
    scheduler.set(submit(site, EVENT, "state").job_id, JobState.COMPLETED, exit_code=0)
    assert worker.main([str(folder)]) == 0
    found = json.loads((folder / worker.RESULT).read_text())
    (folder / worker.RESULT).write_text(json.dumps(found | {"window": [0, 1]}))
    with pytest.raises(PipelineError, match="not complete"):
        collect(site, EVENT, "state")
    assert {check["state"] for check in record(site)["checks"]} == {"unknown"}


@pytest.mark.slow
def test_a_job_of_the_local_scheduler_ends_in_gracedb(site: Site, frames: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from ligo.gracedb.test import integration

    from gwfollow.gracedb.client import GraceDBClient
    from gwfollow.gracedb.writer import GraceDBWriter
    from gwfollow.sandbox.gracedb import LocalGraceDB

    real = Site(site.ledger, Settings(home=str(tmp_path / "home"), scheduler="local"), who="test")
    frame(frames, "H1"), frame(frames, "L1", off=0)
    with LocalGraceDB(tmp_path / "gracedb") as server:
        client = GraceDBClient(server.url, ca=server.ca, token=server.token())
        graceid = client.create_event("CBC", "gstlal", Path(integration.__file__).parent / "data" / "cbc-lm.xml")["graceid"]

        def named(change: Any) -> None:
            change.event(EVENT).graceid = graceid

        real.ledger.run(named, who="test")
        by_scheduler(real)
        assert deliver(real.ledger, {"gracedb": GraceDBWriter(client)}, who="upkeep").pending == 0
        assert client.labels(graceid) == {"DQV"}

        frame(frames, "L1")
        real.ledger.run(lambda change: change.set_status(change.analysis(EVENT, "state"), "restart"), who="test")
        by_scheduler(real)
        assert deliver(real.ledger, {"gracedb": GraceDBWriter(client)}, who="upkeep").pending == 0
        assert client.labels(graceid) == {"DQOK"}
        entries = [entry for entry in client.logs(graceid) if "data_quality" in entry["tag_names"]]
        assert ["FAIL" in entry["comment"] for entry in entries] == [True, False]
        assert json.loads(client.download(graceid, "dataquality.json"))["state"] == "pass"


@pytest.mark.slow
def test_a_job_that_is_killed_while_it_waits_for_frames_is_run_again(site: Site, frames: Path, tmp_path: Path) -> None:
    real = Site(site.ledger, Settings(home=str(tmp_path / "home"), scheduler="local"), who="test")
    now = int(utc_to_gps(datetime.now(UTC)))

    def recent(change: Any) -> None:
        event, row = change.event(EVENT), change.analysis(EVENT, "state")
        event.gps, event.document = float(now), event.document | {"interferometers": ["H1"]}
        types = {"H1_T": {"look up": [{"folder": str(frames)}], "timeout": 3600}}
        row.document = row.document | {"checks": {"pipeline": "gstlal", "frames": {"low latency": {"H1": types}}}}

    real.ledger.run(recent, who="test")
    build(real, EVENT, "state")
    first = submit(real, EVENT, "state").job_id
    assert settle(real, EVENT, "state").verdict is Verdict.WAIT
    scheduler = real.scheduler("local")
    assert isinstance(scheduler, Local)
    while (job := JobFolder(scheduler._root / first).process) is None:
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    while (settled := settle(real, EVENT, "state")).verdict is Verdict.WAIT and settled.job_id == first:
        time.sleep(0.05)
    frame(frames, "H1", first=now - 10)
    finish_by_scheduler(real)
    assert record(real)["state"] == "pass"
    with real.ledger.read() as session:
        (attempt,) = find_event(session, EVENT).analyses[0].attempts
        assert [(job.number, job.outcome.get("signal")) for job in attempt.jobs] == [(0, 9), (1, None)]


def by_scheduler(site: Site) -> None:
    build(site, EVENT, "state")
    submit(site, EVENT, "state")
    finish_by_scheduler(site)


def finish_by_scheduler(site: Site) -> None:
    while settle(site, EVENT, "state").verdict is not Verdict.DONE:
        time.sleep(0.1)
    collect(site, EVENT, "state")
    publish(site, EVENT, "state")

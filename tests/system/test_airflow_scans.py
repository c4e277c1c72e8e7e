"""Scans on a real Airflow: side by side in the event's DAG, whose data come at once, late and never; and one on request, by its form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_scans import CHANNELS, record, scan
from stage import Stage, until

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import find_event
from gwfollow.life.request import SOURCE
from gwfollow.naming import event_dag_id
from gwfollow.times import utc_to_gps

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def now() -> int:
    """GPS s: the time of the event, just over."""
    return int(utc_to_gps(datetime.now(UTC))) - 4


@pytest.fixture
def folder(stage: Stage) -> Path:
    """Where frames are looked for."""
    return stage.settings.home_folder / "frames"


def test_of_scans_side_by_side_the_late_one_is_waited_for_and_the_one_without_data_is_skipped(
    stage: Stage, now: int, folder: Path
) -> None:
    record(folder, "EARLY", now, 8)
    scans = [scan("early", "EARLY", folder, 30), scan("late", "LATE", folder, 300), scan("never", "NEVER", folder, 10)]
    documents = [f"kind: event\nname: E-scans\nevent time: {now}\ninterferometers: [H1]\n"]
    documents += [f"kind: analysis\nevent: E-scans\n{text}" for text in scans]
    documents += ["kind: analysis\nevent: E-scans\npipeline: toy\nname: after\nneeds: [early]\ntoy: {go: true}\n"]
    with stage.ledger.change(who="test") as change:
        apply(change, read_text("---\n".join(documents), "scans.yaml").blueprints)
    stage.deliver()

    # neither the one that waits nor the one that gets nothing holds up the others
    stage.until_status("E-scans", "early", "uploaded")
    stage.until_status("E-scans", "never", "cancelled")
    stage.until_status("E-scans", "after", "uploaded")
    assert stage.task("E-scans", "data_quality.late.data")["state"] == "deferred"
    assert stage.task("E-scans", "data_quality.summary")["state"] is None
    assert stage.row("E-scans", "never").reason.startswith("skipped: ")

    record(folder, "LATE", now, 8)
    stage.until_status("E-scans", "late", "uploaded")
    stage.until_task("E-scans", "verdict", "success")
    assert stage.task("E-scans", "data_quality.never.data")["state"] == "skipped"
    assert stage.task("E-scans", "data_quality.never.publish")["state"] == "skipped"
    said = stage.pushed("E-scans", "data_quality.summary")["summary"]
    assert "finished for: early, late; skipped: never (" in said
    assert stage.pushed("E-scans", "data_quality.early.scan")["key"] == "E-scans/early/1"
    result = json.loads((stage.folder("E-scans", "early") / "scan.json").read_text())
    loudest = result["channels"][0]
    assert (loudest["channel"], loudest["significant"]) == (CHANNELS[1], True)
    assert loudest["peak"]["time"] == pytest.approx(now + 0.2, abs=0.1)


def test_a_scan_of_any_time_is_asked_for_by_the_form_and_followed_to_its_end(stage: Stage, now: int, folder: Path) -> None:
    gps = now - 5000
    record(folder, "PAST", gps, 40)
    form = {
        "gps": gps,
        "channels": CHANNELS,
        "frame_type": "H1_PAST",
        "frames": str(folder),
        "scheduler": "local",
        "title": "who was there?",
    }
    until(lambda: stage.api.dag("omega_scan") is not None)
    stage.api.start_run("omega_scan", "by-form", form)
    stage.api.start_run("omega_scan", "in-vain", form | {"gps": gps - 1000, "frame_type": "H1_NOTHING"})
    event = f"scan-{gps}.000"

    def state(task: str, run: str = "by-form") -> dict[str, object]:
        return stage.api._call("GET", f"dags/omega_scan/dagRuns/{run}/taskInstances/{task}", missing_ok=True) or {}

    until(lambda: state("follow").get("state") in ("success", "failed"), lambda: stage.explain(event))
    assert state("follow")["state"] == "success"
    with stage.ledger.read() as session:
        found = find_event(session, event)
        (row,) = found.analyses
        assert (found.source, found.gps) == (SOURCE, gps)
    assert row.name.startswith("scan-H1-")
    assert (row.status, row.comment) == ("uploaded", "who was there?")
    assert (stage.folder(event, row.name) / "index.html").is_file()
    links = stage.api._call("GET", "dags/omega_scan/dagRuns/by-form/taskInstances/follow/links") or {}
    assert links["extra_links"]["Result page"].endswith(f"/gwfollow/results/{event}/{row.name}/")
    # the run of the event's own DAG, which did the work
    until(lambda: stage.api.dag_runs(event_dag_id(event))[0]["state"] == "success", lambda: stage.explain(event))

    # without frames the request ends as the scan does: no scan, and why
    until(lambda: state("follow", "in-vain").get("state") in ("success", "failed"), lambda: stage.explain(event))
    assert state("follow", "in-vain")["state"] == "failed"
    assert "is cancelled: skipped: " in str(state("follow", "in-vain")["note"])


def test_the_form_is_refused_where_it_is_wrong_and_nothing_is_made(stage: Stage) -> None:
    bad = stage.api._request(
        "POST", "dags/omega_scan/dagRuns", json={"dag_run_id": "bad", "logical_date": None, "conf": {"gps": "x"}}
    )
    assert bad.status_code in (400, 422)
    assert "gps" in bad.text

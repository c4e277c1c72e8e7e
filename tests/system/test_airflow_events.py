"""Events on a real Airflow and a real HTCondor: what a person sees and does in the web UI has its effect, once."""

from __future__ import annotations

import os
import signal

import pytest
from sqlalchemy import select
from stage import Stage, until

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Journal
from gwfollow.naming import event_dag_id
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers import get

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


def test_an_event_goes_from_its_blueprint_to_uploaded(stage: Stage) -> None:
    stage.apply("E-plain", "name: first\ntoy: {go: true}", "name: second\nneeds: [first]\ntoy: {go: true}")
    stage.until_status("E-plain", "second", "uploaded")
    stage.until_task("E-plain", "verdict", "success")
    assert stage.runs("E-plain", "first") == stage.runs("E-plain", "second") == 1
    # what one group hands to the next: in XCom as in the ledger
    collected, built = stage.pushed("E-plain", "first.collect"), stage.pushed("E-plain", "second.build")
    assert built["taken"] == {"first": collected}
    assert built["differs"] == []
    assert collected["assets"]
    dag = stage.api.dag(event_dag_id("E-plain"))
    assert {tag["name"] for tag in dag["tags"]} >= {"gwfollow", "source:blueprint"}
    assert "1126259462.400 s" in dag["doc_md"]


def test_an_analysis_over_two_events_starts_when_the_last_that_it_needs_is_finished(stage: Stage) -> None:
    stage.apply("E-far", "name: late")
    text = "kind: projectanalysis\nname: joint\npipeline: toy\nsubjects: [E-plain, E-far]\nanalyses: [E-plain/second, E-far/late]\ntoy: {go: true}"
    with stage.ledger.change(who="test") as change:
        apply(change, read_text(text, "joint.yaml").blueprints)
    stage.deliver()
    stage.until_status("E-far", "late", "running")
    stage.until_task("project", "verdict", "success")  # the run that came with it has nothing to do yet
    assert "| joint | toy | E-plain, E-far | E-plain/second, E-far/late |" in stage.api.dag(event_dag_id("project"))["doc_md"]
    assert (stage.task("project", "joint.build")["state"], stage.row("project", "joint").attempt) == ("skipped", 0)
    stage.go("E-far", "late")
    stage.until_status("E-far", "late", "finished", "processing", "uploaded")
    stage.deliver()
    stage.until_status("project", "joint", "uploaded")
    assert stage.runs("project", "joint") == 1


def test_a_second_run_does_nothing_twice(stage: Stage) -> None:
    stage.apply("E-twice", "name: only\ntoy: {go: true}")
    stage.until_status("E-twice", "only", "uploaded")
    stage.api.start_run(event_dag_id("E-twice"), "by-hand")
    stage.until_task("E-twice", "verdict", "success", run_id="by-hand")
    assert stage.task("E-twice", "only.build", "by-hand")["state"] == "skipped"
    assert stage.runs("E-twice", "only") == 1


def test_a_stuck_analysis_holds_up_only_what_needs_it(stage: Stage) -> None:
    stage.apply(
        "E-stuck",
        "name: bad\ntoy: {go: true, exit: 3}",
        "name: after-bad\nneeds: [bad]\ntoy: {go: true}",
        "name: good\ntoy: {go: true}",
    )
    stage.until_status("E-stuck", "good", "uploaded")
    stage.until_status("E-stuck", "bad", "stuck")
    assert "exit code 3" in stage.row("E-stuck", "bad").reason
    stage.until_task("E-stuck", "verdict", "upstream_failed")
    assert stage.row("E-stuck", "after-bad").status == "ready"
    until(lambda: stage.api.dag_runs(event_dag_id("E-stuck"))[0]["state"] == "failed")


def test_a_new_analysis_on_a_running_event_starts_without_disturbing_the_others(stage: Stage) -> None:
    stage.apply("E-more", "name: long")
    stage.until_status("E-more", "long", "running")
    first_run = stage.api.dag_runs(event_dag_id("E-more"))[0]["dag_run_id"]
    stage.until_task("E-more", "long.wait", "deferred", run_id=first_run)
    stage.add("E-more", "name: quick\ntoy: {go: true}")
    stage.until_status("E-more", "quick", "uploaded")
    assert stage.row("E-more", "long").status == "running"
    stage.go("E-more", "long")
    stage.until_status("E-more", "long", "uploaded")
    assert stage.runs("E-more", "long") == 1


def test_a_held_job_makes_the_analysis_stuck_with_htcondors_reason(stage: Stage) -> None:
    stage.apply("E-held", "name: held\ntoy: {no executable: true}")
    stage.until_status("E-held", "held", "stuck")
    assert "held" in stage.row("E-held", "held").reason
    assert "nothing-here" in stage.row("E-held", "held").reason or "execut" in stage.row("E-held", "held").reason


def test_marking_the_wait_as_failed_removes_the_job(stage: Stage) -> None:
    stage.apply("E-mark", "name: unwanted")
    stage.until_status("E-mark", "unwanted", "running")
    run = stage.api.dag_runs(event_dag_id("E-mark"))[0]["dag_run_id"]
    # the triggerer takes the task up a moment after it is deferred; before that there is nothing to tell of the mark
    until(lambda: bool(stage.task("E-mark", "unwanted.wait", run).get("triggerer_job")), lambda: stage.explain("E-mark"))
    path = f"dags/{event_dag_id('E-mark')}/dagRuns/{run}/taskInstances/unwanted.wait"
    stage.api._call("PATCH", path, json={"new_state": "failed"})
    stage.until_status("E-mark", "unwanted", "stopped")
    job_id = stage.job_id("E-mark", "unwanted")
    assert get("htcondor", stage.settings).query([job_id])[job_id].state.value == "removed"

    with stage.ledger.read() as session:
        entries = session.scalars(select(Journal).where(Journal.event == "E-mark", Journal.what == "running -> stop"))
        assert [entry.who for entry in entries] == ["airflow:admin"]


def test_stop_by_the_command_line_shows_in_airflow(stage: Stage) -> None:
    stage.apply("E-stop", "name: unwanted")
    stage.until_status("E-stop", "unwanted", "running")
    run = stage.api.dag_runs(event_dag_id("E-stop"))[0]["dag_run_id"]
    stage.until_task("E-stop", "unwanted.wait", "deferred", run_id=run)
    stage.set("E-stop", "unwanted", "stop")
    stage.until_status("E-stop", "unwanted", "stopped")
    stage.until_task("E-stop", "unwanted.wait", "skipped", run_id=run)


def test_clearing_the_wait_of_a_stuck_analysis_asks_for_one_more_resurrection(stage: Stage) -> None:
    stage.apply("E-again", "name: weak\ntoy: {go: true, exit: 3, resurrect: true}")
    stage.until_status("E-again", "weak", "stuck")
    assert "gave up after 2 resurrections" in stage.row("E-again", "weak").reason
    assert stage.runs("E-again", "weak") == 3
    run = stage.api.dag_runs(event_dag_id("E-again"))[0]["dag_run_id"]
    stage.until_task("E-again", "weak.wait", "failed", run_id=run)
    stage.clear("E-again", "weak.wait", run)
    until(lambda: stage.runs("E-again", "weak") == 4, lambda: stage.explain("E-again"))


def test_clearing_the_build_asks_for_a_fresh_attempt_and_keeps_the_old_folder(stage: Stage) -> None:
    stage.apply("E-fresh", "name: once-more\ntoy: {go: true}")
    stage.until_status("E-fresh", "once-more", "uploaded")
    run = stage.api.dag_runs(event_dag_id("E-fresh"))[0]["dag_run_id"]
    stage.until_task("E-fresh", "verdict", "success", run_id=run)
    stage.clear("E-fresh", "once-more.build", run)
    until(lambda: stage.runs("E-fresh", "once-more", attempt=2) == 1, lambda: stage.explain("E-fresh"))
    with stage.ledger.read() as session:
        entries = session.scalars(select(Journal).where(Journal.event == "E-fresh", Journal.what == "uploaded -> restart"))
        assert [entry.who for entry in entries] == ["airflow:admin"]
    stage.until_status("E-fresh", "once-more", "uploaded")
    assert (stage.folder("E-fresh", "once-more", 1) / "result.txt").exists()


def test_clearing_submit_and_after_does_nothing_twice(stage: Stage) -> None:
    stage.apply("E-clear", "name: once\ntoy: {go: true}")
    stage.until_status("E-clear", "once", "uploaded")
    run = stage.api.dag_runs(event_dag_id("E-clear"))[0]["dag_run_id"]
    stage.until_task("E-clear", "verdict", "success", run_id=run)
    stage.clear("E-clear", "once.submit", run)
    stage.until_task("E-clear", "verdict", "success", run_id=run)
    assert stage.runs("E-clear", "once") == 1


def test_a_job_that_ends_while_everything_of_ours_is_down_is_noticed_on_return(stage: Stage) -> None:
    stage.apply("E-down", "name: patient")
    stage.until_status("E-down", "patient", "running")
    stage.until_task("E-down", "patient.wait", "deferred")
    stage.airflow.stop()
    stage.go("E-down", "patient")
    scheduler = get("htcondor", stage.settings)
    job_id = stage.job_id("E-down", "patient")
    until(lambda: scheduler.query([job_id])[job_id].state.ended)
    assert stage.row("E-down", "patient").status == "running"
    stage.airflow.start()
    stage.until_status("E-down", "patient", "uploaded")
    assert stage.runs("E-down", "patient") == 1


def test_schedd_killed_while_an_analysis_runs_it_finishes_once(stage: Stage, pool: PersonalPool) -> None:
    stage.apply("E-schedd", "name: survivor")
    stage.until_status("E-schedd", "survivor", "running")
    stage.until_task("E-schedd", "survivor.wait", "deferred")
    os.kill(pool.daemon("schedd"), signal.SIGKILL)
    stage.go("E-schedd", "survivor")
    stage.until_status("E-schedd", "survivor", "uploaded")
    assert stage.runs("E-schedd", "survivor") == 1


def test_the_journal_says_who_did_what(stage: Stage) -> None:
    with stage.ledger.read() as session:
        entries = list(session.scalars(select(Journal).where(Journal.event == "E-plain")))
    whats = [entry.what for entry in entries]
    assert "attempt 1 built" in whats
    assert "running -> finished" in whats
    assert all(entry.who for entry in entries)

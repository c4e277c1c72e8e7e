"""Alerts about an event whose analyses are at work: retraction, its end, and changed inputs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.alerts.process import process
from gwfollow.commands.needs import needs
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Journal, Outbox
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, publish
from gwfollow.life.finish import process as post_process
from gwfollow.life.plan import has_work, plan
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.naming import PROJECT
from gwfollow.pipelines import registry
from gwfollow.schedulers.base import JobState
from stories import GPS, internal, minute, notice, picture, put, site_of, statuses, superevent

NAME = "S250101a"


@pytest.fixture
def alerted(tmp_path: Path, scheduler: MemoryScheduler, site: Site) -> Site:
    """A superevent with psd, pe (needs psd) and pages (needs pe, waits); nothing has begun."""
    found = site_of(site.ledger, tmp_path, scheduler_for=lambda name, settings: scheduler)
    tell(found, internal(NAME, "new", **superevent()), 0)
    tell(found, notice(NAME, "initial", minute(1)), 1)
    assert statuses(found.ledger, NAME) == {"psd": "ready", "pe": "ready", "pages": "wait"}
    return found


def tell(site: Site, message: bytes, when: float) -> str:
    put(site, (message, minute(when)))
    (done,) = process(site).events
    return done.state


def start(site: Site, name: str) -> str:
    build(site, NAME, name)
    return submit(site, NAME, name).job_id


def finish(site: Site, name: str, result: str = '{"value": 1}') -> None:
    with site.ledger.read() as session:
        attempt = find_analysis(session, NAME, name).attempts[-1]
        jobs = [job.job_id for job in attempt.jobs]
    (Path(attempt.folder) / "result.json").write_text(result)
    scheduler = site.scheduler("memory")
    assert isinstance(scheduler, MemoryScheduler)
    scheduler.set(str(jobs[-1]), JobState.COMPLETED, exit_code=0)
    assert settle(site, NAME, name).verdict is Verdict.DONE
    collect(site, NAME, name)


def runs(site: Site) -> int:
    with site.ledger.read() as session:
        return len(session.scalars(select(Outbox).where(Outbox.destination == "airflow")).all())


def retraction(when: float = 5) -> bytes:
    return notice(NAME, "retraction", minute(when))


def advno(site: Site, when: float, *, gone: bool = False) -> str:
    return tell(site, internal(NAME, "label_removed" if gone else "label_added", {"name": "ADVNO"}), when)


# ---- retraction ------------------------------------------------------------------------------------------------------------
def test_a_retraction_removes_running_jobs_at_once_and_nothing_is_submitted_after_it(
    alerted: Site, scheduler: MemoryScheduler
) -> None:
    job = start(alerted, "psd")
    assert scheduler.jobs[job].state is JobState.RUNNING
    assert tell(alerted, retraction(), 5) == "done"
    assert scheduler.jobs[job].state is JobState.REMOVED
    assert statuses(alerted.ledger, NAME) == {"psd": "stopped", "pe": "cancelled", "pages": "cancelled"}
    for name in ("psd", "pe", "pages"):
        with pytest.raises(NoWork):
            build(alerted, NAME, name)
        with contextlib.suppress(NoWork):  # of one that had been submitted, it says so
            submit(alerted, NAME, name)
    assert [status.state for status in scheduler.jobs.values()] == [JobState.REMOVED]


def test_a_job_whose_scheduler_is_silent_at_the_retraction_is_removed_by_the_next_run(
    alerted: Site, scheduler: MemoryScheduler
) -> None:
    job = start(alerted, "psd")
    before = runs(alerted)
    scheduler.silent = True
    assert tell(alerted, retraction(), 5) == "done"
    assert statuses(alerted.ledger, NAME)["psd"] == "stop"
    assert runs(alerted) == before + 1
    scheduler.silent = False
    assert plan(alerted, NAME).stop == ("psd",)
    stop(alerted, NAME, "psd")
    assert scheduler.jobs[job].state is JobState.REMOVED


def test_a_job_that_was_being_submitted_when_the_retraction_came_never_runs(
    alerted: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(alerted, NAME, "psd")
    accepted = scheduler.submit

    def accepted_and_then_retracted(work: object, key: str) -> object:
        taken = accepted(work, key)  # type: ignore[arg-type]
        monkeypatch.undo()
        scheduler.silent = True  # so that the stop at once is lost as well
        tell(alerted, retraction(), 5)
        scheduler.silent = False
        return taken

    monkeypatch.setattr(scheduler, "submit", accepted_and_then_retracted)
    monkeypatch.setattr(registry, "find", registry.find)
    with pytest.raises(NoWork):
        submit(alerted, NAME, "psd")
    assert [status.state for status in scheduler.jobs.values()] == [JobState.REMOVED]
    assert scheduler.ran == []


def test_the_end_of_a_retraction_brings_back_what_it_took_and_nothing_that_a_person_stopped(
    alerted: Site, scheduler: MemoryScheduler
) -> None:
    start(alerted, "psd")
    with alerted.ledger.change(who="alice@test") as change:
        change.set_status(change.analysis(NAME, "pe"), "cancelled", reason="not this one")
    advno(alerted, 5)
    assert statuses(alerted.ledger, NAME) == {"psd": "stopped", "pe": "cancelled", "pages": "cancelled"}
    before = runs(alerted)
    advno(alerted, 6, gone=True)
    assert statuses(alerted.ledger, NAME) == {"psd": "restart", "pe": "cancelled", "pages": "wait"}
    assert runs(alerted) == before + 1
    assert picture(alerted.ledger, NAME)["analyses"]["pe"][2] == "not this one"
    assert build(alerted, NAME, "psd").attempt == 2


def test_what_a_person_starts_after_a_retraction_is_not_stopped_by_the_next_alert(alerted: Site) -> None:
    tell(alerted, retraction(), 5)
    with alerted.ledger.change(who="alice@test") as change:
        change.set_status(change.analysis(NAME, "psd"), "ready", reason="for the paper")
    tell(alerted, internal(NAME, "label_added", {"name": "DQV"}), 6)
    assert statuses(alerted.ledger, NAME)["psd"] == "ready"


def test_a_job_still_being_removed_holds_up_the_end_of_the_retraction_and_costs_no_try(
    alerted: Site, scheduler: MemoryScheduler
) -> None:
    start(alerted, "psd")
    scheduler.silent = True
    advno(alerted, 5)
    assert [advno(alerted, 6, gone=True), process(alerted).events[0].state] == ["waiting", "waiting"]
    assert picture(alerted.ledger, NAME)["alert"]["retracted"] is True
    scheduler.silent = False
    stop(alerted, NAME, "psd")
    assert process(alerted).events[0].state == "done"
    assert statuses(alerted.ledger, NAME)["psd"] == "restart"


def test_results_of_a_retracted_event_are_kept_and_not_published_until_it_is_one_again(alerted: Site) -> None:
    start(alerted, "psd")
    finish(alerted, "psd")
    advno(alerted, 5)
    assert statuses(alerted.ledger, NAME)["psd"] == "finished"
    with pytest.raises(NoWork, match="retracted"):
        post_process(alerted, NAME, "psd")
    with pytest.raises(NoWork, match="retracted"):
        publish(alerted, NAME, "psd")
    assert not has_work(alerted, NAME)
    advno(alerted, 6, gone=True)
    assert publish(alerted, NAME, "psd") == ["samples"]


# ---- changed inputs --------------------------------------------------------------------------------------------------------
def chain(site: Site) -> None:
    """psd and pe are finished."""
    for name in ("psd", "pe"):
        start(site, name)
        finish(site, name)


@pytest.mark.parametrize(
    "message",
    [
        internal(NAME, "update", **superevent("G100002", GPS, 1e-30)),  # another preferred event (and comment), a lower rate
        internal(NAME, "update", **superevent("G100002", GPS + 0.0005)),  # the same time, rounded
        internal(NAME, "label_added", {"name": "ADVOK"}),
        internal(NAME, "log", {"comment": "an omega scan"}),
        notice(NAME, "update", minute(3), bbh=0.95),
    ],
)
def test_an_update_that_changes_no_input_runs_nothing_again(alerted: Site, message: bytes) -> None:
    chain(alerted)
    before = runs(alerted)
    tell(alerted, message, 3)
    assert statuses(alerted.ledger, NAME) == {"psd": "finished", "pe": "finished", "pages": "wait"}
    assert runs(alerted) == before


def test_another_event_time_runs_again_what_has_begun_with_one_run(alerted: Site) -> None:
    chain(alerted)
    before = runs(alerted)
    tell(alerted, internal(NAME, "update", **superevent("G100002", GPS + 0.25)), 3)
    assert statuses(alerted.ledger, NAME) == {"psd": "restart", "pe": "restart", "pages": "wait"}
    assert runs(alerted) == before + 1
    assert build(alerted, NAME, "psd").attempt == 2


def test_more_detectors_run_it_again(alerted: Site) -> None:
    chain(alerted)
    three = superevent()
    three["preferred_event_data"]["instruments"] = "H1,L1,V1"
    tell(alerted, internal(NAME, "update", **three), 3)
    assert statuses(alerted.ledger, NAME) == {"psd": "restart", "pe": "restart", "pages": "wait"}


def test_a_running_job_with_the_old_time_is_removed_before_the_new_one(alerted: Site, scheduler: MemoryScheduler) -> None:
    old = start(alerted, "psd")
    tell(alerted, internal(NAME, "update", **superevent(gps=GPS + 0.25)), 3)
    assert statuses(alerted.ledger, NAME)["psd"] == "restart"
    new = start(alerted, "psd")
    assert (scheduler.jobs[old].state, scheduler.jobs[new].state) == (JobState.REMOVED, JobState.RUNNING)


def test_what_was_built_for_the_old_time_is_not_submitted(alerted: Site, scheduler: MemoryScheduler) -> None:
    build(alerted, NAME, "psd")
    tell(alerted, internal(NAME, "update", **superevent(gps=GPS + 0.25)), 3)
    with pytest.raises(NoWork):
        submit(alerted, NAME, "psd")
    assert build(alerted, NAME, "psd").attempt == 2
    assert submit(alerted, NAME, "psd").key == f"{NAME}/psd/2"


def test_a_finalised_analysis_stays_and_the_journal_says_so(alerted: Site) -> None:
    chain(alerted)
    publish(alerted, NAME, "pe")
    with alerted.ledger.change(who="alice@test") as change:
        change.set_status(change.analysis(NAME, "pe"), "finalised")
    tell(alerted, internal(NAME, "update", **superevent(gps=GPS + 0.25)), 3)
    assert statuses(alerted.ledger, NAME)["pe"] == "finalised"
    with alerted.ledger.read() as session:
        said = session.scalars(select(Journal.what).where(Journal.analysis == "pe").order_by(Journal.id.desc())).first()
    assert said == "is finalised, not repeated: its inputs have changed with an alert"


def test_a_document_that_a_person_changed_is_not_run_again_by_an_alert(alerted: Site) -> None:
    chain(alerted)
    with alerted.ledger.change(who="alice@test") as change:
        row = change.analysis(NAME, "psd")
        row.document = {**row.document, "likelihood": {"psd length": 8}}
        change.journal("analysis changed", event=NAME, analysis="psd", keys=["likelihood"])
    tell(alerted, internal(NAME, "label_added", {"name": "ADVOK"}), 3)
    assert statuses(alerted.ledger, NAME)["psd"] == "finished"


def test_an_attempt_that_recorded_nothing_is_not_known_to_be_outdated(alerted: Site) -> None:
    chain(alerted)
    with alerted.ledger.change(who="an older gwfollow") as change:
        change.analysis(NAME, "psd").attempts[0].inputs = {}
    tell(alerted, internal(NAME, "update", **superevent(gps=GPS + 0.25)), 3)
    assert statuses(alerted.ledger, NAME) == {"psd": "finished", "pe": "restart", "pages": "wait"}


@pytest.mark.parametrize(("result", "status"), [('{"value": 1}', "finished"), ('{"value": 2}', "restart")])
def test_a_dependant_runs_again_only_when_what_it_took_is_another_file(alerted: Site, result: str, status: str) -> None:
    chain(alerted)
    with alerted.ledger.change(who="alice@test") as change:
        change.set_status(change.analysis(NAME, "psd"), "restart", reason="once more")
    start(alerted, "psd")
    before = runs(alerted)
    finish(alerted, "psd", result)
    assert statuses(alerted.ledger, NAME)["pe"] == status
    assert runs(alerted) == before + (status == "restart")


def test_a_retraction_and_a_new_time_together_are_both_kept_in_mind(alerted: Site) -> None:
    chain(alerted)
    advno(alerted, 3)
    tell(alerted, internal(NAME, "update", **{**superevent(gps=GPS + 0.25), "labels": ["ADVNO"]}), 4)
    assert statuses(alerted.ledger, NAME) == {"psd": "cancelled", "pe": "cancelled", "pages": "cancelled"}
    advno(alerted, 5, gone=True)
    assert statuses(alerted.ledger, NAME) == {"psd": "restart", "pe": "restart", "pages": "wait"}


# ---- analyses that span events -----------------------------------------------------------------------------------------------
JOINT = f"{{kind: projectanalysis, name: joint, pipeline: onefile, subjects: [{NAME}, GW150914], analyses: [psd]KEYS}}"


def apply_joint(site: Site, keys: str = "") -> None:
    blueprints = read_text(JOINT.replace("KEYS", keys), "joint.yaml").blueprints
    site.ledger.run(lambda change: apply(change, blueprints), who="alice")


def make_both(site: Site) -> None:
    start(site, "psd")
    finish(site, "psd")
    with site.ledger.change(who="alice") as change:
        change.analysis("GW150914", "psd").status = "uploaded"


def joint(site: Site) -> tuple[str, str | None, list[str]]:
    with site.ledger.read() as session:
        row = find_analysis(session, PROJECT, "joint")
        return row.status, row.reason, unmet(session, row)


def test_results_of_a_retracted_event_do_not_count_for_an_analysis_over_events_until_it_is_one_again(
    alerted: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_joint(alerted)
    make_both(alerted)
    assert joint(alerted)[2] == []
    advno(alerted, 5)
    words = f"{NAME}/psd is not counted: its event is retracted"
    assert joint(alerted)[2] == [words]
    assert not has_work(alerted, PROJECT)
    monkeypatch.setenv("GWFOLLOW_LEDGER", alerted.ledger.engine.url.render_as_string())
    shown = CliRunner().invoke(needs, [f"{PROJECT}/joint"]).output
    assert f"project/joint is ready: waits: {words}" in shown
    with pytest.raises(NoWork, match="its event is retracted"):
        build(alerted, PROJECT, "joint")

    before = requests(alerted, PROJECT)
    advno(alerted, 6, gone=True)
    assert joint(alerted)[2] == []
    assert requests(alerted, PROJECT) == before + 1, "its run is asked for at once"


def test_a_refreshable_one_for_which_the_others_are_enough_is_made_anew_without_the_retracted_event(alerted: Site) -> None:
    apply_joint(alerted, ", refreshable: true, needs settings: {minimum: 1}")
    make_both(alerted)
    build(alerted, PROJECT, "joint")
    with alerted.ledger.change(who="test") as change:
        change.analysis(PROJECT, "joint").status = "uploaded"
    advno(alerted, 5)
    assert joint(alerted) == ("restart", f"{NAME}/psd no longer among its inputs", [])


def test_within_a_retracted_event_its_own_results_count_as_before(alerted: Site) -> None:
    make_both(alerted)
    advno(alerted, 5)
    with alerted.ledger.read() as session:
        assert unmet(session, find_analysis(session, NAME, "pe")) == []


def requests(site: Site, event: str) -> int:
    with site.ledger.read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.destination == "airflow")).all()
        return len([row for row in rows if row.payload["event"] == event])

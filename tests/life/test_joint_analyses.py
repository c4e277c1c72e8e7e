"""Subject analyses work on others of their event, project analyses on those of several events."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect
from gwfollow.life.plan import events_with_work, has_work, plan
from gwfollow.life.refresh import refresh_after, refresh_events
from gwfollow.life.review import give_verdict
from gwfollow.life.site import current_attempt, task_for
from gwfollow.life.submit import submit
from gwfollow.pipelines.base import Task
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"
PAGES = "{kind: analysis, event: GW150914, name: pages, pipeline: pesummary, refreshable: true, analyses: [WHICH]}"
GW2 = "{kind: event, name: GW2, event time: 1126259999.0, interferometers: [V1, L1]}"
PE2 = "{kind: analysis, event: GW2, name: pe, pipeline: onefile}"
JOINT = "{kind: projectanalysis, name: joint, pipeline: onefile, subjects: [GW150914, GW2], analyses: [WHICH]}"


def put(site: Site, *documents: str, later: bool = False, update: bool = False) -> Report:
    blueprints = read_text("\n---\n".join(documents), "f").blueprints
    return site.ledger.run(lambda change: apply(change, blueprints, later=later, update=update), who="test")


def finish(site: Site, scheduler: MemoryScheduler, analysis: str, event: str = EVENT, result: str = "[1]") -> None:
    """From ready or restart to finished."""
    folder = build(site, event, analysis).folder
    scheduler.set(submit(site, event, analysis).job_id, JobState.COMPLETED, exit_code=0)
    (folder / "result.json").write_text(result)
    collect(site, event, analysis)


def review(site: Site, analysis: str, verdict: str, event: str = EVENT) -> None:
    site.ledger.run(lambda change: give_verdict(change, change.analysis(event, analysis), verdict), who="alice")


def status(site: Site, analysis: str, event: str = EVENT) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, event, analysis).status


def reason(site: Site, analysis: str, event: str = EVENT) -> str | None:
    with site.ledger.read() as session:
        return find_analysis(session, event, analysis).reason


def waits(site: Site, analysis: str, event: str = EVENT) -> list[str]:
    with site.ledger.read() as session:
        return unmet(session, find_analysis(session, event, analysis))


def task(site: Site, analysis: str, event: str = EVENT) -> Task:
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        assert attempt is not None
        return task_for(session, row, attempt, site.settings)


def runs(site: Site, event: str) -> int:
    with site.ledger.read() as session:
        row = find_event(session, event)
        return len(session.scalars(select(Outbox).where(Outbox.destination == "airflow", Outbox.event_id == row.id)).all())


def inputs(site: Site, analysis: str, event: str = EVENT) -> list[str]:
    return [f"{other.event}/{other.name}" for other in task(site, analysis, event).inputs]


# ---- subject analyses ------------------------------------------------------------------------------------------------


def test_a_subject_analysis_is_given_what_it_asked_for_as_inputs(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "'pipeline:onefile'"))
    finish(site, scheduler, "psd")
    assert waits(site, "pages") == ["pe is ready"]
    finish(site, scheduler, "pe")
    finish(site, scheduler, "pages")
    assert inputs(site, "pages") == ["GW150914/psd", "GW150914/pe"]


def test_a_refreshable_analysis_is_made_anew_when_another_one_matches(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "[{pipeline: onefile}, {review: approved}]"))
    for name in ("psd", "pe"):
        finish(site, scheduler, name)
    assert waits(site, "pages") == ["psd, pe is not yet review: approved"]
    before = runs(site, EVENT)
    review(site, "pe", "approved")
    assert runs(site, EVENT) > before
    finish(site, scheduler, "pages")
    assert inputs(site, "pages") == ["GW150914/pe"]
    review(site, "psd", "approved")
    assert (status(site, "pages"), reason(site, "pages")) == ("restart", "psd new among its inputs")
    assert inputs(site, "pages") == ["GW150914/pe"]  # what that attempt was built with
    finish(site, scheduler, "pages")
    assert inputs(site, "pages") == ["GW150914/psd", "GW150914/pe"]
    review(site, "pe", "rejected")
    assert (status(site, "pages"), reason(site, "pages")) == ("restart", "pe no longer among its inputs")


def test_other_results_refresh_it_too_and_the_same_ones_do_not(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "pe"))
    for name in ("psd", "pe", "pages"):
        finish(site, scheduler, name)
    for result, expected in (("[1]", "finished"), ("[2]", "restart")):
        with site.ledger.change(who="alice") as change:
            change.set_status(change.analysis(EVENT, "pe"), "restart")
        assert status(site, "pages") == "finished"  # not before there are other results
        finish(site, scheduler, "pe", result=result)
        assert status(site, "pages") == expected
    assert reason(site, "pages") == "pe with other results"


def test_two_that_work_on_each_other_do_not_go_round_for_ever(site: Site, scheduler: MemoryScheduler) -> None:
    put(
        site,
        *(
            f"{{kind: analysis, event: GW150914, name: {n}, pipeline: sum, refreshable: true, analyses: ['status: finished']}}"
            for n in "ab"
        ),
    )
    for name in ("psd", "pe", "a", "b"):
        finish(site, scheduler, name)
    assert inputs(site, "b") == ["GW150914/psd", "GW150914/pe", "GW150914/a"]
    assert (status(site, "a"), status(site, "b")) == ("finished", "finished")
    with site.ledger.change(who="alice") as change:
        change.set_status(change.analysis(EVENT, "a"), "restart")
    finish(site, scheduler, "a", result="[2]")
    assert inputs(site, "a") == ["GW150914/psd", "GW150914/pe", "GW150914/b"]
    assert (status(site, "a"), status(site, "b")) == ("finished", "finished")


def test_one_that_is_not_refreshable_stays_as_it_is(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "pe").replace("refreshable: true", "refreshable: false"))
    for name in ("psd", "pe", "pages"):
        finish(site, scheduler, name)
    with site.ledger.change(who="alice") as change:
        change.set_status(change.analysis(EVENT, "pe"), "restart")
    finish(site, scheduler, "pe", result="[2]")
    assert status(site, "pages") == "finished"


def test_enough_of_them_are_enough_while_others_still_run(site: Site, scheduler: MemoryScheduler) -> None:
    put(
        site,
        "{kind: analysis, event: GW150914, name: quick, pipeline: onefile}",
        "{kind: analysis, event: GW150914, name: both, pipeline: sum, needs: [pipeline:onefile], needs settings: {minimum: 2}}",
    )
    assert plan(site, EVENT).work == ("psd", "pe", "quick")  # a run of its own as soon as two are done
    finish(site, scheduler, "psd")
    assert waits(site, "both") == ["1 of at least 2 are done", "pe is ready", "quick is ready"]
    before = runs(site, EVENT)
    finish(site, scheduler, "quick")
    assert waits(site, "both") == []
    assert runs(site, EVENT) == before + 1
    assert plan(site, EVENT).work == ("pe", "both")


def test_a_label_that_a_blueprint_brings_starts_what_waits_for_it(site: Site, scheduler: MemoryScheduler) -> None:
    put(
        site,
        "{kind: analysis, event: GW150914, name: deep, pipeline: sum, needs: [['pipeline: onefile', 'label: interesting>=2']]}",
    )
    for name in ("psd", "pe"):
        finish(site, scheduler, name)
    assert plan(site, EVENT).work == ()
    put(site, "{kind: analysis, event: GW150914, name: pe, pipeline: onefile, labels: {interesting: 3}}", update=True)
    before = runs(site, EVENT)
    assert site.ledger.run(lambda change: refresh_events(change, {EVENT}, updated=True), who="test") == [EVENT]
    assert runs(site, EVENT) == before + 1
    assert plan(site, EVENT).work == ("deep",)


def test_what_waits_for_a_verdict_is_no_work_until_there_is_one(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, "{kind: analysis, event: GW150914, name: deep, pipeline: sum, needs: ['review: approved']}")
    for name in ("psd", "pe"):
        finish(site, scheduler, name)
    with site.ledger.change(who="alice") as change:
        for name in ("psd", "pe"):
            change.set_status(change.analysis(EVENT, name), "uploaded")
    assert not has_work(site, EVENT)
    assert plan(site, EVENT).skipped["deep"] == "nothing has review: approved"
    review(site, "pe", "preferred")
    assert plan(site, EVENT).work == ("deep",)


# ---- project analyses ------------------------------------------------------------------------------------------------


@pytest.fixture
def joint(site: Site) -> Site:
    """Two events with pe, and an analysis that works on both."""
    put(site, GW2, PE2, JOINT.replace("WHICH", "pe"))
    return site


def test_a_project_analysis_gets_its_run_when_the_last_that_it_needs_is_finished(joint: Site, scheduler: MemoryScheduler) -> None:
    assert plan(joint, "project").skipped == {"joint": "GW150914/pe is ready; GW2/pe is ready"}
    finish(joint, scheduler, "psd")
    finish(joint, scheduler, "pe")
    assert (runs(joint, "project"), has_work(joint, "project")) == (1, False)
    finish(joint, scheduler, "pe", "GW2")
    assert runs(joint, "project") == 2
    assert plan(joint, "project").work == ("joint",)
    assert "project" in events_with_work(joint)


def test_it_is_given_its_subjects_and_inputs_and_runs_in_a_folder_of_its_own(joint: Site, scheduler: MemoryScheduler) -> None:
    for name, event in (("psd", EVENT), ("pe", EVENT), ("pe", "GW2")):
        finish(joint, scheduler, name, event)
    finish(joint, scheduler, "joint", "project")
    given = task(joint, "joint", "project")
    assert (given.event, given.gps, given.interferometers) == ("project", None, ("H1", "L1", "V1"))
    assert {name: document["event time"] for name, document in given.subjects.items()} == {
        EVENT: 1126259462.4,
        "GW2": 1126259999.0,
    }
    assert inputs(joint, "joint", "project") == ["GW150914/pe", "GW2/pe"]
    assert all(other.assets["samples"] for other in given.inputs)
    assert given.folder == joint.settings.home_folder / "events" / "project" / "joint" / "attempt-1"
    assert any(key == "project/joint/1" for key in scheduler.ran)


def test_an_archived_event_is_needed_and_worked_on_like_any_other(joint: Site, scheduler: MemoryScheduler) -> None:
    for name, event in (("psd", EVENT), ("pe", EVENT), ("pe", "GW2")):
        finish(joint, scheduler, name, event)
    with joint.ledger.change(who="alice") as change:
        change.event("GW2").active = False
    assert plan(joint, "project").work == ("joint",)
    build(joint, "project", "joint")
    assert inputs(joint, "joint", "project") == ["GW150914/pe", "GW2/pe"]


def test_an_analysis_that_is_added_to_a_subject_is_waited_for_too(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, GW2, PE2, JOINT.replace("WHICH", "'pipeline:onefile'"))
    for name, event in (("psd", EVENT), ("pe", EVENT)):
        finish(site, scheduler, name, event)
    put(site, PE2.replace("name: pe", "name: pe-2"))
    assert waits(site, "joint", "project") == ["GW2/pe is ready", "GW2/pe-2 is ready"]


def test_a_subject_that_comes_later_is_waited_for_by_name(site: Site, scheduler: MemoryScheduler) -> None:
    with pytest.raises(
        InputError, match=r"f, document 1 \(projectanalysis joint\), subjects\[1\]: found 'GW2', expected an event .*--later"
    ):
        put(site, JOINT.replace("WHICH", "pe"))
    put(site, JOINT.replace("WHICH", "pe"), later=True)
    assert waits(site, "joint", "project") == ["no event is called GW2", "GW150914/pe is ready"]
    assert plan(site, "project").work == ()
    put(site, GW2)
    assert waits(site, "joint", "project") == ["GW150914/pe is ready", "nothing in GW2 is called pe"]
    for name in ("psd", "pe"):
        finish(site, scheduler, name)
    assert put(site, PE2.replace("}", ", status: finished}")).work == ["project"]
    assert plan(site, "project").work == ("joint",)


def test_it_is_refreshed_in_an_archived_project_when_a_verdict_changes(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, GW2, PE2, JOINT.replace("WHICH", "[{name: pe}, {review: approved}]").replace("joint,", "joint, refreshable: true,"))
    for name, event in (("psd", EVENT), ("pe", EVENT), ("pe", "GW2")):
        finish(site, scheduler, name, event)
    review(site, "pe", "approved")
    assert waits(site, "joint", "project") == ["GW2/pe is not yet review: approved"]
    review(site, "pe", "approved", "GW2")
    finish(site, scheduler, "joint", "project")
    with site.ledger.change(who="alice") as change:
        change.set_status(change.analysis("project", "joint"), "uploaded")
        change.event("project").active = False
    with site.ledger.change(who="alice") as change:  # other results of a subject's analysis
        change.set_status(change.analysis("GW2", "pe"), "restart")
    finish(site, scheduler, "pe", "GW2", result="[2]")
    assert status(site, "joint", "project") == "uploaded"  # the verdict was about the earlier results
    review(site, "pe", "approved", "GW2")
    assert status(site, "joint", "project") == "restart"
    with site.ledger.read() as session:
        assert find_event(session, "project").active


def test_nobody_asks_twice_for_the_same(joint: Site, scheduler: MemoryScheduler) -> None:
    for name, event in (("psd", EVENT), ("pe", EVENT), ("pe", "GW2"), ("joint", "project")):
        finish(joint, scheduler, name, event)
    before = runs(joint, "project")
    with joint.ledger.change(who="test") as change:
        assert refresh_after(change, change.analysis("GW2", "pe")) == []
    assert runs(joint, "project") == before


def test_on_both_databases_the_last_result_or_verdict_asks_for_the_run(ledger: Ledger) -> None:
    def put_in(*documents: str) -> None:
        blueprints = read_text("\n---\n".join(documents), "f").blueprints
        ledger.run(lambda change: apply(change, blueprints), who="test")

    def after(event: str, analysis: str, status: str) -> list[str]:
        with ledger.change(who="test") as change:
            row = change.analysis(event, analysis)
            row.status = status
            return refresh_after(change, row)

    put_in(GW2, PE2, "{kind: event, name: GW3}", PE2.replace("GW2", "GW3"))
    put_in(
        JOINT.replace("GW150914", "GW3").replace("WHICH", "pe"),
        JOINT.replace("GW150914", "GW3").replace("WHICH", "'review: approved'").replace("joint", "judged"),
        "{kind: analysis, event: GW3, name: deep, pipeline: sum, needs: ['status: uploaded']}",
    )
    assert after("GW2", "pe", "finished") == []
    assert after("GW3", "pe", "finished") == ["project/joint"]
    assert sorted(after("GW3", "pe", "uploaded")) == ["GW3/deep", "project/joint"]
    for event in ("GW2", "GW3"):
        with ledger.change(who="alice") as change:
            give_verdict(change, change.analysis(event, "pe"), "approved")
    with ledger.read() as session:
        assert unmet(session, find_analysis(session, "project", "judged")) == []
    with ledger.change(who="test") as change:
        assert refresh_events(change, {"GW2"}, updated=True) == ["project"]

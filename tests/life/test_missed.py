"""What nobody asked to be made anew is found by upkeep, once, and a look costs what has changed since the last one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from memory import MemoryScheduler
from sqlalchemy import event as sa_event
from sqlalchemy import func, select
from test_joint_analyses import EVENT, GW2, JOINT, PAGES, PE2, finish, inputs, put, reason, runs, status

from gwfollow.ledger.schema import Journal, now
from gwfollow.life import Site, missed
from gwfollow.life.build import build, stick
from gwfollow.life.missed import catch_up
from gwfollow.pipelines import registry


def settle(site: Site) -> None:
    """Let all that is in the journal be old, and read."""
    with site.ledger.change(who="test") as change:
        for row in change.session.scalars(select(Journal)):
            row.time = now() - timedelta(hours=1)
    catch_up(site)


def questions(site: Site) -> int:
    """How many statements a look takes."""
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    sa_event.listen(site.ledger.engine, "before_cursor_execute", note)
    catch_up(site)
    sa_event.remove(site.ledger.engine, "before_cursor_execute", note)
    return len(asked)


def test_what_is_left_after_an_optional_input_got_stuck_is_made_anew(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "'pipeline:onefile', {optional: true, pipeline: sum}"))
    put(site, *(f"{{kind: analysis, event: GW150914, name: {name}, pipeline: PIPE}}".replace("PIPE", "onefile") for name in "a"))
    for name in ("psd", "pe", "a", "pages"):
        finish(site, scheduler, name)
    settle(site)
    put(site, "{kind: analysis, event: GW150914, name: slow, pipeline: sum}")
    put(site, "{kind: analysis, event: GW150914, name: b, pipeline: onefile}")
    build(site, EVENT, "slow")
    finish(site, scheduler, "b")
    assert status(site, "pages") == "finished", "slow is waited for"
    assert catch_up(site) == []
    stick(site, EVENT, "slow", "it went wrong")
    before = runs(site, EVENT)
    assert status(site, "pages") == "finished", "nobody looked"

    assert catch_up(site.acting("airflow: upkeep")) == ["GW150914/pages"]

    assert (status(site, "pages"), reason(site, "pages")) == ("restart", "b new among its inputs")
    assert runs(site, EVENT) == before + 1
    assert catch_up(site) == [], "asked for once"
    finish(site, scheduler, "pages")
    assert "GW150914/b" in inputs(site, "pages")
    assert catch_up(site) == []


@pytest.mark.parametrize("refreshable", [True, False])
def test_a_result_that_came_during_the_build_of_what_takes_it_is_not_lost(
    site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch, refreshable: bool
) -> None:
    """One worker builds `late` of attempt 1 of psd; another one collects attempt 2 before the first has written down what it took."""
    key = "analyses: [psd], refreshable: true" if refreshable else "needs: [psd]"
    put(site, f"{{kind: analysis, event: GW150914, name: late, pipeline: onefile, {key}}}")
    finish(site, scheduler, "psd")
    settle(site)
    pipeline = registry.find("onefile")
    builder, fired = pipeline.build_dag, []

    def interrupted(self, user=None, dryrun=False):  # type: ignore[no-untyped-def]
        if self.task.analysis == "late" and not fired:
            fired.append(True)
            with site.ledger.change(who="alice") as change:
                change.set_status(change.analysis(EVENT, "psd"), "restart")
            finish(site, scheduler, "psd", result="[2]")
        return builder(self, user, dryrun)

    monkeypatch.setattr(pipeline, "build_dag", interrupted)
    built = build(site, EVENT, "late")
    assert fired
    assert any("psd, attempt 1" in taken for taken in built.inputs)

    assert catch_up(site) == ["GW150914/late"]

    finish(site, scheduler, "late")
    with site.ledger.read() as session:
        entries = session.scalars(select(Journal.what).where(Journal.analysis == "late")).all()
    words = "psd with other results" if refreshable else "psd has made other files"
    assert f"attempt 1 left: {words}" in entries
    assert catch_up(site) == []


def test_a_project_analysis_is_made_anew_too(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, GW2, PE2, JOINT.replace("WHICH", "'pipeline:onefile'").replace("joint,", "joint, refreshable: true,"))
    for name in ("psd", "pe"):
        finish(site, scheduler, name)
    finish(site, scheduler, "pe", "GW2")
    finish(site, scheduler, "joint", "project")
    put(
        site,
        "{kind: analysis, event: GW2, name: other, pipeline: onefile}",
        "{kind: analysis, event: GW2, name: more, pipeline: onefile}",
    )
    finish(site, scheduler, "other", "GW2")
    settle(site)
    with site.ledger.change(who="alice") as change:
        change.set_status(change.analysis("GW2", "more"), "cancelled")
    assert catch_up(site) == ["project/joint"]
    assert reason(site, "joint", "project") == "GW2/other new among its inputs"


def test_what_was_taken_of_a_retracted_event_archived_or_closed_is_left_alone(site: Site, scheduler: MemoryScheduler) -> None:
    put(
        site,
        PAGES.replace("WHICH", "[{pipeline: onefile}, {labels.good: true}]").replace("pages,", "pages, labels: {good: false},"),
    )
    put(site, "{kind: analysis, event: GW150914, name: a, pipeline: onefile, labels: {good: true}}")
    for name in ("a", "pages", "psd"):
        finish(site, scheduler, name)
    with site.ledger.change(who="test") as change:  # a label that came and that nobody told of
        row = change.analysis(EVENT, "psd")
        row.document = {**row.document, "labels": {"good": True}}
        change.event(EVENT).alert = {"retracted": True}
    assert catch_up(site) == []
    with site.ledger.change(who="test") as change:
        change.event(EVENT).alert = {}
        change.event(EVENT).active = False
    assert catch_up(site) == []
    with site.ledger.change(who="test") as change:
        change.event(EVENT).active = True
        change.analysis(EVENT, "pages").status = "finalised"
    assert catch_up(site) == []
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, "pages").status = "uploaded"
    assert catch_up(site) == ["GW150914/pages"]


def test_a_look_costs_what_has_changed_however_much_is_finished(site: Site, scheduler: MemoryScheduler) -> None:
    put(site, PAGES.replace("WHICH", "'pipeline:onefile'"))
    for name in ("psd", "pe", "pages"):
        finish(site, scheduler, name)
    costs = []
    for number in range(3):
        name = f"GW{number}"
        put(site, GW2.replace("GW2", name), PE2.replace("GW2", name), PAGES.replace("GW150914", name).replace("WHICH", "pe"))
        finish(site, scheduler, "pe", name)
        finish(site, scheduler, "pages", name)
        settle(site)
        with site.ledger.change(who="test") as change:
            change.journal("something", event=EVENT, analysis="pages")
        costs.append((questions(site), questions(site)))
    assert len(set(costs)) == 1, "the same however many are finished"
    settle(site)
    with site.ledger.read() as session:
        before = session.scalar(select(func.count()).select_from(Journal))
    assert questions(site) <= 4, "where nothing has changed, the journal alone is asked"
    with site.ledger.read() as session:
        assert session.scalar(select(func.count()).select_from(Journal)) == before, "and nothing is written"


def test_an_event_whose_document_is_wrong_by_now_hides_no_other(
    site: Site, scheduler: MemoryScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    put(site, GW2, PE2, PAGES.replace("GW150914", "GW2").replace("WHICH", "pe"), PAGES.replace("WHICH", "psd"))
    finish(site, scheduler, "psd")
    finish(site, scheduler, "pages")
    finish(site, scheduler, "pe", "GW2")
    finish(site, scheduler, "pages", "GW2")
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "pages")
        row.document = {**row.document, "analyses": [{"labels.snr": {}}, 5]}
        other = change.analysis("GW2", "pages")
        other.document = {**other.document, "analyses": ["pipeline:onefile"]}
        change.session.flush()
    put(site, PE2.replace("name: pe", "name: second"))
    finish(site, scheduler, "second", "GW2")
    with site.ledger.change(who="test") as change:
        change.analysis("GW2", "pages").status = "uploaded"  # as if nobody had looked
    assert catch_up(site) == ["GW2/pages"]
    assert "GW150914 is not looked at" in caplog.text


def test_entries_that_are_young_are_read_once_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_to() -> int:
        with site.ledger.read() as session:
            return missed._read_to(session)

    catch_up(site)
    assert read_to() == 0, "a transaction with an earlier entry may still be going on"
    monkeypatch.setattr(missed, "SETTLED", -1.0)
    catch_up(site)
    with site.ledger.read() as session:
        assert read_to() == session.scalar(select(func.max(Journal.id)))

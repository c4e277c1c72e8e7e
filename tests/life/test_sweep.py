"""The sweep: work that no run is at is asked for, once a sweep, and work that a run is at is left to it."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.errors import RemoteSilent
from gwfollow.ledger.schema import Journal, Outbox
from gwfollow.ledger.store import find_event
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.life.sweep import sweep

EVENT = "GW150914"


def nobody(event: str) -> bool:
    return False


def somebody(event: str) -> bool:
    return True


def requests(site: Site) -> list[Outbox]:
    """The runs that have been asked for since the event was applied."""
    with site.ledger.read() as session:
        return list(session.scalars(select(Outbox).where(Outbox.destination == "airflow").order_by(Outbox.id)))[1:]


def set_all(site: Site, status: str) -> None:
    with site.ledger.change(who="test") as change:
        for analysis in change.event(EVENT).analyses:
            analysis.status = status


def test_an_event_whose_run_is_active_is_left_to_it(site: Site) -> None:
    assert sweep(site, somebody) == []
    assert requests(site) == []


def test_an_event_that_has_work_and_no_run_gets_one_that_takes_up_everything(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    submit(site, EVENT, "psd")  # in hand, and the run that waited for it is gone
    assert sweep(site.acting("airflow: upkeep"), nobody) == [EVENT]
    (request,) = requests(site)
    with site.ledger.read() as session:
        revision = find_event(session, EVENT).revision
        entry = session.scalars(select(Journal).order_by(Journal.id.desc())).first()
    assert request.payload == {"event": EVENT, "run_id": f"rev-{revision}", "everything": True}
    assert entry is not None
    assert (entry.who, entry.what, entry.why) == (
        "airflow: upkeep",
        f"run rev-{revision} asked for",
        "no run was at work on it",
    )


@pytest.mark.parametrize("status", ["uploaded", "finalised", "stuck", "stopped", "cancelled", "manual", "wait"])
def test_airflow_is_not_even_asked_about_an_event_without_work(site: Site, status: str) -> None:
    set_all(site, status)
    asked: list[str] = []
    assert sweep(site, lambda event: bool(asked.append(event))) == []
    assert (asked, requests(site)) == ([], [])


def test_an_analysis_to_be_stopped_is_work(site: Site) -> None:
    set_all(site, "stop")
    assert sweep(site, nobody) == [EVENT]


def test_what_waits_for_something_stuck_is_no_work(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, "psd"), "stuck")
    assert sweep(site, nobody) == []


def test_an_archived_event_is_not_looked_at(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).active = False
    assert sweep(site, nobody) == []


def test_an_airflow_that_does_not_answer_is_not_taken_for_one_without_runs(site: Site) -> None:
    def silent(event: str) -> bool:
        raise RemoteSilent("Airflow does not answer")

    with pytest.raises(RemoteSilent):
        sweep(site, silent)
    assert requests(site) == []

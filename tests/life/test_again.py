"""A person asks once more: a fresh attempt where the status allows it, nothing otherwise."""

from __future__ import annotations

import pytest
from memory import MemoryScheduler
from sqlalchemy import select

from gwfollow.ledger.schema import Journal
from gwfollow.ledger.states import TRANSITIONS
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.again import ask_again
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"


def set_status(site: Site, status: str) -> None:
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, "psd").status = status


def status_of(site: Site) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, "psd").status


@pytest.mark.parametrize("status", ["running", "finished", "processing", "uploaded", "stuck", "stopped", "cancelled"])
def test_what_has_begun_or_ended_is_asked_for_again_and_the_journal_says_by_whom_and_why(site: Site, status: str) -> None:
    set_status(site, status)
    assert ask_again(site.acting("airflow:bob"), EVENT, "psd", why="its build was cleared")
    assert status_of(site) == "restart"
    with site.ledger.read() as session:
        entry = session.scalars(select(Journal).order_by(Journal.id.desc())).first()
    assert entry is not None
    assert (entry.who, entry.why, entry.what) == ("airflow:bob", "its build was cleared", f"{status} -> restart")


@pytest.mark.parametrize("status", sorted(set(TRANSITIONS) - {s for s, to in TRANSITIONS.items() if "restart" in to}))
def test_what_has_not_begun_and_what_is_closed_stays_as_it_is(site: Site, status: str) -> None:
    set_status(site, status)
    assert not ask_again(site, EVENT, "psd", why="its build was cleared")
    assert status_of(site) == status


def test_restart_is_not_asked_for_twice(site: Site) -> None:
    set_status(site, "restart")
    assert not ask_again(site, EVENT, "psd", why="again")
    assert status_of(site) == "restart"


def test_the_next_build_removes_the_old_job_and_keeps_the_old_folder(site: Site, scheduler: MemoryScheduler) -> None:
    old = build(site, EVENT, "psd").folder
    job_id = submit(site, EVENT, "psd").job_id
    assert ask_again(site, EVENT, "psd", why="a better prior")
    fresh = build(site, EVENT, "psd")
    assert (fresh.attempt, fresh.fresh) == (2, True)
    assert scheduler.jobs[job_id].state is JobState.REMOVED
    assert (old / "config.ini").is_file()
    assert fresh.folder != old

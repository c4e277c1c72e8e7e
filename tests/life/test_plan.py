"""Plan: a run works on what is ready when it starts, and waits for what that needs; the rest is skipped with a reason."""

from __future__ import annotations

import pytest

from gwfollow.life import Site
from gwfollow.life.plan import events_with_work, has_work, plan

EVENT = "GW150914"


def set_statuses(site: Site, **statuses: str) -> None:
    with site.ledger.change(who="test") as change:
        for name, status in statuses.items():
            change.analysis(EVENT, name).status = status


def test_an_analysis_and_what_it_needs_are_worked_on_together(site: Site) -> None:
    assert plan(site, EVENT).work == ("psd", "pe")


def test_a_need_that_is_done_is_not_worked_on_again(site: Site) -> None:
    set_statuses(site, psd="uploaded")
    assert plan(site, EVENT).work == ("pe",)
    assert plan(site, EVENT).skipped == {"psd": "is uploaded"}


def test_a_run_waits_for_a_running_analysis_that_it_needs(site: Site) -> None:
    set_statuses(site, psd="running")
    assert plan(site, EVENT).work == ("psd", "pe")


def test_a_running_analysis_that_nothing_here_needs_is_left_to_its_own_run(site: Site) -> None:
    set_statuses(site, psd="uploaded", pe="running")
    assert plan(site, EVENT).work == ()
    assert plan(site, EVENT, everything=True).work == ("pe",)


@pytest.mark.parametrize("status", ["stuck", "wait", "stopped", "cancelled", "manual"])
def test_what_needs_something_that_will_not_come_is_skipped_with_the_reason(site: Site, status: str) -> None:
    set_statuses(site, psd=status)
    found = plan(site, EVENT)
    assert found.work == ()
    assert f"psd is {status}" in found.skipped["pe"]


def test_an_analysis_to_be_stopped_is_named_apart(site: Site) -> None:
    set_statuses(site, psd="uploaded", pe="stop")
    found = plan(site, EVENT)
    assert (found.work, found.stop) == ((), ("pe",))


def test_an_event_without_anything_to_do_has_no_work(site: Site) -> None:
    assert has_work(site, EVENT)
    assert events_with_work(site) == [EVENT]
    set_statuses(site, psd="uploaded", pe="finalised")
    assert not has_work(site, EVENT)
    assert events_with_work(site) == []


def test_archived_events_are_not_looked_at(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).active = False
    assert events_with_work(site) == []

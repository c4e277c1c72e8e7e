"""Waiting for labels: deferred, one look for everybody, woken by the condition."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TriggerEvent
from tasks import context

from gwfollow.errors import RemoteRefused
from gwfollow.life import Site
from gwfollow.schedulers import poller
from sensors import GraceDBLabelSensor, GraceDBLabelTrigger

EVENT = "GW150914"
PERIOD = 0.02


class GraceDB:
    """Labels of events, and how often it was asked."""

    def __init__(self) -> None:
        self.have: dict[str, set[str]] = {"S150914a": set(), "S150914b": set()}
        self.looks: list[list[str]] = []

    def labels(self, graceid: str) -> set[str]:
        self.looks.append([graceid])
        if graceid not in self.have:
            raise RemoteRefused("404: Superevent not found", 404)
        return set(self.have[graceid])


@pytest.fixture
def gracedb(monkeypatch: pytest.MonkeyPatch) -> GraceDB:
    found = GraceDB()
    monkeypatch.setattr("sensors.gracedb_label.gracedb_client", lambda conn_id: found)
    monkeypatch.setattr(poller, "_pollers", {})
    return found


@pytest.fixture
def known(site: Site) -> Site:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).graceid = "S150914a"
    return site


def sensor(labels: str = "ADVOK & ~ADVNO", **options: Any) -> GraceDBLabelSensor:
    return GraceDBLabelSensor(task_id="labels", event=EVENT, labels=labels, poll_seconds=PERIOD, **options)


def deferred(**options: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        sensor(**options).execute(context())
    return raised.value


async def events_of(trigger: Any) -> list[TriggerEvent]:
    return [event async for event in trigger.run()]


def test_it_defers_on_a_trigger_that_survives_being_stored_and_names_no_secret(known: Site) -> None:
    found = deferred(timeout=3600)
    path, arguments = found.trigger.serialize()
    stored = json.loads(json.dumps(arguments))

    assert path == "sensors.gracedb_label.GraceDBLabelTrigger"
    assert GraceDBLabelTrigger(**stored).serialize() == (path, arguments)
    assert arguments == {
        "graceid": "S150914a",
        "labels": "ADVOK & ~ADVNO",
        "gracedb_conn_id": "gracedb_default",
        "poll_seconds": PERIOD,
        "settle": 0.0,
    }
    assert found.timeout is not None
    assert found.timeout.total_seconds() == 3600
    assert deferred().timeout is None


def test_it_wakes_when_the_condition_holds_and_hands_on_the_labels(known: Site, gracedb: GraceDB) -> None:
    found = deferred()

    async def scene() -> tuple[bool, list[TriggerEvent]]:
        task = asyncio.create_task(events_of(found.trigger))
        gracedb.have["S150914a"] = {"ADVOK", "ADVNO"}
        while len(gracedb.looks) < 3:
            await asyncio.sleep(PERIOD)
        early = task.done()
        gracedb.have["S150914a"] = {"ADVOK", "DQV"}
        return early, await asyncio.wait_for(task, 30)

    early, (event,) = asyncio.run(scene())

    assert not early, "it fired though ADVNO was there"
    assert sensor().resume(context(), event.payload) == ["ADVOK", "DQV"]


def test_a_hundred_that_wait_cost_one_look_at_a_time(gracedb: GraceDB) -> None:
    async def scene() -> int:
        waiting = [
            asyncio.create_task(
                events_of(
                    GraceDBLabelTrigger(
                        graceid=graceid, labels=labels, gracedb_conn_id="gracedb_default", poll_seconds=PERIOD, settle=0
                    )
                )
            )
            for graceid in gracedb.have
            for labels in ["ADVOK", "DQV | ADVOK"] * 25
        ]
        await asyncio.sleep(0)
        while len(gracedb.looks) < 6:
            await asyncio.sleep(PERIOD)
        pollers = len(poller._pollers)
        for labels in gracedb.have.values():
            labels.add("ADVOK")
        assert [len(events) for events in await asyncio.wait_for(asyncio.gather(*waiting), 30)] == [1] * 100
        return pollers

    looks: Collection[list[str]] = gracedb.looks
    assert asyncio.run(scene()) == 1
    # each look asks once for each of the two events, not for each that waits
    assert len(looks) < 40


def test_an_event_that_gracedb_does_not_show_fails_the_task_with_its_words(known: Site, gracedb: GraceDB) -> None:
    gracedb.have = {}
    (event,) = asyncio.run(asyncio.wait_for(events_of(deferred().trigger), 30))

    with pytest.raises(AirflowFailException, match="S150914a: 404: Superevent not found"):
        sensor().resume(context(), event.payload)


def test_a_condition_that_is_none_fails_before_it_waits(known: Site) -> None:
    with pytest.raises(AirflowFailException, match="expected labels joined by"):
        sensor("ADVOK &").execute(context())


def test_an_event_that_gracedb_does_not_have_is_skipped(site: Site) -> None:
    with pytest.raises(AirflowSkipException, match="not in GraceDB"):
        sensor().execute(context())

"""What no alert told us of is asked of GraceDB; what has not changed is not told again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.alerts import signs
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.inbox import as_json, content_key, store
from gwfollow.alerts.reconcile import BY_THEMSELVES, Report, as_message, categories_for, is_due, reconcile
from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.ledger.schema import Event, Inbox
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def superevent(name: str, **more: Any) -> dict[str, Any]:
    return {
        "superevent_id": name,
        "category": "Production",
        "created": "2026-11-21 11:00:00 UTC",
        "preferred_event": "G1",
        "labels": [],
        "gw_events": ["G1"],
        "t_start": 1.0,
        "t_0": 2.0,
        "t_end": 3.0,
        "far": 1e-9,
        "links": {"self": f"https://gracedb.example/api/superevents/{name}/", "logs": "https://gracedb.example/logs/1"},
    } | more


class FakeGraceDB:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = {one["superevent_id"]: one for one in found}
        self.queries: list[str] = []
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.lists = True

    def superevents(self, query: str) -> Iterator[dict[str, Any]]:
        self.queries.append(query)
        if self.error:
            raise self.error
        if self.lists:
            yield from copy.deepcopy(list(self.found.values()))

    def superevent(self, superevent_id: str) -> dict[str, Any]:
        self.asked.append(superevent_id)
        if superevent_id not in self.found:
            raise RemoteRefused("404")
        return copy.deepcopy(self.found[superevent_id])


class Scene:
    def __init__(self, ledger: Ledger, folders: Folders, gracedb: FakeGraceDB) -> None:
        self.ledger, self.folders, self.gracedb, self.time = ledger, folders, gracedb, NOON

    def go(self, **options: Any) -> Report:
        self.time += timedelta(minutes=5)
        return reconcile(self.ledger, self.folders, self.gracedb, pace=0.0, clock=lambda: self.time, **options)

    def change(self, name: str, **more: Any) -> None:
        self.gracedb.found[name] |= more

    def rows(self) -> list[Inbox]:
        with self.ledger.read() as session:
            return list(session.scalars(select(Inbox).order_by(Inbox.id)))


@pytest.fixture
def scene(ledger: Ledger, tmp_path: Path) -> Scene:
    return Scene(ledger, Folders(tmp_path / "data"), FakeGraceDB(superevent("S261121a"), superevent("S261121b")))


def test_every_superevent_becomes_a_message_once(scene: Scene) -> None:
    assert (scene.go().stored, scene.go().stored) == (2, 0)
    rows = scene.rows()
    assert [(row.event, row.source, row.state) for row in rows] == [
        ("S261121a", "gracedb", "new"),
        ("S261121b", "gracedb", "new"),
    ]
    assert rows[0].kind == "snapshot"
    assert rows[0].issued == NOON + timedelta(minutes=5)  # when GraceDB was asked


def test_a_change_and_the_way_back_are_messages_and_nothing_else_is(scene: Scene) -> None:
    """Without the way back a label that was removed while we were deaf would stay for ever."""
    stored = [scene.go().stored]
    for labels in (["DQV"], ["DQV"], [], [], ["DQV"], []):
        scene.change("S261121a", labels=labels)
        stored.append(scene.go().stored)
    assert stored == [2, 1, 0, 1, 0, 1, 1]
    assert len({row.key for row in scene.rows()}) == 6


def test_order_of_lists_and_addresses_do_not_make_a_change(scene: Scene) -> None:
    scene.change("S261121a", labels=["A", "B"], gw_events=["G1", "G2"])
    scene.go()
    scene.change("S261121a", labels=["B", "A"], gw_events=["G2", "G1"])
    scene.gracedb.found["S261121a"]["links"]["logs"] = "https://gracedb.example/logs/2"
    assert scene.go().stored == 0


def test_a_snapshot_keeps_its_own_address_and_names_the_one_before() -> None:
    first = as_message(superevent("S261121a"))
    second = as_message(superevent("S261121a"), content_key(first))
    assert b'"links":{"self":"https://gracedb.example/api/superevents/S261121a/"}' in first
    assert content_key(first) != content_key(second)


def test_the_first_question_goes_back_days_and_later_ones_to_the_last_success(scene: Scene) -> None:
    scene.go()
    scene.time += timedelta(days=1)
    scene.go()
    scene.time += timedelta(days=200)
    scene.go()
    assert [query.rpartition("created: ")[2] for query in scene.gracedb.queries] == [
        "2026-11-18 .. now",
        "2026-11-21 .. now",
        "2027-05-11 .. now",
    ]


def test_each_category_is_asked_for_by_name(scene: Scene) -> None:
    scene.go(categories=("Production", "MDC"))
    assert [query.split()[1] for query in scene.gracedb.queries] == ["Production", "MDC"]


def test_the_categories_are_those_of_the_topics_that_are_listened_to() -> None:
    assert categories_for(Settings()) == ("Production",)
    topics = "superevent, mdc_superevent,test_superevent"
    assert categories_for(Settings(igwn_alert_topics=topics)) == ("Production",)  # nobody listens to them
    found = categories_for(Settings(igwn_alert_server="kafka:9092", igwn_alert_topics=topics))
    assert set(found) == {"Production", "Test", "MDC"}


def test_active_events_that_the_answer_does_not_have_are_asked_for_in_turn(scene: Scene) -> None:
    names = ["S200101a", "S200101b", "GW150914", *(f"S21010{number % 10}x{'y' * (number // 10)}" for number in range(98))]
    with scene.ledger.change(who="test") as change:
        change.session.add_all(Event(name=name, graceid=name, active=name != "S200101b") for name in names)
    scene.gracedb.found["S200101a"] = superevent("S200101a")
    scene.gracedb.lists = False
    scene.go()
    assert len(scene.gracedb.asked) == BY_THEMSELVES
    while "S200101a" not in scene.gracedb.asked:
        scene.go()
        assert len(scene.gracedb.asked) < 1000
    assert scene.rows()[-1].event == "S200101a"
    assert not {"S200101b", "GW150914"} & set(scene.gracedb.asked)


def test_silence_is_recorded_and_asked_again_from_the_same_moment(scene: Scene) -> None:
    settings = Settings(reconcile_seconds="300")
    scene.go()
    scene.gracedb.error = RemoteSilent("GraceDB did not answer, Bearer abc", retry_after=500)
    scene.time += timedelta(days=2)
    report = scene.go()
    assert report.error == "GraceDB did not answer, Bearer ***"
    (row,) = signs.read(scene.ledger)
    assert row.error == report.error
    assert row.heartbeat == NOON + timedelta(minutes=5)
    # it asked for 500 s of peace; a minute after that we try again
    assert not is_due(scene.ledger, settings, clock=lambda: scene.time + timedelta(seconds=500))
    assert is_due(scene.ledger, settings, clock=lambda: scene.time + timedelta(seconds=561))
    scene.gracedb.error = None
    scene.go()
    assert scene.gracedb.queries[-1].endswith("created: 2026-11-21 .. now")
    assert signs.read(scene.ledger)[0].error is None
    assert not is_due(scene.ledger, settings, clock=lambda: scene.time + timedelta(seconds=299))
    assert is_due(scene.ledger, settings, clock=lambda: scene.time + timedelta(seconds=300))


def test_what_alerts_told_is_no_matter_to_it(scene: Scene) -> None:
    """A file with the very same superevent is not taken for the last snapshot."""
    raw = as_json(superevent("S261121a"))
    store(scene.ledger, scene.folders, raw, source="file", topic="x.json")
    assert scene.go().stored == 2

"""A scan is asked for: an analysis in the ledger and one run of its event; asked twice it is there once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError, NotFound, TransientError
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import find_analysis, find_event
from gwfollow.life import Site
from gwfollow.life.request import Requested, ends, retire, standing
from gwfollow.life.request import scan as scan_asked
from gwfollow.scans.asked import read
from gwfollow.schedulers.base import JobState

GPS = 1126259462.4
OWN = "scan-1126259462.400"
SET = """
ifo: H1
frame types: {H1_R: {look up: [{folder: /data/H1_R}]}}
blocks: {strain: {channels: ["H1:A", "H1:B"], frame type: H1_R}}
"""


@pytest.fixture(autouse=True)
def channel_sets(site: Site) -> None:
    folder = Path(site.settings.configs) / "channel_sets"
    folder.mkdir()
    (folder / "H1_strain.yaml").write_text(SET)


def scan(site: Site, *, event: str | None = None, again: bool = False, **asked: Any) -> Requested:
    return scan_asked(site, read(**asked), event=event, again=again)


def runs(site: Site, event: str) -> list[str]:
    with site.ledger.read() as session:
        asked = session.scalars(select(Outbox).where(Outbox.destination == "airflow").order_by(Outbox.id))
        return [row.payload["run_id"] for row in asked if row.payload["event"] == event]


def row(site: Site, event: str, name: str) -> Any:
    with site.ledger.read() as session:
        return find_analysis(session, event, name)


def set_status(site: Site, event: str, name: str, status: str) -> None:
    with site.ledger.change(who="test") as change:
        change.analysis(event, name).status = status


def test_a_time_without_an_event_gets_an_event_of_its_own_and_one_run(site: Site) -> None:
    found = scan(site, gps=GPS, channel_set="H1_strain", title="a loud noise")
    assert (found.event, found.analysis, found.work) == (OWN, "scan-H1_strain", True)
    made = row(site, OWN, found.analysis)
    assert (made.pipeline, made.status, made.comment) == ("omegascan", "ready", "a loud noise")
    assert made.document == {"scan": {"channel set": "H1_strain"}}
    with site.ledger.read() as session:
        event = find_event(session, OWN)
    assert (event.gps, event.source, event.graceid, event.document) == (GPS, "request", None, {"interferometers": ["H1"]})
    assert runs(site, OWN) == [f"rev-{found.revision}"]


def test_the_same_request_again_finds_the_same_analysis_and_asks_for_nothing(site: Site) -> None:
    first = scan(site, gps=GPS, channel_set="H1_strain")
    again = scan(site, gps="2015-09-14T09:50:45.400Z", channel_set="H1_strain")
    assert (again.event, again.analysis, again.revision, again.work) == (OWN, first.analysis, first.revision, False)
    assert len(runs(site, OWN)) == 1


def test_many_who_ask_at_once_get_the_same_scan_and_one_run(site: Site) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: scan(site, gps=GPS, channel_set="H1_strain"), range(8)))
    assert {(one.event, one.analysis) for one in found} == {(OWN, "scan-H1_strain")}
    assert [one.work for one in found].count(True) == 1
    assert len(runs(site, OWN)) == 1


def test_another_scan_of_the_time_stands_beside_it(site: Site) -> None:
    one = scan(site, gps=GPS, channel_set="H1_strain")
    far = {"channels": ["L1:A"], "frame_type": "L1_R", "frames": "/data/L1_R"}
    others = [
        scan(site, gps=GPS, channel_set="H1_strain", engine="gwdetchar"),
        scan(site, gps=GPS, channel_set="H1_strain", scheduler="local"),
        scan(site, gps=GPS, **far),
    ]
    assert {other.event for other in others} == {one.event}
    assert len({one.analysis, *(other.analysis for other in others)}) == 4
    with site.ledger.read() as session:
        assert find_event(session, OWN).document["interferometers"] == ["H1", "L1"]


def test_a_named_event_keeps_what_is_said_of_it_and_a_scan_that_an_alert_asked_for_is_the_one(site: Site) -> None:
    asked = scan(site, event="GW150914", channel_set="H1_strain")
    with site.ledger.change(who="alert") as change:  # as the policy's template has it
        made = change.analysis("GW150914", asked.analysis)
        made.document = {**made.document, "preferred event": "G1"}
    assert scan(site, event="GW150914", gps=GPS, channel_set="H1_strain").analysis == asked.analysis
    with site.ledger.read() as session:
        event = find_event(session, "GW150914")
    assert (event.source, event.document["interferometers"]) == ("blueprint", ["H1", "L1"])


@pytest.mark.parametrize("status", ["stuck", "stopped", "cancelled"])
def test_what_ended_without_a_scan_is_done_once_more(site: Site, status: str) -> None:
    first = scan(site, gps=GPS, channel_set="H1_strain")
    set_status(site, OWN, first.analysis, status)
    with site.ledger.change(who="test") as change:
        change.event(OWN).active = False
    again = scan(site, gps=GPS, channel_set="H1_strain")
    assert again.work
    assert again.revision == first.revision + 1
    assert row(site, OWN, first.analysis).status == "restart"
    with site.ledger.read() as session:
        assert find_event(session, OWN).active


@pytest.mark.parametrize("status", ["running", "finished", "processing", "uploaded"])
def test_what_runs_or_has_been_scanned_is_left_alone(site: Site, status: str) -> None:
    first = scan(site, gps=GPS, channel_set="H1_strain")
    set_status(site, OWN, first.analysis, status)
    assert not scan(site, gps=GPS, channel_set="H1_strain").work
    asked = scan(site, gps=GPS, channel_set="H1_strain", again=True)
    assert asked.work == (status == "uploaded")  # in hand: it would take the job of somebody who waits for it


def test_what_is_just_being_stopped_is_asked_for_later(site: Site) -> None:
    first = scan(site, gps=GPS, channel_set="H1_strain")
    set_status(site, OWN, first.analysis, "stop")
    with pytest.raises(TransientError, match="just being stopped"):
        scan(site, gps=GPS, channel_set="H1_strain")


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"channel_set": "H1_strain"}, InputError, "a time, or an event that has one"),
        ({"gps": GPS, "channel_set": "H1_stain"}, NotFound, "H1_strain"),
        ({"gps": GPS, "channel_set": "H1_strain", "ifo": "L1"}, InputError, "detector: found 'L1', expected H1"),
        ({"gps": GPS, "channel_set": "H1_strain", "channels": "H1:C"}, InputError, "the request, channels"),
        ({"event": "GW170817", "channel_set": "H1_strain"}, NotFound, "GW170817"),
        ({"event": "GW150914", "gps": GPS + 1, "channel_set": "H1_strain"}, InputError, "an event of its own"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(site: Site, asked: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        scan(site, **asked)
    with site.ledger.read() as session:
        assert [one.name for one in find_event(session, "GW150914").analyses] == ["psd", "pe"]
        with pytest.raises(NotFound):
            find_event(session, OWN)


def test_who_follows_is_told_of_every_end_and_of_nothing_else(site: Site) -> None:
    found = scan(site, gps=GPS, channel_set="H1_strain")
    key = f"{OWN}/{found.analysis}"
    told = {}
    for status in ("ready", "running", "finished", "processing", "stop", "restart", "uploaded", "stuck", "stopped", "cancelled"):
        set_status(site, OWN, found.analysis, status)
        told[status] = ends(site.ledger, [key, "GW150914/psd"])[key].state is JobState.COMPLETED
        assert standing(site, OWN, found.analysis).ended == told[status]
    assert {status for status, ended in told.items() if ended} == {"uploaded", "stuck", "stopped", "cancelled"}
    assert ends(site.ledger, ["GW150914/gone"])["GW150914/gone"].state is JobState.COMPLETED


@pytest.mark.parametrize("status", ["uploaded", "stuck", "cancelled"])
def test_an_event_of_a_request_is_archived_some_time_after_its_last_scan_and_active_again_when_it_is_asked(
    site: Site, status: str
) -> None:
    found = scan(site, gps=GPS, channel_set="H1_strain")
    assert retire(site, after=0.0) == []  # it has not been scanned
    set_status(site, OWN, found.analysis, status)
    assert retire(site) == []  # somebody may still look at it
    assert retire(site, after=0.0) == [OWN]  # not GW150914, which nobody asked a scan of
    assert retire(site, after=0.0) == []
    with site.ledger.read() as session:
        assert not find_event(session, OWN).active
    assert scan(site, gps=GPS, channel_set="H1_strain", again=True).work
    with site.ledger.read() as session:
        assert find_event(session, OWN).active

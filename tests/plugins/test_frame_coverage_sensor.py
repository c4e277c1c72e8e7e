"""Waiting for frames: nothing is deferred that is there, one watch for everybody, skipped with the reason where nothing comes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TriggerEvent
from tasks import context

from fake_frames import frame
from gwfollow.data import folders
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.errors import InputError
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Assets, AwaitedData, Pipeline
from gwfollow.schedulers.base import Job, Work
from gwfollow.times import utc_to_gps
from sensors import FrameCoverageSensor, FrameCoverageTrigger

EVENT = "GW150914"
ABOUT = {"event": EVENT, "analysis": "echo"}
PERIOD = 0.05


class Scan(Pipeline):
    """Awaits what a test sets."""

    name = "echo"
    awaited: Sequence[AwaitedData] = ()

    def awaits(self) -> Sequence[AwaitedData]:
        if self.task.get("fault"):
            raise InputError("scan.channel set", "H1_strian", "one of H1_strain")
        return self.awaited

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> dict[str, Path]:
        return {}

    def submit_dag(self, dryrun: bool = False) -> Work:
        return Job(Path("/bin/true"), (), self.task.folder, "scan")

    def detect_completion(self) -> bool:
        return False

    def collect_assets(self) -> Assets:
        return {}


@pytest.fixture(autouse=True)
def scans(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", lambda name: Scan)


def just_now() -> int:
    """GPS s: a stretch that ends here has ended."""
    return int(utc_to_gps(datetime.now(UTC))) - 1


def awaits(monkeypatch: pytest.MonkeyPatch, folder: Path, end: float, *types: str, timeout: float = 3600.0) -> None:
    found = [
        AwaitedData(LookUp(ifo="H1", frame_type=kind, ways=(Folder(path=str(folder)),), timeout=timeout), (end - 8.0, float(end)))
        for kind in types
    ]
    monkeypatch.setattr(Scan, "awaited", found)


def sensor(**options: Any) -> FrameCoverageSensor:
    return FrameCoverageSensor(task_id="data", poll_seconds=PERIOD, **ABOUT, **options)


def deferred(begun: float | None = None) -> FrameCoverageTrigger:
    """At the time `begun` (Unix s), however long the machine has taken since then."""
    with pytest.MonkeyPatch.context() as patch:
        if begun is not None:
            patch.setattr("gwfollow.life.awaited.time", SimpleNamespace(time=lambda: begun))
        with pytest.raises(TaskDeferred) as raised:
            sensor().execute(context())
    trigger: Any = raised.value.trigger
    path, arguments = trigger.serialize()
    assert path == "sensors.frame_coverage.FrameCoverageTrigger"
    stored = FrameCoverageTrigger(**json.loads(json.dumps(arguments)))
    assert stored.serialize() == (path, arguments)
    return stored


async def events_of(trigger: FrameCoverageTrigger) -> list[TriggerEvent]:
    return [event async for event in trigger.run()]


def fired(trigger: FrameCoverageTrigger) -> dict[str, Any]:
    (event,) = asyncio.run(asyncio.wait_for(events_of(trigger), 60))
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload


def state(site: Site) -> tuple[str, str | None]:
    with site.ledger.read() as session:
        row = find_analysis(session, EVENT, "echo")
        return row.status, row.reason


def test_what_is_there_already_is_waited_for_without_the_triggerer(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaits(monkeypatch, tmp_path, 1126259464, "H1_R")
    frame(tmp_path, "H1_R", 1126259456, 8)
    found = sensor().execute(context())
    assert found["complete"]
    assert [(each["ifo"], each["frame_type"], each["missing"]) for each in found["frames"]] == [("H1", "H1_R", [])]
    monkeypatch.setattr(Scan, "awaited", [])
    assert sensor().execute(context()) == {"complete": True, "frames": []}


def test_a_hundred_that_wait_share_one_watch_and_wake_when_the_data_are_there(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = just_now()
    awaits(monkeypatch, tmp_path, end, "H1_R", "H1_T")
    trigger = deferred()
    looks = []
    look = folders.look
    monkeypatch.setattr(folders, "look", lambda path, kinds: looks.append(len(kinds)) or look(path, kinds))

    async def scene() -> list[list[TriggerEvent]]:
        waiting = [asyncio.create_task(events_of(FrameCoverageTrigger(**trigger.serialize()[1]))) for _ in range(100)]
        while len(looks) < 3:
            await asyncio.sleep(PERIOD)
        assert not any(task.done() for task in waiting)
        frame(tmp_path, "H1_R", end - 8, 8)
        frame(tmp_path, "H1_T", end - 8, 8)
        return await asyncio.wait_for(asyncio.gather(*waiting), 60)

    begun = time.monotonic()
    events = asyncio.run(scene())
    assert [len(each) for each in events] == [1] * 100
    assert set(looks) == {2}, "each look is for both types, and for everybody"
    assert len(looks) <= 2 + (time.monotonic() - begun) / PERIOD
    assert sensor().resume(context(), events[0][0].payload)["complete"]
    assert state(site)[0] == "ready"


def test_one_type_that_does_not_come_does_not_hold_the_scan_and_the_result_says_so(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gwfollow.data.arrival.GRACE", 0.1)
    end = just_now()
    awaits(monkeypatch, tmp_path, end, "H1_R", "H1_T")
    frame(tmp_path, "H1_T", end - 8, 8)
    frame(tmp_path, "H1_R", end - 8, 2)
    found = sensor().resume(context(), fired(deferred()))
    assert [(each["frame_type"], each["complete"], each["settled"], each["missing"]) for each in found["frames"]] == [
        ("H1_R", False, False, [[end - 6.0, end]]),
        ("H1_T", True, True, []),
    ]


def test_without_any_data_it_is_skipped_with_the_segments_and_a_clear_waits_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = time.time(), just_now()
    awaits(monkeypatch, tmp_path, end, "H1_R", timeout=2.5)
    payload = fired(deferred(begun))
    with pytest.raises(AirflowSkipException, match=rf"GW150914/echo: H1_R: \[{end - 8}, {end}\) missing"):
        sensor().resume(context(), payload)
    assert state(site) == ("cancelled", f"skipped: H1_R: [{end - 8}, {end}) missing")

    with pytest.raises(AirflowSkipException, match="is cancelled: skipped"):  # a retry, a second run: no wait, no second word
        sensor().execute(context())
    frame(tmp_path, "H1_R", end - 8, 8)
    monkeypatch.setattr("gwfollow.provider.site.person_behind", lambda *about: "bob")
    assert sensor().execute(context(try_number=2, max_tries=31))["complete"]
    assert state(site) == ("ready", None)


def test_one_that_is_stopped_while_it_waits_keeps_the_persons_word(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaits(monkeypatch, tmp_path, just_now(), "H1_R", timeout=0.0)
    with site.ledger.change(who="bob") as change:
        change.set_status(change.analysis(EVENT, "echo"), "cancelled", reason="not needed")
    with pytest.raises(AirflowSkipException, match="is cancelled: not needed"):
        sensor().resume(context(), {"report": {"complete": False, "frames": []}, "lack": "nothing came", "wanted": []})
    assert state(site) == ("cancelled", "not needed")


def test_an_answer_about_another_time_than_the_event_has_now_skips_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = time.time(), just_now()
    awaits(monkeypatch, tmp_path, end - 100, "H1_R", timeout=102.0)
    payload = fired(deferred(begun))
    assert payload["lack"]
    awaits(monkeypatch, tmp_path, end, "H1_R")
    with pytest.raises(TaskDeferred) as raised:
        sensor().resume(context(), payload)
    trigger: Any = raised.value.trigger
    assert trigger.wanted[0]["stretch"] == [end - 8.0, end]
    assert state(site)[0] == "ready"


def test_one_that_cannot_say_what_it_waits_for_fails_with_the_reason(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "echo")
        row.document = {**row.document, "fault": True}
    with pytest.raises(AirflowFailException, match="found 'H1_strian', expected one of H1_strain"):
        sensor().execute(context())
    assert state(site)[0] == "stuck"

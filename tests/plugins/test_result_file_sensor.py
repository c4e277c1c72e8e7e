"""The sensor for result files (`sensors.result_file`): deferred until every pattern has files that stay, then they are opened."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.triggers.base import TriggerEvent
from tasks import context

from gwfollow.checksums import sha256_of
from sensors import ResultFileSensor, ResultFileTrigger

PERIOD = 0.02


def sensor(*patterns: Path) -> ResultFileSensor:
    return ResultFileSensor(task_id="results", patterns=[str(pattern) for pattern in patterns], poll_seconds=PERIOD)


def deferred(*patterns: Path) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        sensor(*patterns).execute(context())
    return raised.value


async def events_of(trigger: ResultFileTrigger) -> list[TriggerEvent]:
    return [event async for event in trigger.run()]


def test_it_defers_at_once_on_a_trigger_that_survives_being_stored(tmp_path: Path) -> None:
    found = deferred(tmp_path / "*.json")
    assert found.method_name == "resume"
    path, arguments = found.trigger.serialize()
    stored = json.loads(json.dumps(arguments))
    assert path == "sensors.result_file.ResultFileTrigger"
    assert ResultFileTrigger(**stored).serialize() == (path, {"patterns": [str(tmp_path / "*.json")], "poll_seconds": PERIOD})


def test_it_waits_no_longer_than_the_sensors_timeout(tmp_path: Path) -> None:
    waiting = ResultFileSensor(task_id="results", patterns=[str(tmp_path / "x")], timeout=3600)
    with pytest.raises(TaskDeferred) as raised:
        waiting.execute(context())
    assert raised.value.timeout is not None
    assert raised.value.timeout.total_seconds() == 3600


def test_the_trigger_fires_once_when_all_patterns_have_their_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    trigger = deferred(first, second).trigger
    assert isinstance(trigger, ResultFileTrigger)

    async def scene() -> tuple[bool, list[TriggerEvent]]:
        task = asyncio.create_task(events_of(trigger))
        first.write_text("[1]")
        await asyncio.sleep(10 * PERIOD)
        early = task.done()
        second.write_text("[2]")
        return early, await asyncio.wait_for(task, 30)

    early, (event,) = asyncio.run(scene())
    assert not early, "it fired with one of two files"
    assert event.payload == {"patterns": [str(first), str(second)]}


def test_two_sensors_for_one_file_are_both_woken(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[1]")

    async def both() -> list[list[TriggerEvent]]:
        triggers = [ResultFileTrigger(patterns=[str(file)], poll_seconds=PERIOD) for _ in range(2)]
        return await asyncio.wait_for(asyncio.gather(*map(events_of, triggers)), 30)

    assert [len(events) for events in asyncio.run(both())] == [1, 1]


def test_files_that_are_whole_are_handed_on_by_path_and_checksum(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file in files:
        file.write_text("[1]")
    found = sensor(*files).resume(context(), {"patterns": []})
    assert found == [{"path": str(file), "sha256": sha256_of(file)} for file in files]


def test_a_truncated_file_fails_the_task_without_retry_and_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2")
    with pytest.raises(AirflowFailException, match=r"a\.json cannot be read"):
        sensor(tmp_path / "*.json").resume(context(), {})


def test_a_file_that_vanished_again_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="no file matches"):
        sensor(tmp_path / "*.json").resume(context(), {})

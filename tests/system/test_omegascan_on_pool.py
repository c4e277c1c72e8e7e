"""An omega scan as a job of a real HTCondor: killed in the middle it goes on by channel, and is told so."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alone import follow
from sqlalchemy import select

from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Job, Outbox, now
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, publish
from gwfollow.life.submit import submit
from gwfollow.pipelines.omegascan import JOB
from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.scans.model import DONE, RESULT, ScanResult
from gwfollow.settings import Settings
from gwfollow.times import utc_to_gps

pytestmark = [pytest.mark.system, pytest.mark.slow]

EVENT, SCAN = "GW150914", "scan"  # the name that `alone.follow` waits for
SET = """
ifo: H1
blocks:
  EARLY: {{channels: [H1:A-1, H1:A-2], frame type: H1_EARLY, {like}}}
  LATE: {{channels: [H1:B-1], frame type: H1_LATE, {like}}}
frame types:
  H1_EARLY: {{look up: [{{folder: {frames}}}], timeout: 0}}
  H1_LATE: {{look up: [{{folder: {frames}}}], timeout: 3600}}
correlate: false
"""
LIKE = "duration: 8, fftlength: 2, q range: [4, 16], frequency range: [20, 100], plot time durations: [1]"


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.2)


def workers(folder: Path) -> dict[int, int]:
    """Processes that scan into the folder, each with its parent."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and b"gwfollow.scans.worker" in (process / "cmdline").read_bytes():
                found[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def write(frames: Path, kind: str, names: list[str], gps: int) -> None:
    channels = [Auxiliary(name, 256, (Glitch(gps + 0.4, 60, amplitude=20),)) for name in names]
    write_auxiliary(frames, "H1", channels, start=gps - 8, end=gps + 8, length=16, frame_type=kind)


def test_a_scan_whose_job_is_killed_goes_on_by_channel_and_ends_complete(pool: PersonalPool, tmp_path: Path) -> None:
    gps, frames = int(utc_to_gps(now())) - 60, tmp_path / "frames"
    write(frames, "H1_EARLY", ["H1:A-1", "H1:A-2"], gps)
    (tmp_path / "channel_sets").mkdir()
    (tmp_path / "channel_sets" / "H1_test.yaml").write_text(SET.format(like=LIKE, frames=frames))
    settings = Settings(home=str(tmp_path), configs=str(tmp_path), scheduler="htcondor", poll_seconds="1")
    documents = [
        f"kind: event\nname: {EVENT}\nevent time: {gps + 0.4}\ninterferometers: [H1]\ngid: S150914a\n",
        f"kind: analysis\nname: {SCAN}\nevent: {EVENT}\npipeline: omegascan\nscan: {{channel set: H1_test}}\n",
    ]
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text("---\n".join(documents), "test.yaml").blueprints)
    site = Site(ledger, settings, who="test")
    folder = build(site, EVENT, SCAN).folder
    submit(site, EVENT, SCAN)

    until(lambda: (folder / DONE).is_file() and len((folder / DONE).read_bytes().splitlines()) == 2)
    before = (folder / DONE).read_bytes()
    first = workers(folder)
    (head,) = (pid for pid, parent in first.items() if parent not in first)
    os.kill(head, signal.SIGKILL)
    write(frames, "H1_LATE", ["H1:B-1"], gps)
    asyncio.run(follow(site, SCAN))

    assert not set(first) & set(workers(folder))
    assert (folder / DONE).read_bytes().startswith(before)
    assert len((folder / DONE).read_bytes().splitlines()) == 3
    assert "2 channels were scanned before, and are not scanned again" in (folder / f"{JOB}.out").read_text()
    result = ScanResult.model_validate_json((folder / RESULT).read_bytes())
    assert (result.state, result.reason) == ("complete", "")
    assert {one.channel for one in result.channels if one.significant and one.plot} == {"H1:A-1", "H1:A-2", "H1:B-1"}
    collect(site, EVENT, SCAN)
    publish(site, EVENT, SCAN)
    with ledger.read() as session:
        killed, resumed = session.scalars(select(Job).order_by(Job.number))
        said = [json.dumps(payload) for payload in session.scalars(select(Outbox.payload).order_by(Outbox.id))]
    assert killed.outcome["signal"] == signal.SIGKILL
    assert (resumed.key, resumed.outcome["exit_code"]) == (f"{EVENT}/{SCAN}/1.1", 0)
    assert sum("started again, where it was (resurrection 1)" in text for text in said) == 1
    assert sum("H1_test of GW150914 finished, attempt 1: 3 of 3 scanned channels significant" in text for text in said) == 1
    assert not any("failed" in text for text in said)
    ledger.close()

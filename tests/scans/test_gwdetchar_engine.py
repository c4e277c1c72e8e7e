"""The installed gwdetchar-omega on real frames, by our own configuration."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.data.names import parse
from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary
from gwfollow.scans import gwdetchar_engine
from gwfollow.scans.gwdetchar_inputs import LookJob, readable
from gwfollow.scans.model import CONFIG, DONE, PAGE, RESULT, TABLE, Block, Primary, ScanConfig, ScanResult
from gwfollow.scans.table import read_csv

GPS = 1126259462.4
KIND = "H1_SIM_AUX"


def frames(folder: Path, start: int = 1126259452, end: int = 1126259472, length: int = 19) -> list[Path]:
    """From the default on: as long as it reads for 16 s, its last second in a file of its own."""
    glitch = (Glitch(GPS, 60, amplitude=20),)
    channels = [Auxiliary("H1:A-LOUD", 256, glitch), Auxiliary("H1:A-QUIET", 256)]
    return write_auxiliary(folder, "H1", channels, start=start, end=end, length=length, frame_type=KIND)


def config(folder: Path, **more: object) -> ScanConfig:
    block = Block(
        key="AUX",
        name="auxiliary",
        channels=("H1:A-LOUD", "H1:A-QUIET", "H1:A-NOT-THERE"),
        frame_type=KIND,
        duration=16,
        fftlength=2,
        frequency_range=(20, None),
        plot_time_durations=(1,),
    )
    primary = Primary(channel="H1:A-LOUD", frame_type=KIND, f_low=20, duration=16, fftlength=2)
    look_up = LookUp(ifo="H1", frame_type=KIND, ways=(Folder(path=str(folder)),), timeout=0)
    asked = {"title": "test", "gps": GPS, "ifo": "H1", "channel_set": "aux", "engine": "gwdetchar", "look_ups": (look_up,)}
    return ScanConfig.model_validate(asked | {"blocks": (block,), "primary": primary} | more)


@pytest.mark.slow
def test_a_channel_that_is_missing_is_told_and_the_others_are_scanned_and_not_again(tmp_path: Path) -> None:
    frames(tmp_path / "frames")
    folder = tmp_path / "scan"
    folder.mkdir()
    asked = config(tmp_path / "frames")
    result = gwdetchar_engine.scan(asked, folder, print)

    assert result.reason == ""
    assert (result.state, result.engine, result.waiting) == ("complete", "gwdetchar", 0)
    loud, absent, quiet = result.channels
    assert (loud.channel, absent.channel, quiet.channel) == ("H1:A-LOUD", "H1:A-NOT-THERE", "H1:A-QUIET")
    assert (loud.state, loud.significant, absent.state, quiet.state, quiet.significant) == (
        *("scanned", True),
        *("absent", "scanned", False),
    )
    assert loud.peak is not None
    assert abs(loud.peak.time - GPS) < 0.05
    assert abs(loud.peak.frequency - 60) < 10
    assert loud.correlation is not None
    assert quiet.peak is None
    assert (folder / loud.plot).read_bytes().startswith(b"\x89PNG")
    assert [row.channel for row in read_csv(folder / TABLE)] == ["H1:A-LOUD"]
    assert "gwdetchar/index.html" in (folder / PAGE).read_text()
    assert ScanResult.model_validate_json((folder / RESULT).read_bytes()) == result
    assert (folder / "gwdetchar" / "index.html").is_file()

    (folder / PAGE).unlink()
    log = (folder / "gwdetchar" / gwdetchar_engine.LOG).read_bytes()
    again = gwdetchar_engine.scan(asked, folder, print)
    assert again.channels == result.channels
    assert (folder / PAGE).is_file()
    assert (folder / "gwdetchar" / gwdetchar_engine.LOG).read_bytes() == log


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)


def gone(process: Path) -> bool:
    """Ended, though nobody may have asked for its end yet."""
    try:
        return "\nState:\tZ" in (process / "status").read_text()
    except OSError:
        return True


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program in the place of gwdetchar-omega."""
    path = folder / "gwdetchar-omega"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(gwdetchar_engine, "program", lambda name: path)


def test_it_is_killed_with_its_children_at_the_time_limit_and_the_result_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames(tmp_path / "frames")
    said = " -- Scanning channel H1:A-QUIET\n -- Channel not significant at"
    stand_in(tmp_path, monkeypatch, f"sleep 300 & echo $! > child; echo '{said}'; wait")

    def clock() -> float:
        """An hour is over as soon as the quiet channel has its end."""
        done = (tmp_path / DONE).exists() and "A-QUIET" in (tmp_path / DONE).read_text()
        return time.monotonic() + (3600 if done else 0)

    monkeypatch.setattr(gwdetchar_engine, "time", SimpleNamespace(monotonic=clock))
    result = gwdetchar_engine.scan(config(tmp_path / "frames", time_limit=3600), tmp_path, print)

    assert (result.state, result.reason) == ("partial", "the time limit of 3600 s is over; 1 channel not reached")
    assert {one.channel: one.state for one in result.channels} == {
        "H1:A-LOUD": "not reached",
        "H1:A-QUIET": "scanned",
        "H1:A-NOT-THERE": "absent",
    }
    until(lambda: gone(Path("/proc") / (tmp_path / "gwdetchar" / "child").read_text().strip()))


@pytest.mark.slow
def test_it_does_not_outlive_us(tmp_path: Path) -> None:
    """A successor would write into the same folder."""
    frames(tmp_path / "frames")
    path = tmp_path / "gwdetchar-omega"
    path.write_text("#!/bin/sh\nsleep 300 & echo $! > child.part; mv child.part child; wait\n")
    path.chmod(0o755)
    (tmp_path / CONFIG).write_text(config(tmp_path / "frames", primary=None).model_dump_json())
    script = f"""
from pathlib import Path
from gwfollow.scans import gwdetchar_engine, worker
gwdetchar_engine.program = lambda name: Path({str(path)!r})
worker.main([{str(tmp_path)!r}])
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL) as scan:
        note = tmp_path / "gwdetchar" / "child"
        until(note.exists)
        child = Path("/proc") / note.read_text().strip()
        assert child.exists()
        scan.kill()
    until(lambda: gone(child))


def test_its_own_words_are_the_reason_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames(tmp_path / "frames")
    stand_in(tmp_path, monkeypatch, "echo 'ValueError: cannot read this' >&2; exit 4")
    result = gwdetchar_engine.scan(config(tmp_path / "frames"), tmp_path, print)
    assert result.state == "failed"
    assert "gwdetchar-omega ended with exit code 4: ValueError: cannot read this" in {one.message for one in result.channels}


def test_a_channel_that_it_fails_with_does_not_take_those_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does where a channel is too slow for the frequencies that are asked for."""
    frames(tmp_path / "frames")
    script = """
echo ' -- Scanning channel H1:A-LOUD'
grep -q H1:A-LOUD gwdetchar-omega.ini && { echo 'IndexError: index 0'; exit 1; }
echo ' -- Scanning channel H1:A-QUIET'; echo ' -- Channel not significant at'
"""
    stand_in(tmp_path, monkeypatch, script)
    result = gwdetchar_engine.scan(config(tmp_path / "frames", primary=None), tmp_path, print)
    assert (result.state, result.reason) == ("partial", "1 channel failed")
    assert {one.channel: one.message for one in result.channels}["H1:A-LOUD"] == (
        "gwdetchar-omega ended with exit code 1: IndexError: index 0"
    )
    assert {one.channel: one.state for one in result.channels}["H1:A-QUIET"] == "scanned"


def test_a_gap_leaves_it_nothing_and_it_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames(tmp_path / "frames", end=1126259463)
    stand_in(tmp_path, monkeypatch, "touch started")
    result = gwdetchar_engine.scan(config(tmp_path / "frames"), tmp_path, print)
    assert result.state == "failed"
    assert [one.segments for one in result.missing] == [((1126259463.0, 1126259472.0),)]
    assert {one.channel: one.state for one in result.channels}["H1:A-LOUD"] == "no data"
    assert not (tmp_path / "gwdetchar").exists()


def test_frames_that_overlap_are_told_for_it_reads_no_such(tmp_path: Path) -> None:
    paths = [frames(tmp_path / "frames")[0], *frames(tmp_path / "more", start=1126259460)]
    ((rates, ends), _) = looked_at(tmp_path, paths)
    assert rates == {}
    assert ends[0].state == "failed"
    assert "cannot read frames that overlap: H-H1_SIM_AUX-1126259452-19.gwf and H-H1_SIM_AUX-1126259460-12.gwf" in ends[0].message


def test_a_damaged_file_is_left_out_where_others_have_its_time(tmp_path: Path) -> None:
    pieces = frames(tmp_path / "frames")
    (damaged,) = frames(tmp_path / "more", length=22)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    coverage = covered([damaged, *pieces])
    assert [file.path for file in coverage.files] == [damaged]
    ((rates, _), bad) = looked_at(tmp_path, [damaged, *pieces])
    assert rates == {"H1:A-LOUD": 256.0}
    assert [file.path for file in readable(coverage, bad).files] == pieces


def covered(paths: Iterable[Path]) -> Coverage:
    return cover([file for path in paths if (file := parse(path))], (1126259453.0, 1126259472.0))


def looked_at(folder: Path, paths: Iterable[Path]) -> Any:
    asked = config(folder)
    reports: list[Any] = []
    LookJob(asked, asked.blocks[0], ["H1:A-LOUD"], covered(paths)).run(reports.append)
    return reports[-1]

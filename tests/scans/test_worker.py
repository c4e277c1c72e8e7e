"""The worker as a scheduler runs it: a process that may be killed, told to stop, run out of disk, or be started twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lalframe", reason="reads frames with lalframe (gwfollow[scans])")

from gwfollow.data.lookup import Folder
from gwfollow.scans import progress, worker
from gwfollow.scans.model import CONFIG, DONE, RESULT
from scan_frames import KIND, START, configuration, noise, write_frame

N = tuple(f"H1:N-{number}" for number in range(8))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker sets these for its own process."""
    for name in ("SCAN_CORES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    write_frame(folder, START, 24, {name: noise(24, seed=number) for number, name in enumerate(N)})
    return folder


@pytest.fixture
def scan(tmp_path: Path, frames: Path) -> Callable[..., Path]:
    def make(*channels: str, **changed: Any) -> Path:
        folder = tmp_path / "scan"
        folder.mkdir(exist_ok=True)
        (folder / CONFIG).write_text(configuration(frames, *channels, **changed).model_dump_json())
        return folder

    return make


def started(folder: Path) -> ForkProcess:
    """Forked: what this process has imported need not be imported again."""
    process = multiprocessing.get_context("fork").Process(target=lambda: os._exit(worker.main([str(folder)])))
    process.start()
    return process


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def two_types(frames: Path) -> dict[str, Any]:
    """A block that can be scanned, and one for whose frames the scan waits."""
    base = {"name": "x", "duration": 20, "fftlength": 2, "frequency_range": (16, 100), "q_range": (4, 32), "max_mismatch": 0.35}
    blocks = [
        base | {"key": "A", "channels": N, "frame_type": KIND},
        base | {"key": "B", "channels": ["H1:LATE"], "frame_type": "LATE"},
    ]
    there = {"ifo": "H1", "frame_type": KIND, "ways": [Folder(path=str(frames))], "timeout": 0}
    never = {"ifo": "H1", "frame_type": "LATE", "ways": [Folder(path="/nowhere")], "timeout": 1e9}
    return {"blocks": blocks, "look_ups": [there, never]}


@pytest.mark.slow
def test_killed_it_goes_on_where_it_was_and_told_to_stop_it_says_what_it_lacks(scan: Callable[..., Path], frames: Path) -> None:
    folder = scan("x", **two_types(frames))
    first = started(folder)
    until(lambda: progress.of(folder) == (8, 9, "8 of 9 channels, 0 significant"))
    assert first.pid is not None
    crew = children(first.pid)
    first.kill()
    first.join()
    assert crew
    until(lambda: not any(map(lives, crew)))  # nobody writes into the folder after that
    with (folder / DONE).open("ab") as torn:
        torn.write(b'{"channel":"H1:LA')
    before = lines_whole(folder)
    (folder / RESULT).unlink(missing_ok=True)
    second = started(folder)
    until((folder / RESULT).exists)
    second.terminate()  # the scheduler wants its place
    second.join()
    assert second.exitcode == 0
    assert (folder / DONE).read_bytes() == b"".join(before)
    result = json.loads((folder / RESULT).read_bytes())
    assert result["state"] == "partial"
    assert result["reason"].startswith("stopped by SIGTERM")
    assert [one["state"] for one in result["channels"]] == ["scanned"] * 8 + ["not reached"]


def lines_whole(folder: Path) -> list[bytes]:
    return [line for line in (folder / DONE).read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def children(pid: int) -> list[int]:
    return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:  # also while it is read
        return False


@pytest.mark.slow
@pytest.mark.skipif(subprocess.run(["unshare", "-Urm", "true"], check=False).returncode != 0, reason="needs user namespaces")
def test_on_a_full_disk_what_was_written_stays_whole(tmp_path: Path, frames: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    config = configuration(frames, *N[:5], always_plot=True, workers=1)
    folder.with_suffix(".json").write_text(config.model_dump_json())
    script = Path(__file__).with_name("on_small_disk_scan.py")
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, str(script), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert said["code"] == 1
    assert said["error"].endswith("No space left on device")
    assert "\n" not in said["error"]
    assert (said["torn"], said["drafts"], said["whole lines"], said["state"]) == ([], [], True, "running")
    assert 0 < said["results"] < 5
    assert said["again"] == 0
    assert said["taken up"].startswith(f"{said['results']} channels were scanned before")
    assert said["end"] == "complete"


def test_one_scan_of_a_folder_at_a_time(scan: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = scan(N[0])
    with worker.alone(folder):
        assert worker.main([str(folder)]) == 1
    assert capsys.readouterr().err.endswith("another scan is at work in this folder\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), ("{", "Invalid JSON"), ('{"title": 1}', "title: Input should be a valid string")],
)
def test_what_is_no_configuration_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / CONFIG).write_text(content)
    assert worker.main([str(tmp_path)]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_its_exit_code_says_when_nothing_could_be_scanned(scan: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert worker.main([str(scan(N[0]))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "complete"
    assert worker.main([str(scan("H1:NONE"))]) == 3
    assert worker.main([]) == 2


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_number_of_channels(tmp_path: Path, scan: Callable[..., Path]) -> None:
    """32 channels of 4096 Hz want 380 MB at once, beside what the program takes; 300 MB are planned."""
    names = [f"H1:M-{number}" for number in range(32)]
    many = tmp_path / "many"
    write_frame(many, START, 24, dict.fromkeys(names, noise(24, 4096)))
    look_up = {"ifo": "H1", "frame_type": KIND, "ways": [Folder(path=str(many))], "timeout": 0}
    folder = scan(
        "x", channels=names, frequency_range=(500.0, 600.0), q_range=(8.0, 9.0), workers=1, memory_mb=300, look_ups=[look_up]
    )
    ended = subprocess.run([sys.executable, "-c", MEASURED, folder], capture_output=True, text=True, check=True)
    *_, end, peak = ended.stdout.splitlines()
    assert end == "complete"
    assert 100 < int(peak) / 1024 < 300


#: the worker, and the largest memory of a process of its crew (kB); not `ru_maxrss`, which begins with the parent's
MEASURED = r"""
import re, sys
from pathlib import Path
from gwfollow.data import crew
from gwfollow.scans import worker

peaks, real = [], crew.Crew.events

def events(self, timeout):
    for one in self._members:
        if found := re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{one.process.pid}/status").read_text()):
            peaks.append(int(found[1]))
    yield from real(self, timeout)

crew.Crew.events = events
code = worker.main([sys.argv[1]])
print(max(peaks))
sys.exit(code)
"""


def test_a_folder_without_a_scan_has_no_progress(tmp_path: Path) -> None:
    assert progress.of(tmp_path) == (0, 0, "")


def test_the_cores_of_the_job_are_those_that_it_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    from gwfollow.scans import memory

    monkeypatch.setenv("SCAN_CORES", "1")
    assert memory.cores() == 1
    monkeypatch.setenv("SCAN_CORES", "")
    assert memory.cores() == len(os.sched_getaffinity(0))

"""A file that its reader does not survive, or not end with, is a reason in the answers that needed it and no more than that."""

from __future__ import annotations

import functools
import os
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from vector_frames import FIRST, GOOD, VECTOR, Answers, states, with_bits_off, write_frame

from deadly_frames import CRASHES, HANGS, Impatient, flipped
from gwfollow.data.blame import Blame
from gwfollow.data.coverage import cover
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.data.names import parse
from gwfollow.quality import samples
from gwfollow.quality.bits import Question
from gwfollow.quality.reading import Found

#: what is said of a file that crashes its reader, and of one that holds it
SAID = {
    CRASHES: "the process that read it was ended by SIGSEGV",
    HANGS: "the process that read it was ended by SIGKILL after 60 s",
}
DEADLY = pytest.mark.parametrize("damage", [CRASHES, HANGS], ids=["crash", "hang"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "Blame", Impatient)


def seconds(frames: Path, ifo: str = "H1", **at: Any) -> list[Path]:
    """Frames of 1 s for the whole window, some with another state: ``s9=0``."""
    channel = f"{ifo}:GDS-CALIB_STATE_VECTOR"
    return [
        write_frame(frames, f"{ifo}_T", FIRST + second, 1, {channel: (16.0, at.get(f"s{second}", GOOD))})
        for second in range(8, 13)
    ]


@DEADLY
def test_a_deadly_file_is_named_and_the_other_detectors_are_answered(
    answers: Answers, frames: Path, capsys: pytest.CaptureFixture[str], damage: tuple[int, int]
) -> None:
    bad = write_frame(frames, "H1_T", FIRST, 20, {VECTOR: (16.0, GOOD)})
    flipped(bad, *damage)
    seconds(frames, "L1")
    found = answers("H1", "L1")
    assert f"{bad}: {SAID[damage]}; it is not opened again" in capsys.readouterr().out  # the fault has fired
    for name, check in found.items():
        if name:
            assert check["state"] == ("unknown" if check["ifo"] == "H1" else "pass")
    assert f"{bad.name}: {SAID[damage]}" in found["H1 HOFT_OK"]["summary"]
    assert found[""]["state"] == "unknown"


@DEADLY
def test_the_seconds_around_a_deadly_file_are_known_and_hide_no_fail(
    answers: Answers, frames: Path, damage: tuple[int, int]
) -> None:
    bad = seconds(frames, s9=GOOD & ~1)[2]
    flipped(bad, *damage)
    found = answers()
    assert SAID[damage] in found["H1 HOFT_OK"]["summary"]
    assert (found["H1 HOFT_OK"]["state"], found["H1 OBSERVATION_INTENT"]["state"]) == ("fail", "unknown")
    assert found["H1 OBSERVATION_INTENT"]["details"]["unknown"] == [[FIRST + 10, FIRST + 11]]


@DEADLY
def test_a_spare_copy_is_read_in_place_of_a_deadly_file(answers: Answers, frames: Path, damage: tuple[int, int]) -> None:
    good = write_frame(frames / "b", "H1_T", FIRST, 20, {VECTOR: (16.0, with_bits_off(20, 16, 1, 160, 170))})
    (frames / "a").mkdir()
    flipped(Path(shutil.copy(good, frames / "a")), *damage)
    ways = [{"way": "folder", "path": str(frames / "*")}]
    found = answers(frames={"low latency": {"H1": [{"frame_type": "H1_T", "ways": ways, "timeout": 0}]}})
    assert any(SAID[damage] in note for note in found["H1 HOFT_OK"]["details"]["notes"])
    assert states(found) == dict.fromkeys(states(found), "pass") | {"H1 OBSERVATION_INTENT": "fail"}
    assert "H1:IDQ-FAP_OVL_10_2048: not in the frames" in found[""]["not_asked"]  # the spare says so of all the time


def test_a_channel_of_another_frame_type_is_answered_beside_a_deadly_file(answers: Answers, frames: Path) -> None:
    bad = write_frame(frames, "H1_MONITOR", FIRST, 20, {"H1:DMT-DQ_VECTOR": (16.0, 0b110)})
    flipped(bad, *CRASHES)
    seconds(frames)
    ways = [{"way": "folder", "path": str(frames)}]
    types = {
        name: {"H1": [{"frame_type": kind, "ways": ways, "timeout": 0}]} for name, kind in (("a", "H1_T"), ("b", "H1_MONITOR"))
    }
    vectors = [
        {"channel": "GDS-CALIB_STATE_VECTOR", "detectors": ["H1"], "frames": "a", "bits": {"0": {"name": "HOFT_OK"}}},
        {"channel": "DMT-DQ_VECTOR", "detectors": ["H1"], "frames": "b", "bits": {"1": {"name": "NO_OVERFLOW"}}},
    ]
    found = answers(frames=types, vectors=vectors, idq=[], pipeline=None)
    assert states(found) == {"H1 HOFT_OK": "pass", "H1 NO_OVERFLOW": "unknown"}
    assert SAID[CRASHES] in found["H1 NO_OVERFLOW"]["summary"]


def test_when_every_file_of_every_detector_is_deadly_all_is_unknown(answers: Answers, frames: Path) -> None:
    for number, path in enumerate([*seconds(frames), *seconds(frames, "L1")]):
        flipped(path, *((CRASHES, HANGS)[number % 5 == 4]))
    found = answers("H1", "L1")
    assert set(states(found).values()) == {"unknown"}
    for ifo in ("H1", "L1"):
        told = " ".join(found[f"{ifo} HOFT_OK"]["details"]["notes"])
        assert (told.count(SAID[CRASHES]), told.count(SAID[HANGS])) == (4, 1)


def test_the_job_ends_in_time_whatever_the_files_do(answers: Answers, frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = samples._Work._hear, set()

    def hear(work: Any, job: Any, event: Any) -> None:
        real(work, job, event)
        if event.kind == "reported":
            seen.add((job.found.look_up.ifo, event.content[0]))

    def clock() -> float:
        """All the time is over as soon as one detector is read, and the other in its file."""
        return time.monotonic() + (samples.LIMIT if {("H1", "opening"), ("L1", "read")} <= seen else 0)

    monkeypatch.setattr(samples._Work, "_hear", hear)
    monkeypatch.setattr(samples, "Blame", Blame)
    monkeypatch.setattr(samples, "time", SimpleNamespace(monotonic=clock))
    bad = write_frame(frames, "H1_T", FIRST, 20, {VECTOR: (16.0, GOOD)})
    flipped(bad, *HANGS)
    seconds(frames, "L1")
    found = answers("H1", "L1")
    assert found["H1 HOFT_OK"]["summary"].endswith(f"(H1_T: not read within 600 s {bad})")
    assert (found["H1 HOFT_OK"]["state"], found["L1 HOFT_OK"]["state"]) == ("unknown", "pass")


@pytest.mark.parametrize("content", [b"", b"IGWD", b"no frame at all" * 99, None], ids=["empty", "cut off", "garbage", "gone"])
def test_what_is_no_frame_is_named(answers: Answers, frames: Path, content: bytes | None) -> None:
    bad = seconds(frames)[2]
    if content is None:
        bad.unlink()
        bad.symlink_to("nowhere")
    else:
        bad.write_bytes(content)
        os.utime(bad, (1e9, 1e9))  # nobody writes it any more
    found = answers()["H1 HOFT_OK"]
    assert (found["state"], found["details"]["unknown"]) == ("unknown", [[FIRST + 10, FIRST + 11]])
    assert content in (b"", None) or bad.name in found["summary"]


def test_a_reader_that_dies_outside_of_a_file_leaves_its_detector_unknown(
    answers: Answers, frames: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for want of memory, when it hands over what it has read."""
    real = samples.ReadJob.run

    def deadly(job: samples.ReadJob, report: Any) -> None:
        os.abort() if job.found.look_up.ifo == "H1" else real(job, report)

    monkeypatch.setattr(samples.ReadJob, "run", deadly)
    seconds(frames)
    seconds(frames, "L1")
    found = answers("H1", "L1")
    assert "the process that read them was ended by SIGABRT" in found["H1 HOFT_OK"]["summary"]
    assert (found["H1 HOFT_OK"]["state"], found["L1 HOFT_OK"]["state"]) == ("unknown", "pass")


def test_samples_that_are_no_numbers_are_no_answer(answers: Answers, frames: Path) -> None:
    write_frame(frames, "H1_T", FIRST, 20, {VECTOR: (16.0, numpy.full(320, numpy.nan))})
    found = answers()
    assert set(states(found).values()) == {"unknown"}
    assert found["H1 HOFT_OK"]["details"]["samples"] == 65


@pytest.fixture
def server(frames: Path) -> Iterator[str]:
    """The address of a web server of the frames."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(frames)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def test_files_that_lie_elsewhere_are_brought_and_one_that_is_gone_is_named(frames: Path, server: str, tmp_path: Path) -> None:
    paths = seconds(frames)
    flipped(paths[2], *CRASHES)  # a download is no safer
    paths[4].unlink()
    window = (float(FIRST + 8), float(FIRST + 13))
    look_up = LookUp(ifo="H1", frame_type="H1_T", ways=(Folder(path=str(tmp_path)),), timeout=0)
    files = [file for path in paths if (file := parse(f"{server}/{path.name}"))]
    question = Question(ifo="H1", channel=VECTOR, frame_types=("H1_T",))
    read = samples.read({("H1", "H1_T"): Found(look_up, cover(files, window))}, [question]).samples(VECTOR, ["H1_T"])
    assert [piece.start - FIRST for piece in read.pieces] == [8, 9, 11]
    assert read.notes[0] == f"{paths[2].name}: {SAID[CRASHES]}"
    assert (paths[4].name in read.notes[1], "404" in read.notes[1]) == (True, True)

"""Frame types arrive, stay away, or lie elsewhere; who does not answer is asked a while longer."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.data.names import FrameFile, parse
from gwfollow.errors import InputError, RemoteSilent
from gwfollow.scans import arrival
from gwfollow.scans.arrival import SILENCE, FetchJob, FrameType, window
from gwfollow.scans.memory import Share, at_once
from gwfollow.scans.model import Block, ScanConfig

WANTED = (1000.0, 1024.0)


def file(url: str) -> FrameFile:
    found = parse(url)
    assert found is not None
    return found


def awaited(now: float, timeout: float = 60) -> FrameType:
    look_up = LookUp(ifo="H1", frame_type="H1_R", ways=(Folder(path="/nowhere"),), timeout=timeout)
    return FrameType(look_up, WANTED, now, cover((), WANTED))


def answer(monkeypatch: pytest.MonkeyPatch, given: Coverage | Exception) -> None:
    def find(look_up: LookUp, wanted: Any) -> Coverage:
        if isinstance(given, Exception):
            raise given
        return given

    monkeypatch.setattr(arrival, "find", find)


def test_a_type_is_settled_when_it_is_complete_or_its_deadline_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = awaited(now=1000)
    answer(monkeypatch, cover([file("/a/H-H1_R-1000-8.gwf")], WANTED))
    assert not kind.look(1083.9)
    assert kind.look(1084.0)
    missing = kind.missing({})
    assert missing is not None
    assert missing.segments == ((1008.0, 1024.0),)
    early = awaited(now=1000)
    answer(monkeypatch, cover([file("/a/H-H1_R-1000-24.gwf")], WANTED))
    assert early.look(1024.0)
    assert (early.local, early.missing({})) == (True, None)


def test_silence_is_not_a_gap_until_it_has_lasted(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = awaited(now=5000)
    answer(monkeypatch, RemoteSilent("the server does not answer"))
    assert not kind.look(5000)
    assert not kind.look(5000 + SILENCE - 1)
    assert kind.look(5000 + SILENCE)
    missing = kind.missing({})
    assert missing is not None
    assert missing.message == "the server does not answer"


def test_a_look_up_that_says_no_is_told_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = awaited(now=5000)
    answer(monkeypatch, InputError("frames of H1", "/nowhere", "a folder that is there"))
    assert kind.look(5000)
    missing = kind.missing({})
    assert missing is not None
    assert "a folder that is there" in missing.message


def test_a_file_that_cannot_be_read_is_missing_unless_another_has_its_time() -> None:
    kind = awaited(now=0)
    one, other = file("/a/H-H1_R-1000-24.gwf"), file("/b/H-H1_R-1000-24.gwf")
    kind.coverage = cover([one], WANTED)
    missing = kind.missing({one.url: "it is empty"})
    assert missing is not None
    assert (missing.segments, missing.message) == ((WANTED,), "H-H1_R-1000-24.gwf: it is empty")
    kind.coverage = cover([one, other], WANTED)
    assert kind.missing({one.url: "it is empty"}) is None


@pytest.fixture
def far(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "H-H1_R-1000-8.gwf").write_bytes(b"frame")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "far"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_files_that_lie_elsewhere_are_brought_and_those_that_do_not_come_are_gaps(tmp_path: Path, far: str) -> None:
    files = [file(f"{far}/H-H1_R-{start}-8.gwf") for start in (1000, 1008)]
    said: list[Coverage] = []
    FetchJob("H1_R", cover(files, WANTED), tmp_path / "scan").run(said.append)
    (coverage,) = said
    assert [one.path for one in coverage.files] == [tmp_path / "scan" / "frames" / "H-H1_R-1000-8.gwf"]
    assert coverage.gaps == ((1008.0, 1024.0),)
    assert "404" in coverage.refused[0]


def test_what_is_read_is_as_long_for_every_time() -> None:
    assert window(1126259462.0, 64) == (1126259429.0, 1126259495.0)
    assert window(1126259462.4, 64) == (1126259429.0, 1126259495.0)
    assert window(1126259462.6, 64.5) == (1126259429.0, 1126259496.0)


def test_gwdetchar_reads_to_the_sample_and_needs_every_second_that_holds_one() -> None:
    primary = {"channel": "H1:A", "frame_type": "H1_R", "duration": 64}
    look_up = LookUp(ifo="H1", frame_type="H1_R", ways=(Folder(path="/nowhere"),))
    for engine, end in (("gwfollow", 1126259495.0), ("gwdetchar", 1126259496.0)):
        asked = config(gps=1126259462.4, engine=engine, primary=primary, look_ups=[look_up])
        assert arrival.types_of(asked, 0.0)["H1_R"].wanted == (1126259429.0, end)


def config(**changed: Any) -> ScanConfig:
    document = {"title": "t", "gps": 1, "ifo": "H1", "channel_set": "s", "blocks": (), "look_ups": ()}
    return ScanConfig.model_validate(document | changed)


def test_memory_that_is_planned_bounds_processes_and_channels() -> None:
    block = Block(key="A", name="A", channels=("H1:A",), frame_type="H1_R", duration=64, fftlength=8)
    for memory in (300, 1500, 8000):
        for workers in (1, 2, 16):
            share = Share.of(config(memory_mb=memory, workers=workers))
            count = share.channels(block, 861)
            read = count * 66 * 16384 * 8
            worked = at_once(share.bytes, 66 * 4096) * 66 * 4096 * 120
            assert 1 <= share.processes <= workers
            assert count <= 32
            if memory >= 1500:
                assert share.processes * (share.bytes + 60 * 2**20) <= memory * 2**20
                assert read + worked <= share.bytes + 66 * 4096 * 120
    assert Share.of(config(memory_mb=300, workers=16)).processes == 1

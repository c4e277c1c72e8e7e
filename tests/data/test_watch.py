"""One look for everybody who waits: files that come, come late or never, a server that dies and comes back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from datafind_server import DatafindServer
from fake_frames import frame
from gwfollow.data import arrival, folders, watch
from gwfollow.data.arrival import Awaited, Need, Wanted
from gwfollow.data.lookup import Datafind, Folder, LookUp
from gwfollow.data.names import FrameFile
from gwfollow.data.watch import Watch, shared_watch
from gwfollow.errors import RemoteSilent

T = TypeVar("T")
STRETCH = (1126259456.0, 1126259464.0)
PERIOD = 0.02
LONG = 3600.0


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SERVER_SECONDS", PERIOD)
    monkeypatch.setattr(arrival, "GRACE", 0.1)


def wanted(
    *ways: Path | str,
    kind: str = "H1_R",
    timeout: float = LONG,
    ends_in: float = -1.0,
    need: Need = "some",
    of: float = STRETCH[1],
) -> Wanted:
    """Folders are paths, servers are addresses; `timeout` seconds from now."""
    named = tuple(Folder(path=str(way)) if isinstance(way, Path) else Datafind(host=way) for way in ways)
    now = time.time()
    return Wanted(LookUp(ifo="H1", frame_type=kind, ways=named), (STRETCH[0], of), now + ends_in, now + timeout, need)


def ended(scene: Callable[[], Awaitable[T]]) -> T:
    async def in_time() -> T:
        return await asyncio.wait_for(scene(), 60)

    return asyncio.run(in_time())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(PERIOD / 2)


@dataclass
class Looks:
    """How often each folder was read."""

    folders: Counter[str] = field(default_factory=Counter)
    first: float = 0.0  # Unix time


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    found, look = Looks(), folders.look

    def counted(path: str, kinds: list[folders.Kind]) -> dict[folders.Kind, list[FrameFile]]:
        found.first = found.first or time.time()
        found.folders[Path(path).name] += 1
        return look(path, kinds)

    monkeypatch.setattr(folders, "look", counted)
    return found


# ---- folders -----------------------------------------------------------------------------------------------------------
def test_files_that_come_while_somebody_waits_end_the_wait(tmp_path: Path, looks: Looks) -> None:
    async def scene() -> Awaited:
        waiting = asyncio.create_task(Watch(PERIOD).wait([wanted(tmp_path)]))
        for start in range(1126259456, 1126259464, 2):
            seen = looks.folders[tmp_path.name]
            await until(lambda: looks.folders[tmp_path.name] > seen + 1)  # noqa: B023 (awaited here)
            assert not waiting.done()
            frame(tmp_path, "H1_R", start, 2)
        return await waiting

    found = ended(scene)
    assert found.complete
    assert found.lack() == ""


def test_data_that_never_come_are_told_with_their_gaps_when_their_time_is_up(tmp_path: Path) -> None:
    frame(tmp_path, "H1_R", 1126259456, 2)
    frame(tmp_path, "H1_R", 1126259457, 2)  # overlaps: counts once
    frame(tmp_path, "H1_R", 1126259460, 1)
    frame(tmp_path, "H1_R", 1126259464, 4)  # touches: not in it
    one = wanted(tmp_path, timeout=0.1)
    found = ended(lambda: Watch(PERIOD).wait([one]))
    assert found.types[0].missing == ((1126259459.0, 1126259460.0), (1126259461.0, 1126259464.0))
    assert found.types[0].looked >= one.deadline
    assert found.lack() == "", "something is there"


def test_the_same_data_may_have_another_name_in_shared_memory(tmp_path: Path) -> None:
    frame(tmp_path, "H1_llhoft", 1126259456, 8)
    way = Folder(path=str(tmp_path), frame_type="H1_llhoft")
    late = wanted(tmp_path, timeout=-LONG)
    found = ended(lambda: Watch(PERIOD).wait([replace(late, look_up=late.look_up.model_copy(update={"ways": (way,)})), late]))
    assert [each.complete for each in found.types] == [True, False]


def test_however_late_we_are_there_is_one_look(tmp_path: Path, looks: Looks) -> None:
    late = [wanted(tmp_path, timeout=-LONG, need="all"), wanted(tmp_path, kind="H1_T", timeout=-LONG)]
    frame(tmp_path, "H1_R", 1126259456, 8)
    found = ended(lambda: Watch(PERIOD).wait(late))
    assert looks.folders == {tmp_path.name: 1}
    assert [each.complete for each in found.types] == [True, False]


def test_one_type_that_is_late_does_not_hold_the_other(tmp_path: Path) -> None:
    frame(tmp_path, "H1_R", 1126259456, 8)
    found = ended(lambda: Watch(PERIOD).wait([wanted(tmp_path, kind="H1_T"), wanted(tmp_path)]))
    assert [each.complete for each in found.types] == [False, True]
    assert not found.settled, "it did not wait for the deadline in an hour"


def test_within_the_grace_the_other_still_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "GRACE", 30.0)

    async def scene() -> Awaited:
        frame(tmp_path, "H1_R", 1126259456, 8)
        waiting = asyncio.create_task(Watch(PERIOD).wait([wanted(tmp_path, kind="H1_T"), wanted(tmp_path)]))
        await asyncio.sleep(5 * PERIOD)
        assert not waiting.done()
        frame(tmp_path, "H1_T", 1126259456, 8)
        return await waiting

    assert ended(scene).complete


def test_before_the_stretch_has_ended_nobody_is_asked(tmp_path: Path, looks: Looks) -> None:
    frame(tmp_path, "H1_R", 1126259456, 8)
    one = wanted(tmp_path, ends_in=0.2)
    assert ended(lambda: Watch(PERIOD).wait([one])).now >= one.end
    assert looks.first >= one.end


def test_fifty_who_wait_cost_one_look_at_a_time_whatever_types_and_stretches(tmp_path: Path, looks: Looks) -> None:
    async def scene() -> tuple[list[Awaited], int]:
        waiting = [
            asyncio.create_task(shared_watch(PERIOD).wait([wanted(tmp_path, kind=kind, of=STRETCH[1] - number % 2)]))
            for number, kind in enumerate(["H1_R", "H1_T"] * 25)
        ]
        await until(lambda: looks.folders[tmp_path.name] >= 5)
        for kind in ("H1_R", "H1_T"):
            frame(tmp_path, kind, 1126259456, 8)
        before = looks.folders[tmp_path.name]
        found = await asyncio.gather(*waiting)
        return found, looks.folders[tmp_path.name] - before

    found, more = ended(scene)
    assert all(each.complete for each in found)
    assert more <= 2
    assert ended(lambda: leftovers(tmp_path)) == (0, 0)


async def leftovers(folder: Path) -> tuple[int, int]:
    """Of a watch that somebody gave up."""
    watched = shared_watch(PERIOD)
    waiting = asyncio.create_task(watched.wait([wanted(folder, kind="H1_X")]))
    await asyncio.sleep(3 * PERIOD)
    assert watched._stretches
    waiting.cancel()
    await until(lambda: not watched._looking)
    return len(watched._stretches), len(watched._looking)


# ---- servers -----------------------------------------------------------------------------------------------------------
class Door:
    """Before a real gwdatafind-server: counts what it is asked; `shut`, it hangs up; `stuck`, it never answers."""

    def __init__(self, behind: str) -> None:
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.shut, self.stuck = False, threading.Event()
        self.stuck.set()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if door.shut:
                    door.refused.append(self.path)
                    return
                door.asked.append(self.path)
                door.stuck.wait(60)
                try:
                    with urlopen(behind + self.path) as answer:
                        status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
                except HTTPError as error:
                    status, kind, body = error.code, error.headers["Content-Type"], error.read()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.stuck.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def door(datafind: DatafindServer) -> Iterator[Door]:
    datafind.publish([])
    found = Door(datafind.url)
    yield found
    found.close()


@pytest.mark.slow
def test_fifty_who_wait_at_a_server_ask_it_once_a_period(
    door: Door, datafind: DatafindServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = 0.2
    monkeypatch.setattr(watch, "SERVER_SECONDS", period)
    known = [frame(tmp_path, "H1_FIFTY", 1126259456, 8)]

    async def scene() -> list[Awaited]:
        waiting = [asyncio.create_task(shared_watch(PERIOD).wait([wanted(door.url, kind="H1_FIFTY")])) for _ in range(50)]
        await until(lambda: len(door.asked) >= 3)
        datafind.publish(known)
        return await asyncio.gather(*waiting)

    begun = time.monotonic()
    assert all(each.complete for each in ended(scene))
    assert set(door.asked) == {"/api/v1/gwf/H/H1_FIFTY/1126259456,1126259464/file.json"}
    assert len(door.asked) <= 2 + (time.monotonic() - begun) / period, "more than one question a period"


@pytest.mark.slow
def test_a_server_that_is_dead_for_a_while_is_no_gap_and_holds_up_no_folder(
    door: Door, datafind: DatafindServer, tmp_path: Path
) -> None:
    known = [frame(tmp_path / "archive", "H1_DEAD", 1126259456, 8)]
    datafind.publish(known)
    datafind.wait_for(known)
    frame(tmp_path / "shm", "H1_T", 1126259456, 8)
    door.shut = True

    async def scene() -> tuple[bool, Awaited, Awaited]:
        watched = Watch(PERIOD)
        at_server = asyncio.create_task(watched.wait([wanted(door.url, kind="H1_DEAD", timeout=0.1)]))
        await until(lambda: len(door.refused) >= 2)
        in_folder = await watched.wait([wanted(tmp_path / "shm", kind="H1_T")])
        await asyncio.sleep(0.2)
        early = at_server.done()
        door.shut = False
        return early, in_folder, await at_server

    early, in_folder, at_server = ended(scene)
    assert not early, "its deadline has passed, but silence is not a gap"
    assert in_folder.complete
    assert at_server.complete


@pytest.mark.slow
def test_a_server_that_hangs_delays_nobody_else(door: Door, datafind: DatafindServer, tmp_path: Path) -> None:
    door.stuck.clear()
    frame(tmp_path, "H1_T", 1126259456, 8)

    async def scene() -> tuple[Awaited, Awaited]:
        watched = Watch(PERIOD)
        hanging = asyncio.create_task(watched.wait([wanted(door.url, kind="H1_NEVER", timeout=-LONG)]))
        await until(lambda: door.asked)
        both = await watched.wait([wanted(door.url, kind="H1_X"), wanted(tmp_path, door.url, kind="H1_T")])
        assert not hanging.done()
        assert not any(stretch.silent for stretch in watched._stretches.values()), "it was waited for until it was given up"
        door.stuck.set()
        return both, await hanging

    both, hanging = ended(scene)
    assert [each.complete for each in both.types] == [False, True]
    assert hanging.lack() == "H1_NEVER: [1126259456, 1126259464) missing"


def test_a_server_that_stays_silent_is_given_up_as_unknown_and_asked_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    pause = watch._pause

    def counted(*about: Any) -> float:
        pauses.append(pause(*about))
        if len(pauses) == 5:  # however long five questions take here
            monkeypatch.setattr(arrival, "PATIENCE", 0.0)
        return pauses[-1]

    monkeypatch.setattr(watch, "_pause", counted)
    one = wanted("http://127.0.0.1:9", timeout=-LONG, need="all")
    found = ended(lambda: Watch(PERIOD).wait([one]))
    assert found.types[0].looked == 0
    assert "not known to be there" in found.lack()
    assert "127.0.0.1:9 does not answer" in found.lack()
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * PERIOD


def test_a_server_that_asks_to_be_left_alone_is() -> None:
    assert watch._pause(5, 0, None) == 5
    assert watch._pause(5, 1, RemoteSilent("429", 60)) == 60
    assert watch._pause(5, 9, RemoteSilent("503")) <= watch.SILENT_SECONDS
    assert watch._pause(5, 1, RemoteSilent("429", 1e6)) == arrival.PATIENCE


def test_a_way_that_says_no_leaves_it_to_the_next_and_its_words_are_kept(tmp_path: Path) -> None:
    frame(tmp_path / "here", "H1_R", 1126259456, 8)
    assert ended(lambda: Watch(PERIOD).wait([wanted(tmp_path / "no", tmp_path / "here")])).complete
    found = ended(lambda: Watch(PERIOD).wait([wanted(tmp_path / "no", timeout=-LONG)]))
    assert "expected a folder that is there" in found.lack()


def test_a_client_that_fails_in_its_own_way_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> list[FrameFile]:
        raise ZeroDivisionError("a fault of a library")

    monkeypatch.setattr(watch.lookup.discovery, "from_datafind", broken)
    monkeypatch.setattr(arrival, "PATIENCE", 0.1)
    found = ended(lambda: Watch(PERIOD).wait([wanted("http://127.0.0.1:9", timeout=-LONG)]))
    assert "H1_R failed: ZeroDivisionError: a fault of a library" in found.lack()
    with pytest.raises(RemoteSilent, match="a fault of a library"):
        watch.lookup.find(found.types[0].wanted.look_up, STRETCH)


def test_the_next_way_is_asked_only_for_what_is_not_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(watch.lookup, "ask", lambda way, *about: asked.append(about) or [])
    frame(tmp_path, "H1_R", 1126259456, 8)
    both = [wanted(tmp_path, "http://far"), wanted(tmp_path, "http://far", kind="H1_T", timeout=0.2, need="all")]
    found = ended(lambda: Watch(PERIOD).wait(both))
    assert [each.complete for each in found.types] == [True, False]
    assert {about[1] for about in asked} == {"H1_T"}

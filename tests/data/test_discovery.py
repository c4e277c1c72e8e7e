"""Finding frames: in a folder, at a real gwdatafind-server, at a GWOSC of our own; what does not answer is not a gap."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from datafind_server import DatafindServer
from gwfollow.data import discovery
from gwfollow.data.coverage import cover
from gwfollow.data.fetch import fetch
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent

WANTED = (1126259460.0, 1126259464.0)


def frames(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"IGWD")
    return [folder / name for name in names]


def test_a_folder_is_looked_through_with_what_is_in_it(tmp_path: Path) -> None:
    wanted = frames(tmp_path / "O1" / "H-H1_HOFT-11262", "H-H1_HOFT-1126259456-4.gwf", "H-H1_HOFT-1126259460-4.gwf")
    frames(
        tmp_path,
        "L-L1_HOFT-1126259456-16.gwf",
        "H-H1_HOFT-1126250000-16.gwf",
        "H-H1_HOFT-1126259456-16.gwf.part",
        "README-1-2-3.txt",
    )
    found = discovery.in_folder(tmp_path, "H1", (1126259458, 1126259462))
    assert sorted(file.path for file in found if file.path) == sorted(wanted)
    assert discovery.in_folder(tmp_path, "V1", WANTED) == []


def test_two_types_in_a_folder_are_not_guessed_between(tmp_path: Path) -> None:
    frames(tmp_path, "H-H1_HOFT_C00-1126259456-16.gwf", "H-H1_HOFT_C01-1126259456-16.gwf")
    with pytest.raises(InputError, match=r"frames of H1 .*H1_HOFT_C00.*H1_HOFT_C01.*one of them as `frame types`"):
        discovery.in_folder(tmp_path, "H1", WANTED)
    (one,) = discovery.in_folder(tmp_path, "H1", WANTED, "H1_HOFT_C01")
    assert one.description == "H1_HOFT_C01"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder that is there"):
        discovery.in_folder(tmp_path / "no", "H1", WANTED)


@pytest.mark.slow
def test_a_gwdatafind_server_is_asked(tmp_path: Path, datafind: DatafindServer) -> None:
    known = frames(tmp_path, "H-H1_HOFT-1126259456-4.gwf", "H-H1_HOFT-1126259460-2.gwf")
    datafind.publish(known)
    datafind.wait_for(known)
    found = discovery.from_datafind(datafind.url, "H1", "H1_HOFT", WANTED)
    assert [file.path for file in found] == [known[1]]  # the other only touches
    assert cover(found, WANTED).gaps == ((1126259462.0, 1126259464.0),)
    assert discovery.from_datafind(datafind.url, "H1", "NO_SUCH_TYPE", WANTED) == []
    assert discovery.from_datafind(datafind.url, "H1", "H1_HOFT", WANTED, "https") == []


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, tuple[int, bytes]], list[str]]]:
    """A web server: its address, what it answers by path, and what it was asked."""
    answers: dict[str, tuple[int, bytes]] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers.get(urlparse(self.path).path, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if b"<" in body else "application/json")
            self.send_header("Content-Length", str(len(body) + (100 if "cut" in self.path else 0)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, asked
    server.shutdown()
    server.server_close()


DATAFIND = "/api/v1/gwf/H/H1_HOFT/1126259460,1126259464/file.json"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, b"", RemoteSilent),
        (429, b"", RemoteSilent),
        (401, b"", RemoteRefused),
        (404, b"<html>", RemoteRefused),
        (200, b"<html>", (RemoteRefused, RemoteSilent)),
        (200, b'["file://localhost/strange.gwf"]', RemoteRefused),
    ],
)
def test_what_a_server_says_is_silence_or_a_refusal(web: tuple[str, dict, list], status: int, body: bytes, error: type) -> None:  # type: ignore[type-arg]
    url, answers, asked = web
    answers[DATAFIND] = (status, body)
    with pytest.raises(error):
        discovery.from_datafind(url, "H1", "H1_HOFT", WANTED)
    assert asked == [DATAFIND]


def test_a_type_that_a_server_does_not_know_yet_is_a_gap(web: tuple[str, dict, list]) -> None:  # type: ignore[type-arg]
    url, answers, _ = web
    answers[DATAFIND] = (404, b"{}")
    assert discovery.from_datafind(url, "H1", "H1_HOFT", WANTED) == []


def test_a_server_that_is_not_there_is_silent() -> None:
    with pytest.raises(RemoteSilent, match="does not answer"):
        discovery.from_datafind("http://127.0.0.1:9", "H1", "H1_HOFT", WANTED)
    with pytest.raises(RemoteSilent, match="does not answer"):
        discovery.from_gwosc("H1", WANTED, host="http://127.0.0.1:9")


def test_no_server_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWDATAFIND_SERVER", raising=False)
    monkeypatch.delenv("LIGO_DATAFIND_SERVER", raising=False)
    with pytest.raises(InputError, match="GWDATAFIND_SERVER"):
        discovery.from_datafind(None, "H1", "H1_HOFT", WANTED)


def test_gwosc_is_asked_as_its_own_client_asks(web: tuple[str, dict, list]) -> None:  # type: ignore[type-arg]
    """What GWOSC's version-2 interface answers, as far as its client looks; this machine cannot reach the real one."""
    url, answers, asked = web
    file = f"{url}/archive/H-H1_GWOSC_O1_4KHZ_R1-1126256640-4096.hdf5"
    pages = {"results_count": 1, "next": None, "num_pages": 1}
    run = {"name": "O1_4KHZ_R1", "gps_start": 1126051217, "gps_end": 1137254417, "detectors": ["H1", "L1"]}
    strain = {"detector": "H1", "gps_start": 1126256640, "duration": 4096, "sample_rate": 4096, "hdf5_url": file, "gwf_url": file}
    answers["/api/v2/event-versions"] = (200, json.dumps({**pages, "results": []}).encode())
    answers["/api/v2/runs"] = (200, json.dumps({**pages, "results": [run]}).encode())
    answers["/api/v2/runs/O1/strain-files"] = (200, json.dumps({**pages, "results": [strain]}).encode())
    (found,) = discovery.from_gwosc("H1", WANTED, host=url)
    assert found.url == file
    query = parse_qs(urlparse(asked[-1]).query)
    assert query["detector"] == ["H1"]
    assert discovery.from_gwosc("H1", (1126270000.0, 1126270004.0), host=url) == []


def test_a_download_appears_when_it_is_whole(web: tuple[str, dict, list], tmp_path: Path) -> None:  # type: ignore[type-arg]
    url, answers, asked = web
    answers["/H-H1_X-1-1.gwf"] = answers["/cut/H-H1_X-1-1.gwf"] = (200, b"strain")
    answers["/down/H-H1_X-1-1.gwf"] = (503, b"")
    path = fetch(f"{url}/H-H1_X-1-1.gwf", tmp_path)
    assert path.read_bytes() == b"strain"
    assert fetch(f"{url}/H-H1_X-1-1.gwf", tmp_path) == path
    assert len(asked) == 1
    for place, error in (("cut", RemoteSilent), ("down", RemoteSilent), ("no", RemoteRefused)):
        with pytest.raises(error):
            fetch(f"{url}/{place}/H-H1_X-1-1.gwf", tmp_path / place)
        assert not (tmp_path / place / "H-H1_X-1-1.gwf").exists()


def test_files_of_this_machine_are_linked_or_copied(tmp_path: Path) -> None:
    (source,) = frames(tmp_path / "archive", "H-H1_X-1-1.gwf")
    link, copy = fetch(f"file://localhost{source}", tmp_path / "a"), fetch(str(source), tmp_path / "b", way="copy")
    assert link.resolve() == source
    assert not copy.is_symlink()
    assert copy.read_bytes() == b"IGWD"
    for wrong in (str(tmp_path / "no-1-2-3.gwf"), "osdf:///x/H-H1_X-1-1.gwf"):
        with pytest.raises(InputError):
            fetch(wrong, tmp_path / "c")

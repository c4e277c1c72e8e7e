"""Files are fetched once, whole, and from where a download was cut."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.gracedb import files, session
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.files import as_xcom, fetch
from gwfollow.sandbox.gracedb import LocalGraceDB

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"
CONTENTS = os.urandom(300_000)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), faults=True) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB, monkeypatch: pytest.MonkeyPatch) -> GraceDBClient:
    monkeypatch.setattr(session, "READ_PAUSE", 0.0)
    server.fail()
    return GraceDBClient(server.url, ca=server.ca, token=server.token())


@pytest.fixture
def graceid(client: GraceDBClient) -> str:
    found = str(client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"])
    for name, contents in (("bayestar.fits", b"old"), ("bayestar.fits", CONTENTS), ("p_astro.json", b"{}")):
        client.write_log(found, "file", file=(name, contents))
    return found


def test_patterns_choose_and_the_newest_version_comes_with_its_checksum(
    client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    found = fetch(client, graceid, ["*.fits*", "p_astro.json"], tmp_path)

    assert [(file.name, file.version, file.size, file.new) for file in found] == [
        ("bayestar.fits", 1, len(CONTENTS), True),
        ("p_astro.json", 0, 2, True),
    ]
    assert (tmp_path / "bayestar.fits").read_bytes() == CONTENTS
    assert found[0].sha256 == hashlib.sha256(CONTENTS).hexdigest()
    assert json.loads(json.dumps(as_xcom(found)))[0]["path"] == str(tmp_path / "bayestar.fits")


def test_an_older_version_can_be_asked_for(client: GraceDBClient, graceid: str, tmp_path: Path) -> None:
    (file,) = fetch(client, graceid, ["bayestar.fits,0"], tmp_path)

    assert (file.version, (tmp_path / "bayestar.fits").read_bytes()) == (0, b"old")


def test_what_is_there_is_not_fetched_again_unless_it_changed(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    fetch(client, graceid, ["*.fits", "p_astro.json"], tmp_path)
    (tmp_path / "p_astro.json").write_text("[]")
    client.write_log(graceid, "file", file=("bayestar.fits", b"newest"))
    server.fail({"path": r"files/.*,1$", "status": 500})

    again = {file.name: file for file in fetch(client, graceid, ["*"], tmp_path) if file.name != "cbc-lm.xml"}

    assert server.fired() == 0, "version 1 is not asked for any more"
    assert (again["bayestar.fits"].version, again["bayestar.fits"].new) == (2, True)
    assert (again["p_astro.json"].new, (tmp_path / "p_astro.json").read_text()) == (True, "{}")
    assert not any(file.new for file in fetch(client, graceid, ["*"], tmp_path))


def test_a_download_that_was_cut_goes_on_from_there(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    server.fail({"path": r"files/bayestar", "cut": 200_000})
    with pytest.raises(RemoteSilent, match=r"cut|of 300000 bytes"):
        fetch(client, graceid, ["bayestar.fits"], tmp_path)
    assert server.fired() == 1
    assert not (tmp_path / "bayestar.fits").exists()
    part = tmp_path / ".bayestar.fits,1.part"
    kept = part.stat().st_size
    assert 0 < kept < len(CONTENTS)
    part.write_bytes(b"\0" * kept)  # to see that these bytes are not asked for again

    fetch(client, graceid, ["bayestar.fits"], tmp_path)

    assert (tmp_path / "bayestar.fits").read_bytes() == b"\0" * kept + CONTENTS[kept:]
    assert not part.exists()


def test_a_piece_that_is_longer_than_the_file_is_thrown_away(client: GraceDBClient, graceid: str, tmp_path: Path) -> None:
    (tmp_path / ".bayestar.fits,1.part").write_bytes(b"x" * (len(CONTENTS) + 1))
    with pytest.raises(RemoteSilent, match="fetched anew"):
        fetch(client, graceid, ["bayestar.fits"], tmp_path)

    fetch(client, graceid, ["bayestar.fits"], tmp_path)
    assert (tmp_path / "bayestar.fits").read_bytes() == CONTENTS


def test_a_server_that_drips_is_left_and_its_bytes_are_kept(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SECONDS", 0.3)
    client.files(graceid)
    server.fail({"path": r"files/bayestar", "drip": 0.05})
    with pytest.raises(RemoteSilent, match="goes on from there"):
        fetch(client, graceid, ["bayestar.fits"], tmp_path)

    assert server.fired() == 1
    assert (tmp_path / ".bayestar.fits,1.part").stat().st_size > 0


def test_a_name_that_is_not_there_is_refused_and_a_pattern_without_match_is_not(
    client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    assert fetch(client, graceid, ["*.h5"], tmp_path) == []
    with pytest.raises(RemoteRefused, match=r"no file 'posterior\.h5'") as caught:
        fetch(client, graceid, ["posterior.h5"], tmp_path)
    assert caught.value.status == 404


@pytest.mark.parametrize("name", ["../escape", ".gracedb.json", "a/b", "/etc/passwd", "new\nline"])
def test_a_name_that_is_not_safe_here_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = GraceDBClient("https://localhost:9/api/", token="x")
    monkeypatch.setattr(client, "files", lambda graceid: {name: "https://x", f"{name},0": "https://x"})
    with pytest.raises(RemoteRefused, match="not safe"):
        fetch(client, "S150914a", ["*"], tmp_path / "folder")

"""The local GraceDB: what it keeps, and whom it knows."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.sandbox.gracedb import LocalGraceDB

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb")) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB) -> GraceDBClient:
    return GraceDBClient(server.url, ca=server.ca, token=server.token())


@pytest.fixture
def superevent(client: GraceDBClient) -> str:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="LowMass")
    return str(client.create_superevent(event["gpstime"], event["graceid"])["superevent_id"])


def test_a_superevent_has_the_facts_of_its_preferred_event(client: GraceDBClient) -> None:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="LowMass", labels=["INJ"])
    made = client.create_superevent(event["gpstime"], event["graceid"])
    found = client.superevent(made["superevent_id"])

    assert re.fullmatch(r"S101020[a-z]+", found["superevent_id"]), "the UTC date of GPS 971609248"
    assert found["t_0"] == event["gpstime"] == 971609248.151741
    assert found["far"] == event["far"]
    assert found["preferred_event_data"]["extra_attributes"]["CoincInspiral"]["snr"] == 9.31793628458239
    assert client.labels(event["graceid"]) == {"INJ"}


def test_a_file_with_a_log_entry_comes_back_byte_by_byte_in_every_version(client: GraceDBClient, superevent: str) -> None:
    contents = [bytes(range(256)) * 1000, b"second"]
    entries = [client.write_log(superevent, "samples", tags=["pe"], file=("samples.h5", part)) for part in contents]

    assert [entry["file_version"] for entry in entries] == [0, 1]
    assert client.download(superevent, "samples.h5,0") == contents[0]
    assert client.download(superevent, "samples.h5") == contents[1]
    assert set(client.files(superevent)) == {"samples.h5", "samples.h5,0", "samples.h5,1"}
    log = client.logs(superevent)[-1]
    assert (log["comment"], log["tag_names"], log["issuer"]) == ("samples", ["pe"], "gwfollow")


def test_superevents_are_found_by_id_time_category_and_label_page_after_page(client: GraceDBClient, superevent: str) -> None:
    client.add_label(superevent, "PE_READY")

    def ids(query: str) -> set[str]:
        return {found["superevent_id"] for found in client.superevents(query)}

    assert ids(superevent) == {superevent}
    assert superevent in ids("S1010*")
    assert superevent in ids("t_0: 971609000 .. 971610000 category: Production")
    assert superevent in ids("PE_READY far < 1")
    assert superevent not in ids("t_0: 1 .. 2")
    assert superevent not in ids("category: Test")
    with pytest.raises(RemoteRefused, match="Invalid query"):
        ids("what is this?")


def test_nobody_sees_what_is_not_public_and_nobody_writes(server: LocalGraceDB, client: GraceDBClient, superevent: str) -> None:
    stranger = GraceDBClient(server.url, ca=server.ca, auth="anonymous")
    client.write_log(superevent, "for us")
    client.write_log(superevent, "for all", tags=["public"])

    assert stranger.whoami() is None
    with pytest.raises(RemoteRefused, match="404"):
        stranger.superevent(superevent)
    client.session.modify_permissions(superevent, "expose")
    shown = stranger.superevent(superevent)
    assert not {"preferred_event", "gw_events", "em_events"} & set(shown)
    assert [entry["comment"] for entry in stranger.logs(superevent)] == ["for all"]
    with pytest.raises(RemoteSilent, match="credentials"):
        stranger.write_log(superevent, "let me in")


def test_an_expired_token_and_a_foreign_one_are_not_accepted(server: LocalGraceDB) -> None:
    for token in (server.token(seconds=-1), "eyJhbGciOiJub25lIn0.e30."):
        with pytest.raises(RemoteSilent, match="401") as caught:
            GraceDBClient(server.url, ca=server.ca, token=token).whoami()
        assert token not in str(caught.value)


def test_a_client_certificate_is_as_good_as_a_token(server: LocalGraceDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_USER_PROXY", server.user_certificate)
    monkeypatch.delenv("X509_USER_CERT", raising=False)

    client = GraceDBClient(server.url, ca=server.ca)

    assert client.whoami() == "gwfollow"
    assert client.whoami() == "gwfollow", "also on a connection that was kept"


def test_bad_input_is_refused(client: GraceDBClient, superevent: str, tmp_path: Path) -> None:
    (tmp_path / "not.xml").write_text("no table in here")
    with pytest.raises(RemoteRefused, match="not XML"):
        client.create_event("CBC", "gstlal", tmp_path / "not.xml")
    with pytest.raises(RemoteRefused, match="not a file name"):
        client.write_log(superevent, "comma", file=("a,1", b""))
    with pytest.raises(RemoteRefused, match="does not exist in the database"):
        client.add_label(superevent, "NO_SUCH_LABEL")
    with pytest.raises(RemoteRefused, match="already assigned"):
        client.create_superevent(1.0, client.superevent(superevent)["preferred_event"])


def test_what_it_was_told_survives_a_restart_on_the_same_port(tmp_path: Path) -> None:
    server = LocalGraceDB(tmp_path / "gracedb")
    with server:
        url, client = server.url, GraceDBClient(server.url, ca=server.ca, token=server.token())
        event = client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"]
        client.write_log(event, "kept", file=("kept.txt", b"kept"))
    with server:
        assert server.url == url
        assert client.download(event, "kept.txt") == b"kept"
        assert client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"] != event


def test_its_keys_are_for_its_owner_only(server: LocalGraceDB) -> None:
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    for name in ("ca.key", "server.pem", "user.pem", "token.pem"):
        assert stat.S_IMODE((server.folder / name).stat().st_mode) == 0o600, name

"""GraceDB's client answers in time, never repeats a write, and speaks in our errors: against the local GraceDB with faults."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.gracedb import session
from gwfollow.gracedb.client import GraceDBClient, pace_folder
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.settings import Settings

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), faults=True) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB) -> GraceDBClient:
    server.fail()
    return GraceDBClient(server.url, ca=server.ca, token=server.token())


@pytest.fixture
def graceid(client: GraceDBClient) -> str:
    return str(client.create_event("Test", "gstlal", EVENT_FILE)["graceid"])


def comments(client: GraceDBClient, graceid: str) -> list[str]:
    return [entry["comment"] for entry in client.logs(graceid)][1:]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_an_answer_that_means_later_is_silence_and_the_write_is_not_repeated(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, status: int
) -> None:
    server.fail({"method": "POST", "path": "log", "status": status, "retry_after": 7, "times": 5})

    with pytest.raises(RemoteSilent, match=str(status)) as caught:
        client.write_log(graceid, "once")

    assert caught.value.retry_after == 7
    assert server.fired() == 1
    assert comments(client, graceid) == []


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_an_answer_that_means_no_is_a_refusal(server: LocalGraceDB, client: GraceDBClient, graceid: str, status: int) -> None:
    server.fail({"method": "POST", "path": "log", "status": status})

    with pytest.raises(RemoteRefused, match=str(status)):
        client.write_log(graceid, "no")


def test_a_reply_that_is_lost_after_the_write_leaves_one_entry(server: LocalGraceDB, client: GraceDBClient, graceid: str) -> None:
    server.fail({"method": "POST", "path": "log", "drop": "after"})

    with pytest.raises(RemoteSilent, match="does not answer"):
        client.write_log(graceid, "once")

    assert server.fired() == 1
    assert comments(client, graceid) == ["once"]


def test_a_connection_that_is_cut_before_the_write_leaves_none(server: LocalGraceDB, client: GraceDBClient, graceid: str) -> None:
    server.fail({"method": "POST", "path": "log", "drop": "before"})

    with pytest.raises(RemoteSilent):
        client.write_log(graceid, "never")

    assert comments(client, graceid) == []


def test_a_server_that_does_not_answer_is_silent(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TIMEOUT", (5.0, 0.2))
    monkeypatch.setattr(session, "READ_PAUSE", 0.0)
    server.fail({"path": "events/", "seconds": 2, "times": 9})

    with pytest.raises(RemoteSilent, match="ReadTimeout"):
        client.event(graceid)

    assert server.fired() == session.READS


def test_a_server_that_drips_is_silent_though_every_byte_comes_in_time(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(session, "READ_SECONDS", 0.5)
    server.fail({"path": "events/", "drip": 0.1})
    start = time.monotonic()

    with pytest.raises(RemoteSilent, match="Timeout"):
        client.event(graceid)

    assert server.fired() == 1
    assert time.monotonic() - start < 60, "not as long as the whole answer takes"


def test_nobody_at_the_address_is_silence(server: LocalGraceDB) -> None:
    with pytest.raises(RemoteSilent, match="does not answer"):
        GraceDBClient("https://localhost:9/api/", ca=server.ca, token="x").ping()


def test_a_certificate_of_an_unknown_ca_is_not_trusted(server: LocalGraceDB) -> None:
    with pytest.raises(RemoteSilent, match="SSLError"):
        GraceDBClient(server.url, token=server.token()).ping()


@pytest.mark.parametrize(
    "call",
    [
        lambda client, graceid: client.add_label(graceid, "NO_SUCH_LABEL"),
        lambda client, graceid: client.write_log(graceid, "text", label="NO_SUCH_LABEL"),
        lambda client, graceid: client.create_event("NoGroup", "gstlal", EVENT_FILE),
    ],
)
def test_what_the_upstream_client_refuses_itself_is_a_refusal(
    client: GraceDBClient, graceid: str, call: Callable[[GraceDBClient, str], object]
) -> None:
    with pytest.raises(RemoteRefused, match="client refuses"):
        call(client, graceid)


def test_labels_come_and_go(client: GraceDBClient, graceid: str) -> None:
    client.add_label(graceid, "DQV")
    assert client.labels(graceid) == {"DQV"}
    client.remove_label(graceid, "DQV")
    assert client.labels(graceid) == set()


def test_a_connection_that_is_cut_while_reading_is_tried_again(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "READ_PAUSE", 0.0)
    server.fail({"path": "events/", "drop": "before"}, {"path": "events/", "status": 503, "retry_after": 0})

    assert client.event(graceid)["graceid"] == graceid
    assert server.fired() == 2


def test_writing_again_what_is_there_already_does_nothing_more(client: GraceDBClient, graceid: str) -> None:
    other = client.create_event("CBC", "gstlal", ("coinc.xml", EVENT_FILE.read_bytes()), search="LowMass", offline=True)[
        "graceid"
    ]
    assert client.event(other)["offline"] is True
    name = client.create_superevent(971609248.0, graceid, category="Test", labels=["ADVREQ"])["superevent_id"]
    assert client.superevent_exists(name)
    assert not client.superevent_exists("S010101a")

    for _ in range(2):
        client.add_event(name, other)
        client.update_superevent(name, preferred_event=other, t_0=971609249.0)
        client.remove_event(name, graceid)
        client.create_signoff(name, "ADV", "OK", "fine")
        n = client.logs(graceid)[0]["N"]
        client.add_tag(graceid, n, "pe")
        client.expose(name)

    shown = client.superevent(name)
    assert (shown["preferred_event"], shown["t_0"], shown["gw_events"]) == (other, 971609249.0, [other])
    assert shown["labels"] == ["ADVOK"]
    assert client.tags(graceid, n) == {"pe"}

    for _ in range(2):
        client.create_signoff(name, "ADV", "NO", "not so fine")
        client.remove_tag(graceid, n, "pe")
        client.hide(name)
        client.remove_label(name, "DQV")
    assert [(found["status"], found["comment"]) for found in client.signoffs(name)] == [("NO", "not so fine")]
    assert client.superevent(name)["labels"] == ["ADVNO"]
    assert client.tags(graceid, n) == set()
    assert client.superevent(name)["public"] is False


def test_the_token_is_shown_nowhere(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = client._token
    with caplog.at_level(logging.DEBUG):
        client.write_log(graceid, "hello")
        server.fail({"path": "events/", "status": 401}, {"path": "events/", "drop": "before", "times": 3})
        shown = [repr(client), str(client)]
        for _ in range(2):
            with pytest.raises(RemoteSilent) as caught:
                client.event(graceid)
            shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]

    assert token not in "".join(shown) + caplog.text


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(InputError, match="auto or anonymous"):
        GraceDBClient("https://localhost/api/", auth="netrc").ping()
    with pytest.raises(InputError, match="https"):
        GraceDBClient("http://localhost/api/").ping()
    with pytest.raises(InputError, match="/nowhere"):
        GraceDBClient("https://localhost/api/", ca="/nowhere").ping()


def test_the_settings_name_the_service() -> None:
    assert GraceDBClient.from_settings(Settings()) is None
    client = GraceDBClient.from_settings(Settings(gracedb_url="https://localhost/api/", gracedb_auth="anonymous"))
    assert client is not None
    assert (client.url, client.auth) == ("https://localhost/api/", "anonymous")
    assert pace_folder(Settings(home="/srv/gwfollow")) == Path("/srv/gwfollow/pace")

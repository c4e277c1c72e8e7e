"""What only newer servers have: catalogues, notices, reserved ids, both versions of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import InputError, RemoteRefused
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.session import Session
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
def superevent(client: GraceDBClient) -> dict[str, Any]:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="LowMass")
    return client.create_superevent(event["gpstime"], event["graceid"])


def test_a_catalogue_has_versions_and_knows_what_is_in_it(client: GraceDBClient, superevent: dict[str, Any]) -> None:
    name, graceid = superevent["superevent_id"], superevent["preferred_event"]
    smap = {name: {"pipelines": {"gstlal": graceid}, "far": None, "pastro": None}}
    for comment in ("first", "second"):
        made = client.session.gwtc_create(smap, "4a", comment=comment).json()

    assert (made["number"], made["version"], made["smap"]) == ("4a", 2, smap)
    assert client.session.gwtc_get("4a", "latest").json()["comment"] == "second"
    assert client.session.gwtc_get("4a", 1).json()["comment"] == "first"
    assert [found["version"] for found in client.session.gwtc_list("4a")] == [1, 2]
    assert client.session.gwtc_numbers() == ["4a"]
    assert client.session.gwtc_versions("4a") == [1, 2]
    for number, wrong in (("4 a", smap), ("4a", {"S000101a": {}}), ("4a", {name: {"pipelines": {"gstlal": "G99"}}})):
        with pytest.raises(RemoteRefused, match="400"):
            client.session.gwtc_create(wrong, number)
    with pytest.raises(RemoteRefused, match="404"):
        client.session.gwtc_get("4a", 3)


def test_a_notice_is_kept_as_it_is_and_refused_when_it_is_none(client: GraceDBClient, superevent: dict[str, Any]) -> None:
    name = superevent["superevent_id"]
    retraction = {
        "alert_type": "RETRACTION",
        "time_created": "2026-01-01T00:00:00Z",
        "superevent_id": name,
        "urls": {},
        "event": None,
    }
    made = client.session.create_notice(name, "x.json", filecontents=json.dumps(retraction)).json()

    assert (made["notice_type"], made["prob_bns"], made["filename"]) == ("RE", None, f"{name}-1-retraction.json")
    assert json.loads(client.download(name, made["filename"])) == retraction
    for key, value in (("alert_type", "RUMOUR"), ("superevent_id", "S000101a"), ("event", "none")):
        with pytest.raises(RemoteRefused, match="400"):
            client.session.create_notice(name, "x.json", filecontents=json.dumps(retraction | {key: value}))
    with pytest.raises(RemoteRefused, match="not JSON"):
        client.session.create_notice(name, "x.json", filecontents="{")


def test_a_reserved_id_gets_its_data_later_and_once(client: GraceDBClient) -> None:
    graceid = client.session._reserve_graceid("CBC", "gstlal", search="LowMass").json()["graceid"]
    assert client.event(graceid)["gpstime"] is None

    client.session.upload_reserved_event(graceid, str(EVENT_FILE), labels=["DQV"])
    found = client.event(graceid)
    assert (found["gpstime"], found["labels"]) == (971609248.151741, ["DQV"])
    assert found["reporting_latency"] > 1e8, "the example is of 2010"
    with pytest.raises(RemoteRefused, match="has its data already"):
        client.session.upload_reserved_event(graceid, str(EVENT_FILE))


@pytest.mark.parametrize(("version", "key"), [("v1/", "log"), ("v2/", "logs")])
def test_each_version_of_the_api_speaks_its_own_words(
    server: LocalGraceDB, client: GraceDBClient, superevent: dict[str, Any], version: str, key: str
) -> None:
    session = Session(server.url + version, ca=server.ca, token=server.token())
    name = superevent["superevent_id"]
    client.write_log(name, "hello")

    answer = session.logs(name).json()
    assert {"log", "logs"} & set(answer) == {key}
    assert answer[key][0]["comment"] == "hello"
    assert session.superevent(name).json()["links"]["self"] == f"{server.url}{version}superevents/{name}/"
    assert ("event-reserve-template" in session.templates) is (version == "v2/")


def test_strangers_see_of_the_preferred_event_when_it_was_and_no_more(server: LocalGraceDB, client: GraceDBClient) -> None:
    event = client.create_event("CBC", "gstlal", EVENT_FILE)
    name = client.create_superevent(event["gpstime"], event["graceid"])["superevent_id"]
    client.expose(name)

    shown = GraceDBClient(server.url, ca=server.ca, auth="anonymous").superevent(name)

    assert shown["far"] == event["far"]
    assert not {"preferred_event", "gw_events", "em_events"} & set(shown)
    assert "events" not in shown["links"]
    attributes = shown["preferred_event_data"]["extra_attributes"]
    assert set(attributes) == {"SingleInspiral"}
    assert set(attributes["SingleInspiral"][0]) == {"ifo", "end_time", "end_time_ns"}


@pytest.mark.parametrize(
    ("group", "search", "letter"), [("CBC", "LowMass", "G"), ("CBC", "MDC", "M"), ("Test", "MDC", "T"), ("External", None, "E")]
)
def test_the_letter_of_an_id_says_what_kind_of_event_it_is(
    client: GraceDBClient, group: str, search: str | None, letter: str
) -> None:
    assert client.create_event(group, "gstlal", EVENT_FILE, search=search)["graceid"][0] == letter


def test_a_port_that_is_taken_is_named(server: LocalGraceDB, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"found {server.port}, expected one that nobody else listens on"):
        LocalGraceDB(tmp_path, server.port).start()

"""The parts of the local GraceDB that need no server: queries, event files, credentials, ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from gwfollow.sandbox.gracedb import eventfiles, query
from gwfollow.sandbox.gracedb.certificates import Credentials
from gwfollow.sandbox.gracedb.store import Store
from gwfollow.sandbox.gracedb.superevents import letters
from gwfollow.sandbox.gracedb.web import Problem

DATA = Path(pytest.importorskip("ligo.gracedb.test.integration").__file__).parent / "data"
LABELS = frozenset({"PE_READY", "DQV"})


def superevent(name: str = "S150914a", **facts: Any) -> dict[str, Any]:
    found = {
        "superevent_id": name,
        "gw_id": None,
        "category": "Production",
        "t_0": 1126259462.4,
        "far": 1e-10,
        "created": "2015-09-14 09:53:51 UTC",
        "labels": ["PE_READY"],
        "public": True,
    }
    return found | facts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S150914a",
        "S1509*",
        "id: S150914a",
        "t_0: 1126259460 .. 1126259465",
        "gpstime: 1126259460 .. 1126259465 far < 1e-8",
        "far: 1e-12 .. 1e-8",
        "created: 2015-09-01 .. now",
        "category: Production PE_READY",
        "PE_READY & ~DQV",
        "is_public: True",
    ],
)
def test_a_query_finds(text: str) -> None:
    assert query.parse(text, kind="superevent", labels=LABELS)(superevent())


@pytest.mark.parametrize(
    "text",
    [
        "S150914b",
        "t_0: 1 .. 2",
        "far > 1",
        "created: 2016-01-01 .. now",
        "category: Test",
        "DQV",
        "~PE_READY",
        "is_public: False",
    ],
)
def test_a_query_leaves_out(text: str) -> None:
    assert not query.parse(text, kind="superevent", labels=LABELS)(superevent())


def test_test_superevents_stay_out_of_a_query_that_asks_for_neither_category_nor_id() -> None:
    test = superevent("TS150914a", category="Test")
    for text, found in (("", True), ("far < 1", False), ("category: Test", True), ("TS150914a", True)):
        assert query.parse(text, kind="superevent", labels=LABELS)(test) is found, text


@pytest.mark.parametrize("text", ["colour: blue", "t_0: soon .. later", "created: yesterday .. now", "(((", "something"])
def test_what_is_no_query_is_a_400(text: str) -> None:
    with pytest.raises(Problem) as caught:
        query.parse(text, kind="superevent", labels=LABELS)
    assert caught.value.status == 400


def test_event_files_of_every_family_are_read() -> None:
    cbc = eventfiles.read("gstlal", (DATA / "cbc-lm.xml").read_bytes())
    assert (cbc["gpstime"], cbc["instruments"]) == (971609248.151741, "H1,L1,V1")
    assert len(cbc["extra_attributes"]["SingleInspiral"]) == 3

    cwb = eventfiles.read("CWB", (DATA / "burst-cwb.txt").read_bytes())
    assert (cwb["gpstime"], cwb["far"], cwb["instruments"]) == (1042312876.509, 0.00019265, "H1,L1")

    fermi = eventfiles.read("Fermi", (DATA / "fermi-test.xml").read_bytes())
    assert fermi["extra_attributes"]["GRB"]["ra"] == 345.99


@pytest.mark.parametrize(
    ("pipeline", "contents"),
    [
        ("gstlal", b"no xml"),
        ("gstlal", b"<LIGO_LW></LIGO_LW>"),
        ("CWB", b"rho: 5"),
        ("Fermi", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    ],
)
def test_a_file_that_is_none_is_an_error(pipeline: str, contents: bytes) -> None:
    with pytest.raises(ValueError, match=r"XML|coinc_inspiral|time:"):
        eventfiles.read(pipeline, contents)


def test_credentials_are_made_once(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "service")
    credentials.make()
    before = {file.name: file.read_bytes() for file in credentials.folder.iterdir()}
    token = credentials.token("alice")
    credentials.make()

    assert {file.name: file.read_bytes() for file in credentials.folder.iterdir()} == before
    assert credentials.token_user(token) == "alice"
    assert credentials.token_user(token + "x") is None
    assert credentials.token_user(credentials.token("alice", -1)) is None


def test_a_change_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add_object("event", "G1", {})

    def fail_half_way() -> None:
        with store.transaction():
            store.add_log("G1", "half", "alice", {"pe": ""}, None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert store.rows("SELECT * FROM logs") == []


def test_superevents_of_a_day_are_lettered() -> None:
    assert [letters(n) for n in (0, 25, 26, 27, 51, 52, 701, 702)] == ["a", "z", "aa", "ab", "az", "ba", "zz", "aaa"]

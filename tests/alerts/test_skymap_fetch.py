"""Sky maps that an alert only names, fetched from the local GraceDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.alerts.event_files import skymaps
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.skymap_fetch import fetch_skymaps
from gwfollow.errors import RemoteSilent
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.sandbox.demo_data import trigger_file
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.strain import Strain
from gwfollow.settings import Settings
from sky import write_skymap

STRAIN = Strain(gps=1126259462.4, files={"H1": "/data/H1.gwf", "L1": "/data/L1.gwf"}, channels={})
NAME = "bayestar.multiorder.fits"


class Silent:
    asked = 0

    def download(self, graceid: str, name: str) -> bytes:
        self.asked += 1
        raise RemoteSilent("no answer")


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Site:
    return Site(Ledger.open(sqlite_url), Settings(home=str(tmp_path / "home")), "test")


def event(site: Site, name: str, skymap: dict[str, object] | None) -> None:
    with site.ledger.change(who="test") as change:
        change.session.add(Event(name=name, graceid=name, source="gracedb", alert={"skymap": skymap} if skymap else {}))


@pytest.mark.slow
def test_the_newest_named_map_is_fetched_once_and_what_is_none_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    folders = Folders(site.settings.data_folder)
    map_file = write_skymap(tmp_path / "map.fits")
    with LocalGraceDB(tmp_path / "gracedb") as gracedb:
        client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())
        candidate = client.create_event("CBC", "gstlal", trigger_file(STRAIN, tmp_path))
        name = client.create_superevent(1126259462.4, candidate["graceid"])["superevent_id"]
        client.write_log(name, "sky map", tags=["sky_loc"], file=(NAME, map_file.read_bytes()))
        client.write_log(name, "no sky map", tags=["sky_loc"], file=("broken.fits", b"SIMPLE, but not so"))
        event(site, name, {"name": NAME, "version": 0, "sha256": ""})
        assert [path.name for path in fetch_skymaps(site, client)] == [f"{NAME},0"]
        assert skymaps(folders, name)[0].read_bytes() == map_file.read_bytes()
        assert fetch_skymaps(site, client) == []
        with site.ledger.change(who="test") as change:
            change.event(name).alert = {"skymap": {"name": "broken.fits", "version": 0, "sha256": ""}}
        assert fetch_skymaps(site, client) == []
    (note,) = folders.event(name).glob(".*.refused")
    assert "broken.fits" in note.read_text()


def test_a_silent_gracedb_is_asked_once_a_call_and_leaves_nothing_behind(site: Site) -> None:
    for name in ("S260101a", "S260101b"):
        event(site, name, {"name": NAME, "version": 3, "sha256": ""})
    silent = Silent()
    assert fetch_skymaps(site, silent) == []
    assert silent.asked == 1
    assert not site.settings.data_folder.exists()


def test_a_map_that_came_with_its_notice_and_an_event_without_any_are_not_asked_for(site: Site) -> None:
    event(site, "S260101a", {"name": NAME, "version": None, "sha256": "ab" * 32})
    event(site, "S260101b", None)
    silent = Silent()
    assert fetch_skymaps(site, silent) == []
    assert silent.asked == 0
    assert fetch_skymaps(site, None) == []

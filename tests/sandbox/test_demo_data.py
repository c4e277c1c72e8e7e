"""The demo's event: how its answer is judged, what its site sets up, its entry in GraceDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.errors import PermanentError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.merge import PROJECT
from gwfollow.ledger.schema import Configuration
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.auxiliary import DISTURBED
from gwfollow.sandbox.demo_data import DemoEvent, make_event, register, site_defaults
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.strain import Strain
from gwfollow.scans.channel_sets import load

STRAIN = Strain(
    gps=1126259462.4,
    files={"H1": "/data/H-H1_SIM-1126259446-32.gwf", "L1": "/data/L-L1_SIM-1126259446-32.gwf"},
    channels={"H1": "H1:SIM-STRAIN", "L1": "L1:SIM-STRAIN"},
    injected={"chirp_mass": 31.0},
)
REAL = Strain(gps=1126259462.4, files=STRAIN.files, channels=STRAIN.channels)


@pytest.mark.parametrize(
    ("median", "good"), [(31.2, True), (30.0, True), (32.5, True), (29.9, False), (32.6, False), (float("nan"), False)]
)
def test_real_strain_must_give_the_published_mass_however_wide_the_interval(median: float, good: bool) -> None:
    mass = {"median": median, "low": 20.0, "high": 45.0}
    assert DemoEvent("GW150914", REAL, "").plausible(mass) is good


@pytest.mark.parametrize(
    ("low", "high", "good"),
    [(30.0, 32.0, True), (31.5, 33.0, True), (31.6, 33.0, False), (29.0, 30.5, True), (29.0, 30.4, False), (50.0, 60.0, False)],
)
def test_simulated_strain_must_give_what_was_injected_within_a_third_of_the_interval(low: float, high: float, good: bool) -> None:
    mass = {"median": (low + high) / 2, "low": low, "high": high}
    assert DemoEvent("SIM150914", STRAIN, "").plausible(mass) is good


def test_the_published_median_does_not_help_a_simulated_event_whose_injection_was_missed() -> None:
    assert not DemoEvent("SIM150914", STRAIN, "").plausible({"median": 31.2, "low": 31.19, "high": 31.21})


@pytest.mark.slow
def test_the_event_gets_a_superevent_that_may_be_published(tmp_path: Path) -> None:
    with LocalGraceDB(tmp_path / "gracedb") as gracedb:
        client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())
        event = register(client, DemoEvent("SIM150914", STRAIN, "simulated"), tmp_path)
        superevent = client.superevent(event.graceid)
    assert superevent["t_0"] == STRAIN.gps
    assert superevent["category"] == "Production"  # nothing is published for any other
    assert sorted(superevent["preferred_event_data"]["instruments"].split(",")) == ["H1", "L1"]
    assert superevent["preferred_event_data"]["search"] == "AllSky"


def test_the_site_knows_its_frames_before_any_event(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="test") as change:
        for blueprint in site_defaults(DemoEvent("SIM150914", STRAIN, ""), tmp_path):
            apply(change, read_text(blueprint.read_text(), blueprint.name).blueprints)
    with ledger.read() as session:
        project = session.get_one(Configuration, PROJECT).document
    assert project["data"]["data files"] == STRAIN.files
    assert project["data"]["channels"] == STRAIN.channels
    assert project["priors"]["chirp mass"]["minimum"] < project["priors"]["chirp mass"]["maximum"]
    ledger.close()
    scan = load(project["pipelines"]["omegascan"]["scan"]["channel set"], tmp_path).scan_config(gps=STRAIN.gps, title="demo")
    channels = [channel for block in scan.blocks for channel in block.channels]
    assert len(channels) == 31
    assert {f"H1:{name}" for name in DISTURBED} < set(channels)


def test_a_folder_without_strain_is_named(tmp_path: Path) -> None:
    (tmp_path / "gwosc").mkdir()
    with pytest.raises(PermanentError, match=r"no strain: .*gwosc"):
        make_event(tmp_path / "data", tmp_path / "gwosc")

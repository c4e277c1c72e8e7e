"""``gwfollow scan``"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deadly_frames import CRASHES, flipped
from gwfollow.cli import group
from gwfollow.errors import GWFollowError, InputError, NotFound
from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary

START, GPS = 1_000_000_000, 1_000_000_010.25
LOUD = "H1:PEM-EX_ACC_1_DQ"
SET = """
ifo: H1
description: for a test
colormap: plasma
blocks:
  PEM: {channels: [H1:PEM-EX_ACC_1_DQ, H1:PEM-EX_MAG_1_DQ, H1:PEM-LOST_DQ], frame type: H1_SIM_AUX, duration: 16, fftlength: 2}
frame types:
  H1_SIM_AUX: {look up: [{folder: /nowhere}], timeout: 0}
"""


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of four channels; one of them has a glitch at `GPS`, one is too slow to be scanned."""
    folder = tmp_path_factory.mktemp("frames")
    channels = [
        Auxiliary(LOUD, 512, [Glitch(GPS, 60.0, amplitude=12.0)]),
        Auxiliary("H1:PEM-EX_MAG_1_DQ", 512),
        Auxiliary("H1:SUS-SLOW_DQ", 128),
        Auxiliary("H1:VAC-GAUGE", 8),
    ]
    write_auxiliary(folder, "H1", channels, start=START, end=START + 20, length=20)
    old = time.time() - 60  # not just being written
    for path in folder.iterdir():
        os.utime(path, (old, old))
    return folder


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command without any ledger; raises what it raised."""
    (tmp_path / "channel_sets").mkdir()
    (tmp_path / "channel_sets" / "H1_test.yaml").write_text(SET)
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(tmp_path))
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "nothing here"))
    monkeypatch.delenv("GWFOLLOW_LEDGER", raising=False)

    def invoke(*arguments: str) -> Result:
        done = CliRunner().invoke(group, ["scan", *arguments])
        if isinstance(done.exception, GWFollowError):
            raise done.exception
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return invoke


def test_sets_are_listed_and_one_that_is_wrong_says_so(scan: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "channel_sets" / "L1_bad.yaml").write_text("ifo: L1\nblock: {}\n")
    listed = scan("config", "list").stdout
    assert "H1_test" in listed
    assert "for a test" in listed
    assert "wrong:" in listed
    assert "did you mean 'blocks'?" in listed
    assert [row["name"] for row in json.loads(scan("config", "list", "--json").stdout)] == ["H1_test", "L1_bad"]


def test_a_set_is_shown_with_every_default(scan: Callable[..., Result]) -> None:
    shown = scan("config", "show", "H1_test").stdout
    assert "H1:PEM-LOST_DQ" in shown
    assert "3.317 to 150" in shown
    assert "/nowhere; until 0 s after the end" in shown
    facts = json.loads(scan("config", "show", "H1_test", "--json").stdout)
    assert facts["blocks"][0]["search"] == 0.5
    assert facts["options"] == {"colormap": "plasma"}


def test_check_says_what_is_wrong_and_fails(scan: Callable[..., Result], tmp_path: Path) -> None:
    assert scan("config", "check").exit_code == 0
    (tmp_path / "channel_sets" / "H1_test.yaml").write_text(SET.replace("plasma", "plasmma"))
    (tmp_path / "L1_other.ini").write_text("[A]\nchannels = L1:B-C\nframetype = L1_R\nduration = long\n")
    done = scan("config", "check", "H1_test", str(tmp_path / "L1_other.ini"), "H1_tst")
    assert done.exit_code == 2
    wrong = done.stderr.splitlines()
    assert len(wrong) == 3
    assert "did you mean 'plasma'" in wrong[0]
    assert "line 4, [A] duration: found 'long', expected a number above 0" in wrong[1]
    assert "did you mean 'H1_test'" in wrong[2]


def test_check_says_which_channels_frames_lack(scan: Callable[..., Result], frames: Path) -> None:
    done = scan("config", "check", "H1_test", "--frames", str(frames))
    assert done.exit_code == 1
    assert f"H-H1_SIM_AUX-{START}-20.gwf lacks H1:PEM-LOST_DQ" in done.stdout
    assert "lacks H1:PEM-EX" not in done.stdout


def test_check_survives_a_frame_that_ends_its_reader(scan: Callable[..., Result], tmp_path: Path) -> None:
    (path,) = write_auxiliary(tmp_path / "spoilt", "H1", [Auxiliary(LOUD, 512)], start=START, end=START + 8, length=8)
    flipped(path, *CRASHES)
    done = scan("config", "check", "H1_test", "--frames", str(path.parent))
    assert done.exit_code == 1
    assert f"{path.name}: the process that read it was ended by SIGSEGV" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ifo", "H1"], "one of them: where the frames are"),
        (["--frames", "{frames}", "--gwosc"], "one place of frames"),
        (["--frames", "{frames}"], "--ifo.*one detector"),
        (["--frames", "{frames}", "--ifo", "L1"], "no frames of L1"),
        (["--frames", "/nowhere", "--ifo", "H1"], "a folder that is there"),
        (["--frames", "{frames}", "-c", "H1:PEM-EX_ACC_2_DQ"], "one of the 4 channels.*did you mean 'H1:PEM-EX_ACC_1_DQ'"),
        (["--frames", "{frames}", "-c", LOUD, "--primary", "H1:STRAIN"], "--primary: found 'H1:STRAIN'"),
        (["--frames", "{frames}", "-c", "H1:VAC-GAUGE"], "channels of 16 Hz or more"),
        (["--frames", "{frames}", "-c", LOUD, "--frame-type", "H1_R"], "one of H1_SIM_AUX"),
        (["--datafind", "default", "--ifo", "H1"], "the type of the frames"),
        (["--set", "H1_test", "--primary", "H1:A"], "nothing beside --set"),
        (["--set", "H1_test", "--ifo", "L1"], "H1, whose channels H1_test has"),
        (["--set", "H1_test", "-c", "H1:NO"], "a channel of the set"),
    ],
)
def test_what_cannot_be_scanned_is_refused_before_anything_is_made(
    scan: Callable[..., Result], frames: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        scan("run", "--gps", str(GPS), "--out", str(tmp_path / "out"), *[one.format(frames=frames) for one in arguments])
    assert not (tmp_path / "out").exists()


def test_a_time_at_which_there_are_no_frames_is_told_with_those_that_there_are(scan: Callable[..., Result], frames: Path) -> None:
    with pytest.raises(InputError, match=rf"\[{START}, {START + 20}\).*frames of H1 that hold GPS 999999999"):
        scan("run", "--gps", "999999999", "--ifo", "H1", "--frames", str(frames))
    with pytest.raises(InputError, match="4 s around GPS"):
        scan("run", "--gps", str(START + 1), "--ifo", "H1", "--frames", str(frames))


@pytest.mark.slow
def test_a_scan_of_what_the_frames_hold_ranks_the_loud_channel_first(
    scan: Callable[..., Result], frames: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [
        "run",
        "--gps",
        str(GPS),
        "--ifo",
        "H1",
        "--frames",
        str(frames),
        "--primary",
        LOUD,
        "--out",
        str(out),
        "--workers",
        "1",
    ]
    done = scan(*command)
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("H1:")]
    assert next(row[0] for row in rows) == LOUD
    assert float(rows[0][1]) > 10
    assert abs(float(rows[0][2])) < 0.05
    assert 45 < float(rows[0][3]) < 75
    assert f"page: {out / 'index.html'}" in done.stdout
    result = json.loads(scan(*command, "--json").stdout)
    assert {one["channel"] for one in result["channels"]} == {LOUD, "H1:PEM-EX_MAG_1_DQ", "H1:SUS-SLOW_DQ"}
    with pytest.raises(InputError, match="another scan"):
        scan("run", "--gps", str(GPS), "--ifo", "H1", "--frames", str(frames), "--out", str(out))


@pytest.mark.slow
def test_a_scan_of_nothing_ends_with_an_exit_code_of_its_own(scan: Callable[..., Result], tmp_path: Path) -> None:
    done = scan("run", "--gps", str(GPS), "--set", "H1_test", "--out", str(tmp_path / "out"), "--workers", "1")
    assert done.exit_code == 3
    assert "0 of 3 channels scanned, 0 significant, failed" in done.stdout
    assert "missing H1_SIM_AUX" in done.stdout


def test_a_request_goes_through_the_ledger(gwfollow: Callable[..., str], checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWFOLLOW_CONFIGS", raising=False)
    assert gwfollow("scan", "request", "--event", "GW1", "--set", "H1_strain") == "GW1/scan-H1_strain: asked for\n"
    assert gwfollow("scan", "request", "--event", "GW1", "--set", "H1_strain").startswith("GW1/scan-H1_strain: in hand already")
    told = gwfollow("scan", "request", "--gps", "1126259462.4", "--set", "H1_reduced", "-c", "H1:PEM-*", "--engine", "gwdetchar")
    assert told.startswith("scan-1126259462.400/scan-H1_reduced-")
    monkeypatch.chdir(checkout / "include" / "configs" / "channel_sets")
    gwfollow("scan", "request", "--event", "GW1", "--set", "./V1_strain.yaml")
    assert f"channel set: {checkout}/include/configs/channel_sets/V1_strain.yaml" in gwfollow("show", "GW1/scan-V1_strain")
    with pytest.raises(NotFound, match="did you mean 'H1_strain'"):
        gwfollow("scan", "request", "--event", "GW1", "--set", "H1_strian")
    with pytest.raises(InputError, match="one of them: what shall be scanned"):
        gwfollow("scan", "request", "--set", "H1_strain")

"""What somebody asks of a scan: refused at the door with the name of what is wrong, or the document of an analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import InputError
from gwfollow.scans.asked import read, read_time
from gwfollow.scans.channel_sets import names

FREE: dict[str, Any] = {"gps": 1126259462.4, "channels": ["H1:A", "H1:B"], "frame_type": "H1_R", "frames": "/data/H1_R"}


@pytest.mark.parametrize(
    ("value", "gps"),
    [
        (1126259462.4, 1126259462.4),
        ("1126259462.4", 1126259462.4),
        ("2015-09-14T09:50:45.4", 1126259462.4),  # UTC unless it says another zone
        ("2015-09-14T11:50:45.4+02:00", 1126259462.4),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_gps_or_utc(value: object, gps: float | None) -> None:
    assert read_time(value) == (pytest.approx(gps, abs=1e-5) if gps else None)


@pytest.mark.parametrize("value", ["yesterday", -5, 0, True, float("nan"), "inf", 9e9, [1], "2015-09-14T09:50:45.4Zulu"])
def test_what_is_no_time_or_a_year_ahead_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="time"):
        read_time(value)


def test_a_channel_set_names_the_analysis_with_its_engine_where_that_is_not_ours() -> None:
    asked = read(gps="1126259462.4", channel_set="H1_strain")
    assert (asked.name, asked.scan, asked.scheduler) == ("scan-H1_strain", {"channel set": "H1_strain"}, {})
    other = read(gps=1126259462.4, channel_set="H1_strain", engine="gwdetchar", scheduler="local", accounting_group="ligo.dev")
    assert other.name == "scan-H1_strain-gwdetchar"
    assert other.document("x") == {
        "kind": "analysis",
        "name": "x",
        "pipeline": "omegascan",
        "scan": {"channel set": "H1_strain", "engine": "gwdetchar"},
        "scheduler": {"name": "local", "accounting group": "ligo.dev"},
    }


def test_some_channels_of_a_set_are_another_scan_than_the_set() -> None:
    asked = read(gps=1126259462.4, channel_set="H1_reduced", channels="H1:PEM-*")
    assert asked.scan == {"channel set": "H1_reduced", "channels": ["H1:PEM-*"]}
    assert asked.name.startswith("scan-H1_reduced-")


@pytest.mark.parametrize(
    ("frames", "way"),
    [
        ("/data/*/H1_R", {"folder": "/data/*/H1_R"}),
        ("datafind", {"datafind": None}),
        ("datafind:datafind.example.org:443", {"datafind": "datafind.example.org:443"}),
        ("gwosc", {"gwosc": True}),
    ],
)
def test_a_free_list_says_its_detector_and_where_its_frames_are(frames: str, way: dict[str, Any]) -> None:
    asked = read(**FREE | {"channels": "H1:B, H1:A\nH1:B H0:VAC", "frames": frames})
    look_up = {"H1_R": {"look up": [way]}}
    assert asked.scan == {"ifo": "H1", "channels": ["H1:B", "H1:A", "H0:VAC"], "frame types": look_up}
    assert asked.name == read(**FREE | {"channels": ["H1:B", "H1:A", "H0:VAC"], "frames": frames}).name != read(**FREE).name


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"channels": ()}, "channel set, channels: found None"),
        ({"channel_set": "H1_strain"}, "frames, frame type"),
        ({"channels": ["H1:A", "L1:A"]}, "channels: found 'H1, L1'"),
        ({"channels": ["rm -rf"]}, "channels: found 'rm -rf'"),
        ({"channels": [f"H1:A{n}" for n in range(5001)]}, "at most 5000"),
        ({"ifo": "L1"}, "channels: found 'H1, L1'"),
        ({"frame_type": None}, "frame type"),
        ({"frames": "data/H1_R"}, "frames: found 'data/H1_R'"),
        ({"frames": "datafind:a host"}, "frames"),
        ({"engine": "cWB"}, "engine: found 'cWB', expected one of gwfollow, gwdetchar"),
        ({"scheduler": "slurm"}, "scheduler: found 'slurm'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_name(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError) as refused:
        read(**FREE | change)
    assert place in str(refused.value)


def test_the_form_offers_the_channel_sets_that_there_are(checkout: Path) -> None:
    configs = checkout / "include" / "configs"
    assert names(configs) == sorted(path.stem for path in (configs / "channel_sets").glob("*.yaml"))
    assert "H1_strain" in names(configs)

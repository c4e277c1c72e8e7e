"""The masks that GWOSC publishes, of the first detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from gwfollow.quality.bits import questions
from gwfollow.quality.worker import answers


def asked(checkout: Path, folder: Path, **more: Any) -> dict[str, str]:
    types = {ifo: {f"{ifo}_LOSC_4_V2": {"look up": [{"folder": str(folder)}], "timeout": 0}} for ifo in ("H1", "L1")}
    document = {"file": "state_checks_gwosc.yaml", "frames": {"public": types}} | more
    found = answers(
        questions(checkout / "include" / "configs", document, event="GW150914", gps=1126259462.4, interferometers=("H1", "L1"))
    )
    return {check["name"]: check["state"] for check in found["checks"]}


def test_gw150914_passes_what_its_group_is_asked(checkout: Path, shared: Path) -> None:
    compact = asked(checkout, shared / "data" / "strain", group="CBC")
    assert set(compact.values()) == {"pass"}
    assert {"H1 DATA", "L1 CBC_CAT3", "L1 NO_CBC_HW_INJ"} <= set(compact)
    assert not any("BURST_CAT" in name for name in compact)
    assert "H1 BURST_CAT1" in asked(checkout, shared / "data" / "strain", group="Burst")


def test_a_continuous_wave_that_was_put_into_l1_is_seen_by_who_asks(checkout: Path, shared: Path) -> None:
    bits = {"3": {"name": "NO_CW_HW_INJ", "injection": True}}
    vectors = [{"channel": "GWOSC-4KHZ_R1_INJMASK", "detectors": ["H1", "L1"], "frames": "public", "bits": bits}]
    assert asked(checkout, shared / "data" / "strain", vectors=vectors) == {"H1 NO_CW_HW_INJ": "pass", "L1 NO_CW_HW_INJ": "fail"}


def test_masks_that_are_off_fail_and_other_files_are_unknown(checkout: Path, tmp_path: Path) -> None:
    for ifo, mask in (("H1", 0b1101), ("L1", None)):
        with h5py.File(tmp_path / f"{ifo[0]}-{ifo}_LOSC_4_V2-1126259446-32.hdf5", "w") as file:
            file["meta/GPSstart"], file["meta/Detector"] = 1126259446, ifo
            if mask is not None:
                file["quality/simple/DQmask"] = [mask] * 32
    found = asked(checkout, tmp_path, group="CBC")
    assert (found["H1 DATA"], found["H1 CBC_CAT1"], found["H1 NO_CBC_HW_INJ"], found["L1 DATA"]) == (
        "pass",
        "fail",
        "unknown",
        "unknown",
    )


@pytest.mark.parametrize("content", [b"", b"no hdf5"])
def test_a_file_that_cannot_be_opened_is_unknown(checkout: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "H-H1_LOSC_4_V2-1126259446-32.hdf5").write_bytes(content)
    assert asked(checkout, tmp_path)["H1 DATA"] == "unknown"

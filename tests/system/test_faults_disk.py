"""A disk that is full while an analysis is built: a clear reason, an intact ledger, and a way on once there is room."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.system, pytest.mark.slow]

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
FULL = "No space left on device"


def live(tmp_path: Path, what: str, scene: str) -> dict[str, Any]:
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespace to its users, so there is no small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("on_small_disk.py")
    done = subprocess.run([*NAMESPACE, sys.executable, script, disk, what, scene], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"full: [Errno 28] {FULL}" in done.stderr, "the fault did not fire"
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_a_build_on_a_full_disk_is_stuck_with_the_reason_and_starts_again_when_there_is_room(tmp_path: Path, what: str) -> None:
    said = live(tmp_path, what, "events")
    assert said["status"] == "stuck"
    assert FULL in said["reason"]
    assert FULL in said["error"]
    assert (said["end"], said["runs"], said["check"]) == ("finished", 1, "ok")


def test_a_ledger_on_the_full_disk_stays_as_it_was_and_the_build_may_be_tried_again(tmp_path: Path) -> None:
    said = live(tmp_path, "blocks", "ledger")
    assert said["error"].startswith("LedgerBusy: ")
    assert "full" in said["error"]
    assert (said["status"], said["reason"]) == ("ready", "")
    assert (said["end"], said["runs"], said["check"]) == ("finished", 1, "ok")

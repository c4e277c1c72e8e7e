"""The example package of the documentation: installed aside, tested by its own tests, and run through a whole life on a real scheduler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.4
interferometers: [H1, L1]
psds: {H1: FOLDER/H1.dat, L1: FOLDER/L1.dat}
---
kind: analysis
name: range
event: GW150914
pipeline: bnsrange
bnsrange: {mass: 1.4}
"""
#: in a process of its own, which alone sees the package
LIFE = """
import json, time
from pathlib import Path
from gwfollow.ledger import open_ledger
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.settings import Settings

settings = Settings.read()
ledger = open_ledger(settings)
site = Site(ledger, settings, who="test")
here = ("GW150914", "range")
print("inputs", sorted(build(site, *here).inputs))
submit(site, *here)
while settle(site, *here).verdict is Verdict.WAIT:
    time.sleep(0.2)
ranges = json.loads(Path(collect(site, *here).assets["ranges"][""]["path"]).read_text())
print("ranges", {ifo: round(distance) for ifo, distance in ranges.items()})
process(site, *here)
publish(site, *here)
with ledger.read() as session:
    print("status", find_analysis(session, *here).status)
"""


@pytest.fixture(scope="module")
def site_packages(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in it; no index is asked."""
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(checkout / "docs" / "examples" / "gwfollow-example-pipeline", folder / "source")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--target", folder / "installed", source], check=True, timeout=120)
    return folder / "installed"


def environment(site_packages: Path, home: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(site_packages),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GWFOLLOW_HOME": str(home),
        "GWFOLLOW_SCHEDULER": "local",
    }


def test_it_lives_from_apply_to_publish(site_packages: Path, tmp_path: Path) -> None:
    for ifo, level in (("H1", "1e-46"), ("L1", "4e-46")):
        (tmp_path / f"{ifo}.dat").write_text("".join(f"{index * 0.25} {level}\n" for index in range(8193)))
    blueprint = tmp_path / "range.yaml"
    blueprint.write_text(BLUEPRINT.replace("FOLDER", str(tmp_path)))
    env = environment(site_packages, tmp_path / "home")
    gwfollow = Path(sys.executable).with_name("gwfollow")
    for words in (["init"], ["apply", "-f", str(blueprint)]):
        done = subprocess.run([gwfollow, *words], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "not installed" not in done.stdout + done.stderr
    seen = subprocess.run([sys.executable, "-c", LIFE], env=env, capture_output=True, text=True, timeout=120)
    assert seen.returncode == 0, seen.stderr
    lines = dict(line.split(" ", 1) for line in seen.stdout.splitlines())
    assert "psd H1" in lines["inputs"]
    assert lines["status"] == "uploaded"
    assert lines["ranges"].startswith("{'H1': ")


def test_its_own_tests_pass(site_packages: Path, tmp_path: Path) -> None:
    tests = site_packages.parent / "source" / "tests"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(
        command, env=environment(site_packages, tmp_path), cwd=tests.parent, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout

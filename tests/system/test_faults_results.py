"""Publishing into the results store: killed at any place it has the effect of once; on a full disk nothing half stays and it is told."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alone import EVENT, folder_of, row
from publisher import STOPS, prepare
from sqlalchemy import select

from gwfollow.errors import PipelineError
from gwfollow.ledger.schema import Journal, Outbox
from gwfollow.life import Site
from gwfollow.life.finish import publish
from gwfollow.pipelines import registry
from gwfollow.results.keep import rows
from gwfollow.results.store import Store
from gwfollow.results.verify import verify

pytestmark = [pytest.mark.system, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("publisher.py")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(registry, "find", registry.find)  # `prepare` sets it: it is put back
    return prepare(tmp_path / "home")


def published(site: Site) -> dict[str, Any]:
    with site.ledger.read() as session:
        stored = {(r.result.name, r.result.filename): r.result for r in rows(session)}
        sent = session.scalars(select(Outbox.key).where(Outbox.destination == "gracedb")).all()
        told = session.scalars(select(Journal.what).where(Journal.what.endswith("results stored"))).all()
    objects = [path for path in Store(site.settings.results_folder).objects() if path.is_file()]
    return {
        "files": stored,
        "sent": sorted(sent),
        "told": list(told),
        "objects": len(objects),
        "status": row(site, "first").status,
    }


@pytest.mark.parametrize("stop", STOPS)
def test_publishing_that_is_killed_and_done_again_has_the_effect_of_once(stop: str, site: Site) -> None:
    home = site.settings.home_folder
    with subprocess.Popen([sys.executable, SCRIPT, home, stop], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "stopped\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    before = published(site)
    assert (before["status"], before["files"], before["sent"]) == ("finished", {}, [])

    assert publish(site, EVENT, "first") == ["samples.dat", "job.py"]
    assert publish(site, EVENT, "first") == []
    after = published(site)
    assert after["status"] == "uploaded"
    assert set(after["files"]) == {("samples", "samples.dat"), ("pages", "pages.tar"), ("job.py", "job.py")}
    assert (after["told"], after["objects"], len(after["sent"])) == (["3 results stored"], 3, 2)
    (run,) = after["files"][("samples", "samples.dat")].summary["runs"]
    assert run["parameters"]["chirp_mass"]["median"] == pytest.approx(31, abs=0.1)
    store = Store(site.settings.results_folder)
    assert verify(site.ledger, store).findings == []
    store.sweep(grace=0)
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_result_that_changed_after_it_was_collected_is_not_published(site: Site) -> None:
    samples = folder_of(site, "first") / "samples.dat"
    samples.write_text(samples.read_text() + "31.0 0.5\n")
    with pytest.raises(PipelineError, match=r"samples\.dat has changed since it was collected"):
        publish(site, EVENT, "first")
    after = published(site)
    assert (after["status"], after["files"], after["sent"]) == ("stuck", {}, [])


def test_a_summary_that_cannot_be_made_is_told_and_stops_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.results.apart.PATIENCE", 0.001)
    publish(site, EVENT, "first")
    after = published(site)
    assert after["status"] == "uploaded"
    assert after["files"][("samples", "samples.dat")].summary == {"error": "not read in 0 s"}
    with site.ledger.read() as session:
        entry = session.scalar(select(Journal).where(Journal.what == "3 results stored"))
    assert entry is not None
    assert entry.details["not summarised"] == {"samples.dat": "not read in 0 s"}


def test_a_full_store_is_told_and_the_analysis_is_published_once_there_is_room(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespace to its users, so there is no small disk")
    done = subprocess.run([*NAMESPACE, sys.executable, SCRIPT, tmp_path / "home", "disk"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["error"].startswith("StoreFault: results store")
    assert "No space left on device; nothing was stored" in said["error"]
    assert (said["status"], said["rows"], said["left"]) == ("finished", 0, ["ballast"])
    assert (said["end"], said["rows then"]) == ("uploaded", 3)

"""A retraction of an event whose job runs on a real HTCondor, and the end of the retraction."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toy_pipeline import Toy

from gwfollow.alerts.process import Processed, process
from gwfollow.ledger.store import Ledger
from gwfollow.life import NoWork, Site
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.sandbox.htcondor import PersonalPool
from stories import internal, minute, notice, put, site_of, statuses, superevent

pytestmark = [pytest.mark.system, pytest.mark.slow]
NAME = "S250101a"


@pytest.fixture
def site(pool: PersonalPool, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(registry, "find", lambda name: Toy)
    ledger = Ledger.open(sqlite_url)
    yield site_of(ledger, tmp_path, scheduler="htcondor")
    ledger.close()


def tell(site: Site, message: bytes, when: float) -> Processed:
    put(site, (message, minute(when)))
    return process(site).events[0]


def in_queue(job_id: str) -> bool:
    asked = subprocess.run(["condor_q", job_id, "-af", "JobStatus"], capture_output=True, text=True, check=True, timeout=60)
    return asked.stdout.strip() != ""


def runs(site: Site, attempt: int) -> int:
    """How often the job itself says that it ran."""
    file = site.settings.home_folder / "events" / NAME / "psd" / f"attempt-{attempt}" / "runs.txt"
    return len(file.read_text().splitlines()) if file.exists() else 0


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.2)


def test_a_retraction_takes_the_job_from_htcondor_and_its_end_runs_it_once_more(site: Site) -> None:
    tell(site, internal(NAME, "new", **superevent()), 0)
    build(site, NAME, "psd")
    first = submit(site, NAME, "psd").job_id
    until(lambda: runs(site, 1) == 1)

    told = tell(site, internal(NAME, "label_added", {"name": "ADVNO"}), 1)
    assert told.stopped == ("psd",)
    assert not in_queue(first)
    assert statuses(site.ledger, NAME) == {"psd": "stopped"}
    with pytest.raises(NoWork):
        build(site, NAME, "psd")

    assert tell(site, internal(NAME, "label_removed", {"name": "ADVNO"}), 2).revision is not None
    build(site, NAME, "psd")
    second = submit(site, NAME, "psd").job_id
    until(lambda: runs(site, 2) == 1)
    assert (runs(site, 1), in_queue(second)) == (1, True)

    assert tell(site, notice(NAME, "retraction", minute(3)), 3).stopped == ("psd",)
    assert not in_queue(second)

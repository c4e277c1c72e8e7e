"""A job that asimov has submitted is watched by gwfollow after the move, on a real HTCondor."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from gwfollow.errors import PipelineError
from gwfollow.ledger.schema import Job
from gwfollow.ledger.store import Ledger, find_analysis
from gwfollow.life import Site
from gwfollow.life.wait import Verdict, settle
from gwfollow.moving.arrive import arrive
from gwfollow.moving.asimov_ledger import read
from gwfollow.moving.translate import translate
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.htcondor import HTCondor
from gwfollow.settings import Settings

pytestmark = [pytest.mark.system, pytest.mark.slow]

LEDGER = """
asimov: {{version: 0.8.0}}
project: {{name: moving}}
events:
- name: GW1
  working directory: working/GW1
  productions:
  - runs: {{pipeline: bilby, status: running, rundir: working/GW1/runs, scheduler: {{job id: {job}}}}}
"""


def submitted(folder: Path, env: dict[str, str]) -> int:
    """The id of a job without any key of ours, as asimov's is."""
    (folder / "job.sub").write_text("executable = /bin/sleep\narguments = 600\nrequest_memory = 64\nlog = job.log\nqueue\n")
    done = subprocess.run(["condor_submit", "-terse", "job.sub"], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return int(done.stdout.split(".")[0])


def test_it_gets_our_key_and_is_followed_to_its_end(pool: PersonalPool, sqlite_url: str, tmp_path: Path) -> None:
    rundir = tmp_path / "project" / "working" / "GW1" / "runs"
    rundir.mkdir(parents=True)
    job = submitted(rundir, dict(os.environ))
    (tmp_path / "project" / "ledger.yml").write_text(LEDGER.format(job=job))
    condor = HTCondor()
    ledger = Ledger.open(sqlite_url)
    site = Site(ledger, Settings(home=str(tmp_path / "home")), "test", scheduler_for=lambda name, settings: condor)
    try:
        assert condor.query([f"{job}.0"])[f"{job}.0"].state.name == "UNKNOWN", "without a key it is not ours"
        arrive(site, translate(read(str(tmp_path / "project" / "ledger.yml"))))
        with ledger.read() as session:
            assert find_analysis(session, "GW1", "runs").status == "running"
            row = session.scalars(select(Job)).one()
            assert (row.key, row.job_id, row.adopted) == ("GW1/runs/1", f"{job}.0", True)
        assert condor.find("GW1/runs/1") == [f"{job}.0"]
        assert settle(site, "GW1", "runs").verdict is Verdict.WAIT
        condor.remove(f"{job}.0", "the test is over")
        end = time.monotonic() + 60
        while not condor.query([f"{job}.0"])[f"{job}.0"].state.ended:
            assert time.monotonic() < end
            time.sleep(0.2)
        with pytest.raises(PipelineError, match=r"its job was removed: .*the test is over"):
            settle(site, "GW1", "runs")
        assert not condor.claim(f"{job}.0", "GW1/runs/2"), "it is gone from the queue"
    finally:
        condor.remove(f"{job}.0", "the test is over")
        condor.close()
        ledger.close()

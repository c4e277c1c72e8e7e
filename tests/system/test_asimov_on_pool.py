"""Plugins of asimov on a real HTCondor: what they hand over runs once, under our key, and its end is seen by the plugin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alone import EVENT, folder_of, follow, row

from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.base import JobState
from gwfollow.settings import Settings

pytestmark = [pytest.mark.system, pytest.mark.slow]

BLUEPRINTS = f"""
kind: event
name: {EVENT}
event time: 1126259462.4
interferometers: [H1, L1]
data:
  segment length: 4
  channels: {{H1: 'H1:TEST', L1: 'L1:TEST'}}
  frame types: {{H1: H1_T, L1: L1_T}}
  data files: {{H1: FOLDER/H1.gwf, L1: FOLDER/L1.gwf}}
psds: {{H1: FOLDER/H1.dat, L1: FOLDER/L1.dat}}
likelihood: {{sample rate: 2048, psd length: 4, minimum frequency: {{H1: 20, L1: 20}}, maximum frequency: {{H1: 448, L1: 448}}}}
waveform: {{approximant: IMRPhenomD, reference frequency: 20}}
priors:
  chirp mass: {{type: Uniform, minimum: 20, maximum: 45}}
scheduler: {{accounting group: local.sim.test.pe, request memory: 64, request disk: 10}}
---
kind: analysis
name: simple
pipeline: simpletestpipeline
event: {EVENT}
---
kind: analysis
name: pe
pipeline: asimov:bilby
event: {EVENT}
"""


@pytest.fixture
def site(pool: PersonalPool, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    peers = checkout / ".venv-peers"
    if not (peers / "installed").is_file():
        pytest.skip("no .venv-peers: scripts/peers.sh makes it")
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(peers / "bin" / "python"))
    for name in ("H1.gwf", "L1.gwf", "H1.dat", "L1.dat"):
        (tmp_path / name).write_text("20.0 1e-46\n21.0 1e-46\n")
    settings = Settings(home=str(tmp_path), scheduler="htcondor", poll_seconds="1")
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINTS.replace("FOLDER", str(tmp_path)), "test.yaml").blueprints)
    yield Site(ledger, settings, who="test")
    ledger.close()


def test_asimovs_own_test_pipeline_runs_from_build_to_publish(site: Site) -> None:
    build(site, EVENT, "simple")
    first, second = submit(site, EVENT, "simple"), submit(site, EVENT, "simple")
    assert first.job_id == second.job_id
    assert site.scheduler("htcondor").find(first.key) == [first.job_id]
    assert asyncio.run(follow(site, "simple")).verdict is Verdict.DONE
    collected = collect(site, EVENT, "simple")
    result = Path(collected.assets["results"][""]["path"])
    assert result == folder_of(site, "simple") / "simple" / "results.dat"
    assert "test_parameter: 1.0" in result.read_text()
    assert process(site, EVENT, "simple") is None
    publish(site, EVENT, "simple")
    assert row(site, "simple").status == "uploaded"


def test_bilbys_own_plugin_builds_with_bilby_pipe_and_the_pool_takes_its_dag(site: Site) -> None:
    built = build(site, EVENT, "pe")
    assert built.folder == folder_of(site, "pe")
    dag = built.folder / "pe" / "submit" / "dag_pe.submit"
    assert "JOB pe_data0" in dag.read_text()
    submitted = submit(site, EVENT, "pe")
    assert submitted.key == f"{EVENT}/pe/1"
    scheduler = site.scheduler("htcondor")
    assert scheduler.find(submitted.key) == [submitted.job_id]
    end = time.monotonic() + 120  # until DAGMan has read it
    while not (status := scheduler.query([submitted.job_id])[submitted.job_id]).nodes_total:
        assert time.monotonic() < end, status
        time.sleep(0.5)
    assert status.state is JobState.RUNNING
    assert status.nodes_total == dag.read_text().count("\nJOB ") + dag.read_text().startswith("JOB ")
    assert row(site, "pe").status == "running"
    site.ledger.run(lambda change: change.set_status(change.analysis(EVENT, "pe"), "stop"), who="test")
    assert stop(site, EVENT, "pe")
    assert row(site, "pe").status == "stopped"

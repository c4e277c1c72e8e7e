"""psd, bilby and pesummary of the demonstration, built by our classes and run: the DAG on a real HTCondor, with the real GW150914.

About four minutes on two cores.  ``gwfollow`` itself is not asked: what is tested is that the pipelines' own parts fit together.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.ledger.merge import deep_merge
from gwfollow.life.site import resources_of
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Assets, Dag, NeededAnalysis, Pipeline, Task
from gwfollow.pipelines.bilby import Bilby
from gwfollow.results.posterior import read_runs
from gwfollow.sandbox.strain import Strain, from_gwosc
from gwfollow.schedulers.base import JobState, JobStatus, Work

#: few live points, short walks and an early stop, for runs whose samples do not matter
FAST = {"sampler": {"sampler kwargs": {"nlive": 50, "naccept": 1, "dlogz": 60, "print_method": "interval-0.2"}}}

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(1500)]


class Chain:
    """The demonstration's blueprints, one analysis after the other."""

    def __init__(self, folder: Path, configs: Path, strain: Strain) -> None:
        self.folder, self.configs, self.strain = folder, configs, strain
        self.defaults = yaml.safe_load((configs / "blueprints" / "demo-defaults.yaml").read_text())
        self.event = {
            "interferometers": list(strain.detectors),
            "event time": strain.gps,
            "data": {"channels": strain.channels, "data files": strain.files},
        }
        analyses = yaml.safe_load_all((configs / "blueprints" / "demo-analyses.yaml").read_text())
        self.analyses: dict[str, Mapping[str, Any]] = {analysis["name"]: analysis for analysis in analyses}
        self.made: dict[str, Assets] = {}

    def pipeline(self, name: str, changes: Mapping[str, Any] | None = None) -> Pipeline:
        analysis = self.analyses[name]
        defaults = {key: value for key, value in self.defaults.items() if key != "pipelines"}
        document = deep_merge(
            defaults,
            self.defaults["pipelines"][analysis["pipeline"]],
            self.event,
            analysis,
            {"scheduler": {"name": "htcondor"}},
            changes or {},
        )
        folder = self.folder / name
        folder.mkdir(parents=True)
        task = Task(
            event="GW150914",
            gps=self.strain.gps,
            graceid=None,
            interferometers=self.strain.detectors,
            analysis=name,
            pipeline=analysis["pipeline"],
            document=document,
            attempt=1,
            folder=folder,
            configs=self.configs,
            needed=tuple(NeededAnalysis(other, other, {}, self.made[other]) for other in analysis.get("needs", ())),
            resources=resources_of(document["scheduler"]),
        )
        return registry.find(task.pipeline)(task)

    def build(self, name: str, changes: Mapping[str, Any] | None = None) -> tuple[Pipeline, Work]:
        pipeline = self.pipeline(name, changes)
        pipeline.before_config()
        pipeline.before_build()
        pipeline.build_dag()
        pipeline.before_submit()
        return pipeline, pipeline.submit_dag()

    def run(self, name: str, changes: Mapping[str, Any] | None = None) -> Pipeline:
        pipeline, work = self.build(name, changes)
        assert not pipeline.detect_completion()
        run(work)
        assert pipeline.detect_completion(), pipeline.failure_reason(JobStatus(JobState.COMPLETED, exit_code=0))
        self.made[name] = pipeline.collect_assets()
        return pipeline


def run(work: Work) -> int:
    """Run to the end: a DAG on the pool, a job right here; its exit code."""
    if isinstance(work, Dag):
        return run_dag(work)
    environment = {**os.environ, **work.resources.environment}
    with (work.folder / f"{work.name}.out").open("w") as out, (work.folder / f"{work.name}.err").open("w") as err:
        return subprocess.run(
            [work.executable, *work.arguments], cwd=work.folder, stdout=out, stderr=err, env=environment
        ).returncode


def run_dag(dag: Dag) -> int:
    log = Path(f"{dag.file}.dagman.out")
    before = log.stat().st_size if log.exists() else 0
    subprocess.run(["condor_submit_dag", "-update_submit", str(dag.file)], cwd=dag.folder, check=True, capture_output=True)
    while True:
        time.sleep(1)
        new = log.read_text(errors="replace")[before:] if log.exists() else ""
        if "EXITING WITH STATUS" in new:
            return int(new.rpartition("EXITING WITH STATUS")[2].split()[0])


def begun(folder: Path, checkout: Path, shared: Path) -> Chain:
    strain = from_gwosc(shared / "data" / "strain", frames=folder / "strain")
    return Chain(folder / "GW150914", checkout / "include" / "configs", strain)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory, checkout: Path, shared: Path) -> Assets:
    """What the psd job makes of the strain: the same for each of the tests."""
    first = begun(tmp_path_factory.mktemp("noise"), checkout, shared)
    first.run("psd")
    return first.made["psd"]


@pytest.fixture
def chain(tmp_path: Path, checkout: Path, shared: Path, noise: Assets) -> Chain:
    found = begun(tmp_path, checkout, shared)
    found.made["psd"] = noise
    return found


def test_gw150914_comes_out_as_published(chain: Chain, pool: Any) -> None:
    """Chirp mass in the detector frame: published 31.2 solar masses."""
    # fewer live points than the demonstration has: the median moves by a small part of the interval, and the run takes half the time
    bilby = chain.run("bilby", {"sampler": {"sampler kwargs": {"nlive": 50}}})
    assert isinstance(bilby, Bilby)
    (result,) = bilby.results()
    median, low, high = result.parameters["chirp_mass"]
    assert 30 < median < 32.5
    assert 1 < high - low < 5
    _, (run,) = read_runs(result.path)
    assert run.evidence["ln_bayes_factor"] > 250
    assert bilby.check_progress().values["iterations"] > 1000
    pages = chain.run("pesummary")
    assert pages.collect_assets()["pages"][""].path.name == "home.html"


def test_a_dag_whose_data_vanished_says_so_and_goes_on_when_it_is_back(chain: Chain, pool: Any) -> None:
    bilby, work = chain.build("bilby", FAST)
    assert isinstance(bilby, Bilby)
    assert isinstance(work, Dag)
    once_only(work)
    strain = Path(chain.strain.files["H1"])
    away = strain.rename(strain.with_suffix(".away"))
    assert run(work) == 1
    failed = JobStatus(JobState.COMPLETED, exit_code=1)
    assert "(run/log_data_generation/" in bilby.failure_reason(failed)
    assert len(bilby.rescue_files()) == 1
    assert Bilby(replace(bilby.task, rescues=5)).resurrect(failed) is None
    away.rename(strain)
    again = bilby.resurrect(failed)
    assert again == work
    assert run(again) == 0
    assert bilby.detect_completion()


def once_only(dag: Dag) -> None:
    """A node that fails is not tried again: bilby_pipe's three more tries at the generation of data fail alike."""
    path = dag.folder / dag.file
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.upper().startswith("RETRY ")]
    assert len(kept) < len(lines)
    path.write_text("\n".join(kept) + "\n")


def test_without_htcondor_the_script_samples_in_one_job(chain: Chain) -> None:
    bilby, work = chain.build("bilby", {"scheduler": {"name": "local"}, **FAST})
    assert not isinstance(work, Dag)
    assert run(work) == 0
    assert bilby.detect_completion()
    assert bilby.check_progress().values["iterations"] > 10
    assert any(path.name == "bilby.err" for path in bilby.collect_logs())

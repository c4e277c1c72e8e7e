"""RIFT: what util_RIFT_pseudo_pipe.py really builds from our configuration, and that a pool takes it."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stand_in import stand_in

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import rift_priors
from gwfollow.pipelines.base import AssetFile, Dag, NeededAnalysis
from gwfollow.pipelines.coinc import write_coinc
from gwfollow.pipelines.rift import RIFT, read_table
from gwfollow.sandbox.strain import from_gwosc
from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.schedulers.htcondor import HTCondor

FAILED = JobStatus(JobState.COMPLETED, exit_code=1)
#: the likelihood on CPUs, few points
SMALL = {
    "likelihood": {"assume": ["no spin"], "roll off time": 0.4},
    "waveform": {"maximum mode": 2},
    "sampler": {
        "ile": {"n eff": 5, "force gpu": False},
        "cip": {"explode jobs": 1, "explode jobs auto": False},
        "n output samples": 500,
        "n output samples last": 500,
        "initial grid size": 20,
    },
}


@pytest.fixture
def rift(make_task: Any, document: dict[str, Any]) -> Callable[..., RIFT]:
    """``rift(changes, **fields)``: the pipeline for a document without bilby's sampler."""
    document["sampler"] = {}
    return lambda changes=None, **fields: RIFT(make_task(changes, pipeline="rift", **fields))


def test_the_configuration_has_what_the_document_says(rift: Any) -> None:
    pipeline = rift(
        {
            **SMALL,
            "priors": {
                "mass 1": {"minimum": 1, "maximum": 1000},
                "spin 1": {"maximum": 0.8},
                "spin 2": {"maximum": 0.7},
                "luminosity distance": {"type": "bilby.gw.prior.UniformSourceFrame"},
            },
            "scheduler": {"request memory": "2 GB", "additional files": []},
        }
    )
    pipeline.before_config(dryrun=True)
    pipeline.build_dag(dryrun=True)
    assert [path.name for path in pipeline.task.folder.iterdir()] == ["rift.ini"]
    ini = pipeline.read_ini(pipeline.ini)
    assert ini["lalinference"] == {"flow": {"H1": 20, "L1": 20}, "fhigh": {"H1": 448, "L1": 448}}
    assert ini["data"]["channels"] == {"H1": "H1:TEST", "L1": "L1:TEST"}
    engine = ini["engine"]
    assert (engine["approx"], engine["seglen"], engine["srate"], engine["fref"]) == ("IMRPhenomD", 4, 2048, 20)
    assert (engine["chirpmass-min"], engine["chirpmass-max"], engine["q-min"], engine["q-max"]) == (20, 45, 0.3, 1)
    assert engine["H1-psd"] == f"{pipeline.run}/H1-psd.xml.gz"
    options = ini["rift-pseudo-pipe"]
    assert options["approx"] == "IMRPhenomD"
    assert options["event-time"] == 1126259462.4
    assert ast.literal_eval(options["force-mc-range"]) == [20, 45]
    assert (options["l-max"], options["ile-n-eff"], options["cip-explode-jobs"], options["force-initial-grid-size"]) == (
        2,
        5,
        1,
        20,
    )
    assert (options["ile-no-gpu"], options["assume-nospin"]) == (True, True)
    assert (options["force-chi-max"], options["force-chi-small-max"], options["force-comp-max"]) == (0.8, 0.7, 1000)
    assert options["ile-distance-prior"] == "cosmo_sourceframe"
    assert options["internal-ile-data-tukey-window-time"] == 0.4
    assert options["accounting_group"] == "local.sim.test.pe"


def test_the_likelihood_runs_on_gpus_unless_the_document_says_otherwise(rift: Any) -> None:
    assert "--ile-force-gpu" in rift().arguments()
    assert "--ile-force-gpu" not in rift(SMALL).arguments()


def test_options_for_the_command_line_are_asimovs(rift: Any) -> None:
    pipeline = rift({"scheduler": {"pipeline": {"assume-highq": True, "online": "False", "l-max": 3}}})
    assert pipeline.arguments()[-2:] == ["--assume-highq", "--l-max=3"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"priors": {"chirp mass": None}}, r"priors\.chirp mass.*RIFT lays its grid"),
        ({"priors": {"luminosity distance": {"type": "Gaussian"}}}, r"priors\.luminosity distance\.type"),
        ({"priors": {"luminosity distance": {"alpha": 3}}}, "found 'PowerLaw with alpha 3'"),
        ({"sampler": {"ile": {"n-eff": 5}}}, r"sampler\.ile\.n-eff: found 5, expected one of the keys n eff, copies"),
        ({"sampler": {"cip": {"fitting method": "rf'); import os"}}}, r"sampler\.cip\.fitting method"),
        ({"sampler": {"ile": {"manual extra args": ["--a; rm -rf ~"]}}}, r"sampler\.ile\.manual extra args"),
        ({"sampler": {"ile": {"condor commands": {"executable": "x"}}}}, r"sampler\.ile\.condor commands\.executable"),
        ({"sampler": {"n output samples": "many"}}, r"sampler\.n output samples"),
        ({"likelihood": {"assume": ["flat earth"]}}, r"likelihood\.assume: found 'flat earth'"),
        ({"scheduler": {"pipeline": {"l-max": "2; reboot"}}}, r"scheduler\.pipeline\.l-max"),
        ({"coinc file": "/no/coinc.xml"}, "coinc file"),
        ({"data": {"calibration version": "$(id)"}}, r"data\.calibration version"),
        ({"scheduler": {"name": "local"}}, r"scheduler\.name.*only HTCondor"),
    ],
)
def test_a_bad_document_is_refused_before_any_process_starts(rift: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        rift(changes).before_config()


def test_an_option_that_rift_does_not_know_is_told(rift: Any, peers: Path) -> None:
    pipeline = rift({**SMALL, "environment": str(peers), "scheduler": {"pipeline": {"use-crystal-ball": True}}})
    pipeline.before_config()
    with pytest.raises(
        InputError, match=r"pipeline rift: found 'use-crystal-ball', expected options that .*util_RIFT_pseudo_pipe"
    ):
        pipeline.before_build()


def test_steps_that_failed_behind_exit_code_0_are_told(rift: Any, tmp_path: Path) -> None:
    """The builder is a stand-in: RIFT ends with 0 where its helper failed, and says nothing when all is well."""
    environment = stand_in(tmp_path, "util_RIFT_pseudo_pipe.py", "mkdir run; echo helper: command not found")
    stand_in(tmp_path, "convert_psd_ascii2xml", "touch $5-psd.xml.gz")
    pipeline = rift({"environment": str(environment)})
    with pytest.raises(PipelineError, match=r"wrote no args_ile\.txt: one of its steps failed; see .*build\.log"):
        pipeline.build_dag()
    stand_in(tmp_path, "convert_psd_ascii2xml", "exit 0")
    (pipeline.task.folder / "H1-psd.xml.gz").unlink()
    with pytest.raises(PipelineError, match=r"convert_psd_ascii2xml wrote no H1-psd\.xml\.gz; see .*psd-H1\.log"):
        pipeline.build_dag()


@pytest.mark.slow
@pytest.mark.system
def test_rift_builds_a_dag_that_a_real_pool_runs(rift: Any, peers: Path, shared: Path, pool: Any, tmp_path: Path) -> None:
    strain = from_gwosc(shared / "data" / "strain", frames=tmp_path / "strain")
    data = {"data files": strain.files, "channels": strain.channels}
    pipeline = rift({**SMALL, "data": data, "environment": str(peers), "scheduler": {"request disk": "64 MB"}})
    for hook in (pipeline.before_config, pipeline.before_build):
        hook()
    inputs = pipeline.build_dag()
    assert {"psd H1", "psd L1", "strain H1 0", "strain L1 0", "coinc", "template", "config"} == set(inputs)
    dag = pipeline.check_dag()
    assert len(dag.nodes) > 100
    for file in set(dag.jobs.values()):
        lines = file.read_text().splitlines()
        assert "accounting_group = local.sim.test.pe" in lines
        assert "request_disk = 1024MB" in lines
        assert not any("getenv = *" in line for line in lines)
    likelihood = (pipeline.run / "ILE.sub").read_text()
    for said in (
        "--approx IMRPhenomD",
        "--l-max 2",
        "--n-eff 5",
        "--fmax 448",
        "--channel-name H1=GWOSC-STRAIN",
        "--reference-freq 20",
    ):
        assert said in likelihood
    assert pipeline.failure_reason(FAILED).startswith(f"{pipeline.samples} is empty or not there")
    pipeline.before_submit()
    work = pipeline.submit_dag()
    assert isinstance(work, Dag)
    condor = HTCondor()
    job = condor.submit(work, "GW150914/rift/1").job_id
    try:
        condor.start(job)
        deadline = time.monotonic() + 200
        while not any("Job executing" in path.read_text() for path in pipeline.run.glob("iteration_0_ile/logs/ILE-*.log")):
            assert not condor.query([job])[job].state.ended, pipeline.failure_reason(FAILED)
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert pipeline.check_progress().values["nodes_total"] == len(dag.nodes)
    finally:
        condor.remove(job, "the test has seen enough")
    while not (status := condor.query([job], {job: pipeline.task.folder})[job]).state.ended:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    condor.close()
    assert status.state is JobState.REMOVED
    assert pipeline.rescue_files()
    assert pipeline.resurrect(status) == work


def test_psds_in_ligo_lw_are_taken_from_what_is_needed(rift: Any, tmp_path: Path, make_task: Any) -> None:
    files = {ifo: tmp_path / f"{ifo}.xml.gz" for ifo in ("H1", "L1")}
    for path in files.values():
        path.write_bytes(b"xml")
    maker = NeededAnalysis("bw", "bayeswave", {}, {"xml psds": {ifo: AssetFile(path) for ifo, path in files.items()}})
    assert rift(needed=(maker,)).read_files()["psd H1"] == files["H1"]
    with pytest.raises(InputError, match="psds of H1 and L1"):
        rift(needed=()).before_config()


def test_a_coincidence_is_made_from_the_priors_where_no_search_gave_one(rift: Any, tmp_path: Path) -> None:
    heavier, lighter = rift_priors.masses(rift().task)
    assert (heavier * lighter) ** 0.6 / (heavier + lighter) ** 0.2 == pytest.approx(32.5)
    assert lighter / heavier == pytest.approx(0.65)
    text = write_coinc(tmp_path / "coinc.xml", ("H1", "L1"), 1126259462.4, heavier, lighter, 24, 4).read_text()
    assert '0,"H1",1126259462,400000095,' in text
    given = tmp_path / "given.xml"
    given.write_text("<LIGO_LW/>")
    assert rift({"coinc file": str(given)}).read_files()["coinc"] == given
    beside = rift().task.folder.parents[1] / "coinc.xml"
    beside.write_text("<LIGO_LW/>")
    assert rift().read_files()["coinc"] == beside


HEAD = "# m1 m2 a1x mc lnL p\n"


def test_samples_count_when_they_are_whole(rift: Any) -> None:
    pipeline = rift()
    pipeline.run.mkdir()
    assert not pipeline.detect_completion()
    pipeline.samples.touch()  # HTCondor makes it when the job that writes it starts
    assert not pipeline.detect_completion()
    pipeline.samples.write_text(HEAD + "36 29 0 28.1 300.1 1\n35 30 0 28.2 301.0 1\n")
    assert pipeline.detect_completion()
    (pipeline.run / "all.net").write_text("1 2 3\n")
    pipeline.ini.write_text("[a]\n")
    assert set(pipeline.collect_assets()) == {"samples", "lnL_marg", "samples_raw", "config"}
    reweighted = rift({"sampler": {"likelihood": {"calibration": {"sample": True, "bilby ini file": str(pipeline.ini)}}}})
    assert not reweighted.detect_completion()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD, "is empty"),
        ("1 2 3\n", "has no column m1 and m2 and lnL"),
        (HEAD + "36 29 0 28.1 300.1 1\n35 30 0", "line 3 is cut off: 3 of 6 columns"),
        (HEAD + f"36 29 0 28.1 {math.nan} 1\n", "line 2: lnL is nan"),
    ],
)
def test_a_table_that_is_not_whole_is_told_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.dat"
    path.write_text(text)
    with pytest.raises(PipelineError, match=reason):
        read_table(path, ("m1", "m2", "lnL"))


def test_without_a_rescue_file_it_begins_again_only_where_nothing_is_done(rift: Any) -> None:
    pipeline = rift()
    pipeline.run.mkdir()
    (pipeline.run / "overlap-grid-0.xml.gz").write_text("grid")
    assert pipeline.resurrect(FAILED) == pipeline.submit_dag()
    (pipeline.run / "overlap-grid-1.xml.gz").write_text("grid")
    assert pipeline.iterations_done() == 1
    assert pipeline.resurrect(FAILED) is None
    Path(f"{pipeline.dag}.rescue001").write_text("DONE a\n")
    assert pipeline.resurrect(FAILED) == pipeline.submit_dag()
    assert rift(rescues=5).resurrect(FAILED) is None

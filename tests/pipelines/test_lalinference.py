"""lalinference: what lalinference_pipe really builds from our configuration, and what its jobs really sample."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stand_in import stand_in

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import lal_inputs
from gwfollow.pipelines.base import AssetFile, Dag, NeededAnalysis
from gwfollow.pipelines.lalinference import LALInference
from gwfollow.sandbox.strain import from_gwosc
from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.schedulers.htcondor import HTCondor

FAILED = JobStatus(JobState.COMPLETED, exit_code=1)
#: few live points and an early stop; no pages and no sky map, which want more samples than that
QUICK = {
    "nparallel": 1,
    "lalinference": {"pages": False, "skymap": False},
    "sampler": {"nlive": 16, "tolerance": 20, "sampler kwargs": {"disable-spin": True, "nmcmc": 10, "sampler": None}},
}


@pytest.fixture
def lalinference(make_task: Any, document: dict[str, Any]) -> Callable[..., LALInference]:
    """``lalinference(changes, **fields)``: the pipeline for a document without bilby's sampler."""
    document["sampler"] = {}

    def make(changes: dict[str, Any] | None = None, **fields: Any) -> LALInference:
        return LALInference(make_task(changes, pipeline="lalinference", **fields))

    return make


def test_the_configuration_has_what_the_document_says(lalinference: Any, psd_files: dict[str, Path]) -> None:
    pipeline = lalinference(
        {
            **QUICK,
            "priors": {
                "mass 1": {"minimum": 1, "maximum": 1000, "type": "Constraint"},
                "luminosity distance": {"type": "bilby.gw.prior.UniformSourceFrame"},
                "spin 1": {"maximum": 0.8},
                "amplitude order": 1,
                "geocentric time": {"width": 0.1},
            },
            "likelihood": {"segment start": 1126259459.4},
        }
    )
    pipeline.before_config(dryrun=True)
    pipeline.build_dag(dryrun=True)
    assert [path.name for path in pipeline.task.folder.iterdir()] == ["lalinference.ini"]
    ini = pipeline.read_ini(pipeline.ini)
    assert ini["analysis"]["ifos"] == ["H1", "L1"]
    assert ini["analysis"]["nparallel"] == 1
    assert ini["condor"]["accounting_group"] == "local.sim.test.pe"
    assert ini["condor"]["resultspage"] == "/bin/true"
    assert ini["lalinference"]["flow"] == {"H1": 20, "L1": 20}
    assert ini["lalinference"]["fhigh"] == {"H1": 448, "L1": 448}
    engine = ini["engine"]
    assert engine["approx"] == "IMRPhenomD"
    assert (engine["seglen"], engine["srate"], engine["fref"]) == (4, 2048, 20)
    assert (engine["chirpmass-min"], engine["chirpmass-max"], engine["q-min"]) == (20, 45, 0.3)
    assert (engine["comp-min"], engine["comp-max"]) == (1, 1000)
    assert (engine["distance-min"], engine["distance-max"], engine["distance-prior-comoving-volume"]) == (100, 1500, "")
    assert (engine["a_spin1-max"], engine["amporder"], engine["dt"]) == (0.8, 1, 0.1)
    assert (engine["nlive"], engine["nmcmc"], engine["disable-spin"], engine["tolerance"]) == (16, 10, "", 20)
    assert engine["segment-start"] == 1126259459.4
    assert engine["H1-psd"] == str(psd_files["H1"])
    assert "sampler" not in engine


def test_a_prior_that_lalinference_has_not_is_told_in_the_configuration(lalinference: Any) -> None:
    pipeline = lalinference({"priors": {"chirp mass": {"type": "Uniform"}}})
    pipeline.build_dag(dryrun=True)
    assert "# NOTE: the prior of chirp mass is not Uniform here: lalinference has Constraint or UniformInComponents" in (
        pipeline.ini.read_text()
    )


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"engine": "guess"}, "engine: found 'guess', expected one of lalinferencenest"),
        ({"priors": {"chirp mass": None, "mass ratio": None}}, "priors.*bounds of the masses"),
        ({"priors": {"luminosity distance": {"maximum": None}}}, "priors.*luminosity distance"),
        ({"priors": {"height": {"maximum": 2}}}, "priors.height.*lalinference takes no others"),
        ({"sampler": {"nlive": 0}}, "sampler.nlive: found 0, expected a whole number"),
        ({"sampler": {"sampler kwargs": {"n live": 3}}}, "sampler.sampler kwargs.n live"),
        ({"sampler": {"sampler kwargs": {"nmcmc": "3 --sampleprior"}}}, "sampler.sampler kwargs.nmcmc"),
        ({"lalinference": {"pages": "no"}}, "lalinference.pages: found 'no', expected true or false"),
        ({"waveform": {"approximant": "A,B"}}, "waveform.approximant"),
        ({"scheduler": {"name": "local"}}, "scheduler.name: found 'local', expected htcondor: lalinference_pipe makes a DAG"),
        ({"environment": "/tmp/50%"}, "environment"),
    ],
)
def test_a_bad_document_is_refused_before_any_process_starts(lalinference: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        lalinference(changes).before_config()


def test_an_environment_that_cannot_do_the_jobs_is_told_before_the_build(lalinference: Any, tmp_path: Path) -> None:
    environment = stand_in(tmp_path, "lalinference_pipe", "exit 0")
    pipeline = lalinference({"environment": str(environment)})
    with pytest.raises(InputError, match="an environment with lalinference_nest, lalinference_nest2pos, cbcBayesPostProc"):
        pipeline.before_build()
    for name in ("lalinference_nest", "lalinference_nest2pos", "cbcBayesPostProc", "ligo-skymap-from-samples"):
        stand_in(tmp_path, name, "exit 0")
    pipeline.before_build()
    packages = environment / "lib" / "python3.11" / "site-packages"
    (packages / "numpy-2.3.1.dist-info").mkdir(parents=True)
    (packages / "lalinference").mkdir()
    (packages / "lalinference" / "nest2pos.py").write_text("log_vols_end[-1]=np.NINF\n")
    with pytest.raises(InputError, match="cannot merge samples with NumPy 2"):
        pipeline.before_build()


@pytest.mark.slow
def test_lalinference_pipe_builds_a_dag_of_dags(lalinference: Any, peers: Path) -> None:
    pipeline = lalinference({**QUICK, "environment": str(peers), "scheduler": {"request memory": "2000 MB"}})
    pipeline.before_config()
    pipeline.before_build()
    inputs = pipeline.build_dag()
    assert {"psd H1", "psd L1", "strain H1 0", "strain L1 0", "template", "config"} == set(inputs)
    assert all(path.is_file() for path in inputs.values())
    pipeline.before_submit()
    work = pipeline.submit_dag()
    assert isinstance(work, Dag)
    assert work.file == pipeline.run / "multidag.dag"
    assert len(pipeline.dags()) == 2
    (engine,) = [path for path in pipeline.run.glob("engine_*.sub") if path.name in {"engine_H1L1.sub", "engine_L1H1.sub"}]
    lines = engine.read_text().splitlines()
    assert f"executable = {peers}/bin/lalinference_nest" in lines
    assert "accounting_group = local.sim.test.pe" in lines
    assert "request_disk = 1024MB" in lines
    # what lalinference_pipe's own parser read is what we wrote
    ours, its = pipeline.read_ini(pipeline.ini), lal_inputs.read_ini(pipeline.complete_ini)
    for section, options in ours.items():
        assert {name: its[section][name] for name in options} == options
    assert not pipeline.detect_completion()
    assert pipeline.check_progress().text == "DAGMan starts"
    assert pipeline.failure_reason(FAILED).startswith(f"no samples in {pipeline.run}")


def test_a_builder_that_found_no_data_is_told_in_its_words(lalinference: Any, tmp_path: Path) -> None:
    """The builder is a stand-in: what is tested is how gwfollow takes its words, which are the real one's."""
    script = "echo 'No data found for time 1.0 - 5.0, skipping'; echo Successfully created DAG file."
    pipeline = lalinference({"environment": str(stand_in(tmp_path, "lalinference_pipe", script))})
    with pytest.raises(PipelineError, match=r"lalinference_pipe: No data found for time 1\.0 - 5\.0, skipping; see"):
        pipeline.build_dag()


def write_samples(path: Path, size: int = 5, **columns: Any) -> Path:
    """A file of merged samples in lalinference's layout."""
    import h5py
    import numpy

    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"logL": 1.0, "mc": 31.0, **columns}
    table = numpy.zeros(size, dtype=[(name, float) for name in values])
    for name, value in values.items():
        table[name] = value
    with h5py.File(path, "w") as file:
        file["lalinference/lalinference_nest/posterior_samples"] = table
    return path


def test_samples_count_when_they_are_whole(lalinference: Any) -> None:
    pipeline = lalinference()
    path = pipeline.run / "posterior_samples" / "posterior_H1L1_1126259462.4-0.hdf5"
    whole = write_samples(path).read_bytes()
    assert pipeline.detect_completion()
    assert pipeline.collect_assets()["samples"] == {"": AssetFile(path)}
    other = write_samples(path.with_name("posterior_H1_1126259462.4-0.hdf5"))
    assert set(pipeline.collect_assets()["samples"]) == {path.stem, other.stem}
    other.write_bytes(b"")
    for bad in (whole[: len(whole) // 2], b""):
        path.write_bytes(bad)
        assert not pipeline.detect_completion()
    other.unlink()
    for size, columns, reason in ((0, {}, "is empty"), (3, {"mc": float("nan")}, "mc are not finite")):
        write_samples(path, size, **columns)
        with pytest.raises(PipelineError, match=reason):
            pipeline.check()


def test_progress_is_that_of_the_slowest_chain(lalinference: Any) -> None:
    pipeline = lalinference(QUICK)
    log = pipeline.run / "log" / "lalinference-3-0-.err"
    log.parent.mkdir(parents=True)
    line = "{}: accpt: 0.364 Nmcmc: 20 sub_accpt: 0.850 slpy: 70.0% H: 19.66 nats logL:-4750.8 ->-4747.8 logZ: -4771.6 "
    line += "deltalogLmax: 370.8 dZ: {} Zratio: 346.6\n"
    log.write_text(line.format(304, 20.3) + line.format(320, 22.5) + "320: acc")
    pipeline.dag.write_text(f"JOB a {pipeline.run}/a.sub\n")
    (pipeline.run / "a.sub").write_text("queue\n")
    Path(f"{pipeline.dag}.dagman.out").write_text("1 Done Pre Queued Post Ready Un-Ready Failed\n ===\n x 1 0 2 0 0 1 0\n")
    progress = pipeline.check_progress()
    assert progress.text == "1 of 4 nodes done; step 320, dZ 22.5 (stops at 20)"
    assert progress.fraction == pytest.approx(320 / (320 + 2.5 * 16))
    assert progress.values["logz"] == -4771.6


def test_the_logs_of_the_build_of_dagman_and_of_the_nodes_are_shown(lalinference: Any) -> None:
    pipeline = lalinference()
    log = pipeline.run / "log" / "merge-4-0.err"
    log.parent.mkdir(parents=True)
    pipeline.dag.write_text(f"JOB a {pipeline.run}/a.sub\n")
    (pipeline.run / "a.sub").write_text(f"error = {log}\nqueue\n")
    dagman = Path(f"{pipeline.dag}.dagman.out")
    for path in (pipeline.build_log, log, dagman):
        path.write_text("np.NINF was removed\n")
    assert set(pipeline.collect_logs()) == {pipeline.build_log, log, dagman}
    Path(f"{pipeline.dag}.rescue001").write_text("# Nodes that failed: 1\n#   a,<ENDLIST>\n")
    assert pipeline.failure_reason(FAILED) == "np.NINF was removed (run/log/merge-4-0.err); exit code 1"


def test_cleaning_names_checkpoints_and_no_samples(lalinference: Any) -> None:
    pipeline = lalinference()
    samples = write_samples(pipeline.run / "posterior_samples" / "posterior_x.hdf5")
    checkpoint = pipeline.run / "engine" / "lalinferencenest-0.hdf5_resume"
    checkpoint.parent.mkdir()
    checkpoint.write_text("state")
    named = list(pipeline.clean())
    assert checkpoint in named
    assert not any(samples.is_relative_to(path) for path in named)


@pytest.mark.slow
@pytest.mark.system
def test_lalinference_samples_gw150914_on_a_real_pool(
    lalinference: Any, peers: Path, shared: Path, pool: Any, tmp_path: Path
) -> None:
    """Real strain, a real DAG of DAGs; 16 live points say nothing on the source beyond its chirp mass' order."""
    strain = from_gwosc(shared / "data" / "strain", frames=tmp_path / "strain")
    document = {"data": {"data files": strain.files, "channels": strain.channels}, "environment": str(peers), **QUICK}
    document["likelihood"] = {"sample rate": 1024}
    document["priors"] = {"chirp mass": {"minimum": 28, "maximum": 34}, "mass ratio": {"minimum": 0.5}}
    pipeline = lalinference(document)
    task = replace(pipeline.task, needed=(welch(strain.files, tmp_path),))
    pipeline = LALInference(task)
    for hook in (pipeline.before_config, pipeline.before_build, pipeline.build_dag, pipeline.before_submit):
        hook()
    condor = HTCondor()
    key = "GW150914/lalinference/1"
    job = condor.submit(pipeline.submit_dag(), key).job_id
    condor.start(job)
    deadline = time.monotonic() + 240
    seen = []
    while not (status := condor.query([job], {job: task.folder})[job]).state.ended:
        assert status.state is not JobState.HELD, status.describe()
        assert time.monotonic() < deadline, pipeline.failure_reason(status)
        seen.append(pipeline.check_progress().text)
        time.sleep(0.5)
    condor.close()
    assert status.succeeded, pipeline.failure_reason(status)
    assert pipeline.detect_completion()
    assert any("dZ" in text for text in seen)
    from gwfollow.pipelines.lalinference_results import read_samples

    (samples,) = pipeline.collect_assets()["samples"].values()
    assert 28 < read_samples(samples.path)["mc"].mean() < 34


def welch(files: dict[str, str], folder: Path) -> NeededAnalysis:
    """An analysis that has made PSDs of these frames, by gwpy."""
    import numpy
    from gwpy.timeseries import TimeSeries

    found = {}
    for ifo, name in files.items():
        strain = TimeSeries.read(name, f"{ifo}:GWOSC-STRAIN", format="gwf")
        psd = strain.crop(1126259446, 1126259461).psd(4, 2, method="median", window="hann")
        found[ifo] = AssetFile(folder / f"{ifo}-welch.dat")
        numpy.savetxt(found[ifo].path, numpy.c_[psd.frequencies.value, psd.value])
    return NeededAnalysis("psd", "psd", {}, {"psds": found})

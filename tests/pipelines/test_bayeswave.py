"""bayeswave: our configuration and command line, and what is made of a run folder.

BayesWave is in no package index, and bayeswave_pipe 0.0.0 needs Python 3.8.  So the folder is recorded (see `recorded_bayeswave`), and
where a program called bayeswave_pipe runs it is a stand-in that tests how *gwfollow* takes a builder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_bayeswave import record
from stand_in import stand_in

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import bayeswave_inputs, bayeswave_results
from gwfollow.pipelines.base import Dag
from gwfollow.pipelines.bayeswave import BayesWave
from gwfollow.schedulers.base import JobState, JobStatus

FAILED = JobStatus(JobState.COMPLETED, exit_code=1)
SIGNAL = {"likelihood": {"components": {"signal": "wavelets"}}}
FULL = {"likelihood": {"components": {"signal": "wavelets", "glitch": "chirplets"}}}
COHERENCE = {"likelihood": {"coherence test": True}}


@pytest.fixture
def bayeswave(make_task: Any) -> Callable[..., BayesWave]:
    return lambda changes=None, **fields: BayesWave(make_task(changes, **{"pipeline": "bayeswave", "needed": (), **fields}))


def test_the_configuration_has_what_the_document_says(bayeswave: Any) -> None:
    pipeline = bayeswave(
        {
            "likelihood": {
                "iterations": 25000,
                "chains": 4,
                "threads": 2,
                "roll off time": 0.4,
                "window length": 4,
                "kwargs": {"x": 1},
            },
            "scheduler": {"request memory": 1024, "request post memory": "16 GB", "request disk": "128 MB"},
            "quality": {"state vector": {"H1": "H1:STATE"}},
        }
    )
    pipeline.before_config(dryrun=True)
    pipeline.build_dag(dryrun=True)
    assert [path.name for path in pipeline.task.folder.iterdir()] == ["bayeswave.ini"]
    ini = pipeline.read_ini(pipeline.ini)
    assert ini["input"] == {
        "dataseed": 1234,
        "seglen": 4,
        "window": 4,
        "flow": 20,
        "srate": 2048,
        "PSDlength": 4,
        "rolloff": 0.4,
        "ifo-list": ["H1", "L1"],
        "segment-start": pytest.approx(1126259460.4),
    }
    options = ini["bayeswave_options"]
    assert (options["Niter"], options["Nchain"], options["Nthreads"], options["x"]) == (25000, 4, 2, 1)
    assert options["cleanOnly"] == options["bayesLine"] == ""
    assert ini["datafind"]["channel-list"] == {"H1": "H1:TEST", "L1": "L1:TEST"}
    assert ini["datafind"]["cache-files"]["H1"] == str(pipeline.task.folder / "H1.cache")
    assert ini["condor"]["bayeswave-request-memory"] == "1024 MB"
    assert ini["condor"]["bayeswave_post-request-memory"] == "16384 MB"
    assert ini["condor"]["accounting-group"] == "local.sim.test.pe"
    assert "state vector of H1: H1:STATE" in pipeline.ini.read_text()


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ({}, ["--skip-datafind"]),
        ({"osg": True}, ["--skip-datafind", "--transfer-files", "--igwn-pool"]),
        ({"osg": True, "copy frames": True}, ["--skip-datafind", "--copy-frames", "--transfer-files"]),
    ],
)
def test_the_command_line_is_the_documented_one(bayeswave: Any, scheduler: dict[str, Any], expected: list[str]) -> None:
    pipeline = bayeswave({"scheduler": scheduler})
    run = str(pipeline.task.folder / "run")
    assert pipeline.arguments() == ["--trigger-time=1126259462.4", *expected, "-r", run, "bayeswave.ini"]


@pytest.mark.parametrize(
    ("likelihood", "mode", "flags"),
    [
        ({}, "psd", ("cleanOnly",)),
        ({"components": {"noise": {"lines": False}}}, "psd", ("cleanOnly",)),
        ({"components": {"signal": "wavelets"}}, "signal", ("signalOnly",)),
        ({"components": {"glitch": "chirplets"}}, "glitch", ("glitchOnly", "chirplets")),
        ({"components": {"signal": "wavelets", "glitch": "wavelets"}}, "full", ("fullOnly",)),
        ({"coherence test": True}, "coherence", ()),
    ],
)
def test_components_choose_the_models(bayeswave: Any, likelihood: dict[str, Any], mode: str, flags: tuple[str, ...]) -> None:
    models = bayeswave_inputs.models(bayeswave({"likelihood": likelihood}).task)
    assert (models.mode, models.flags) == (mode, flags)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"likelihood": {"components": {"signal": "cbc"}}}, r"likelihood\.components\.signal: found 'cbc', expected one of none"),
        ({"likelihood": {"components": {"noise": {"psd": "fixed"}}}}, r"likelihood\.components\.noise\.psd"),
        ({"likelihood": {"coherence test": True, "components": {"glitch": "none"}}}, r"likelihood\.coherence test"),
        ({"likelihood": {"kwargs": {"a b": 1}}}, r"likelihood\.kwargs\.a b"),
        ({"likelihood": {"kwargs": {"a": "1 --b"}}}, r"likelihood\.kwargs\.a"),
        ({"likelihood": {"iterations": 0.5}}, r"likelihood\.iterations"),
        ({"scheduler": {"request post memory": "much"}}, r"scheduler\.request post memory"),
        ({"quality": {"supress": {"V1": {"lower": 50, "upper": 49}}}}, r"quality\.supress\.V1"),
    ],
)
def test_a_bad_document_is_refused(bayeswave: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        bayeswave(changes).before_config()


DAG = (
    "mkdir run; cd run; for name in bayeswave bayeswave_post; do printf 'executable = /bin/true\\nqueue\\n' > $name.sub; done; "
    "printf 'JOB a bayeswave.sub\\nJOB b bayeswave_post.sub\\nPARENT a CHILD b\\n' > run.dag; "
)


def test_a_builders_faults_are_told_and_its_submit_files_put_right(bayeswave: Any, tmp_path: Path) -> None:
    """bayeswave_pipe is a stand-in: what is tested is gwfollow's part."""
    environment = {"environment": str(stand_in(tmp_path, "bayeswave_pipe", DAG + "echo could not query segments"))}
    with pytest.raises(PipelineError, match=r"bayeswave_pipe ended with exit code 0 and never said 'To submit:'.*query segments"):
        bayeswave(environment).build_dag()
    stand_in(tmp_path, "bayeswave_pipe", DAG + "echo 'To submit:'; rm bayeswave_post.sub")
    with pytest.raises(PipelineError, match="submit file of node b"):
        bayeswave(environment).build_dag()
    stand_in(tmp_path, "bayeswave_pipe", DAG + "echo 'To submit:'")
    pipeline = bayeswave({**environment, "scheduler": {"request post disk": "96 MB"}})
    assert {"template", "config", "strain H1 0", "strain L1 0"} == set(pipeline.build_dag())
    assert "request_disk = 64MB" in (pipeline.run / "bayeswave.sub").read_text()
    assert "request_disk = 96MB\n" in (pipeline.run / "bayeswave_post.sub").read_text()
    assert "accounting_group = local.sim.test.pe\n" in (pipeline.run / "bayeswave.sub").read_text()
    pipeline.before_submit()
    work = pipeline.submit_dag()
    assert isinstance(work, Dag)
    assert (work.file.name, work.folder) == ("run.dag", pipeline.run)


def test_psds_count_when_every_detector_has_a_whole_one(bayeswave: Any) -> None:
    pipeline = bayeswave()
    assert not pipeline.detect_completion()
    assert pipeline.failure_reason(FAILED).startswith("BayesWave has written no post/clean/glitch_median_PSD_forLI_H1.dat")
    clean = record(pipeline.run) / "post" / "clean"
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert set(assets) == {"psds", "config"}
    assert assets["psds"]["L1"].path == clean / "glitch_median_PSD_forLI_L1.dat"
    whole = assets["psds"]["L1"].path.read_text()
    for bad in (whole[: len(whole) // 2].rpartition(" ")[0], whole.replace("e-4", "e+a", 1), "", "20 -1\n21 2\n"):
        assets["psds"]["L1"].path.write_text(bad)
        assert not pipeline.detect_completion()
    assets["psds"]["L1"].path.unlink()
    assert not pipeline.detect_completion()


def test_reconstructions_count_with_the_pages_that_come_last(bayeswave: Any) -> None:
    pipeline = bayeswave(SIGNAL)
    top = record(pipeline.run, components=("signal",), mode="signal")
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert set(assets["reconstructions"]) == {"signal H1", "signal L1"}
    assert assets["skymap"][""].path == top / "plots" / "skymap.png"
    assert "bayes factors" not in assets
    (top / "index.html").unlink()
    assert not pipeline.detect_completion()


def test_a_full_run_has_both_parts_in_one_folder(bayeswave: Any) -> None:
    pipeline = bayeswave(FULL)
    top = record(pipeline.run, components=("signal",), mode="full")
    assert not pipeline.detect_completion()
    for path in list((top / "post" / "full").iterdir()):
        path.with_name(path.name.replace("signal", "glitch")).write_text(path.read_text())
    assert len(pipeline.collect_assets()["reconstructions"]) == 4


def test_a_coherence_test_gives_bayes_factors_of_models_that_ran(bayeswave: Any) -> None:
    pipeline = bayeswave(COHERENCE)
    top = record(pipeline.run, components=("signal", "glitch"), mode="coherence")
    factors = json.loads(pipeline.collect_assets()["bayes factors"][""].path.read_text())
    assert factors == {"signal:noise": 273.0, "signal:glitch": 32.25, "glitch:noise": 240.75}
    (top / "evidence.dat").write_text("signal 283.5 0.9\nglitch 0 0\nnoise 10.5 0.2\n")
    assert bayeswave_results.bayes_factors(top / "evidence.dat") == {"signal:noise": 273.0}


def test_a_band_that_is_suppressed_has_no_weight(bayeswave: Any) -> None:
    pipeline = bayeswave({"quality": {"supress": {"L1": {"lower": 49.5, "upper": 52.5}}}})
    record(pipeline.run)
    psds = pipeline.collect_assets()["psds"]
    before = bayeswave_results.read_psd(psds["H1"].path)
    after = bayeswave_results.read_psd(psds["L1"].path)
    assert [row[0] for row in before] == [row[0] for row in after]
    changed = [row[0] for row, other in zip(before, after, strict=True) if row[1] != pytest.approx(other[1])]
    assert changed
    assert min(changed) >= 49.5
    assert max(changed) <= 52.5
    assert psds["L1"].path.is_relative_to(pipeline.task.folder)
    assert pipeline.collect_assets()["psds"] == psds


@pytest.mark.slow
def test_psds_are_converted_where_the_environment_can(bayeswave: Any, peers: Path) -> None:
    pipeline = bayeswave({"environment": str(peers)}, interferometers=("H1",))
    record(pipeline.run, ifos=("H1",))
    xml = pipeline.collect_assets()["xml psds"]["H1"].path
    assert xml.name == "H1-psd.xml.gz"
    assert pipeline.collect_assets()["xml psds"]["H1"].path == xml


def test_progress_is_the_iterations_of_the_models(bayeswave: Any) -> None:
    pipeline = bayeswave({"likelihood": {"iterations": 1000, **SIGNAL["likelihood"]}})
    chains = record(pipeline.run) / "chains"
    assert pipeline.check_progress().text == "DAGMan starts"
    chains.mkdir()
    (chains / "clean_model.dat.0").write_text("900 -1.5 3 4\n1000 -1.4 3 4\n10")
    (chains / "signal_model.dat.0").write_text("400 -1.5 3 4\n500 -1.4 3 4\n60")
    progress = pipeline.check_progress()
    assert progress.text == "DAGMan starts; signal model: 500 of 1000 iterations"
    assert progress.fraction == 0.75


def test_four_resurrections_are_enough_and_each_needs_a_rescue_file(bayeswave: Any) -> None:
    pipeline = bayeswave()
    pipeline.run.mkdir()
    assert pipeline.resurrect(FAILED) is None
    Path(f"{pipeline.dag}.rescue001").write_text("DONE a\n")
    assert pipeline.resurrect(FAILED) is not None
    assert bayeswave(rescues=4).resurrect(FAILED) is None


def test_cleaning_names_chains_and_no_results(bayeswave: Any) -> None:
    pipeline = bayeswave()
    top = record(pipeline.run)
    (top / "chains").mkdir()
    assert list(pipeline.clean()) == [top / "chains"]

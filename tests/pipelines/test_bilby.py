"""bilby: what bilby_pipe really builds from our configuration, and what becomes of its jobs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from test_bilby_results import write_result

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import builder
from gwfollow.pipelines.base import Dag, Job, Task
from gwfollow.pipelines.bilby import Bilby, read_ini
from gwfollow.schedulers.base import JobState, JobStatus

FAILED = JobStatus(JobState.COMPLETED, exit_code=1)
DONE = JobStatus(JobState.COMPLETED, exit_code=0)
REMOVED = JobStatus(JobState.REMOVED, reason="removed by a person")


def built(task: Task) -> Bilby:
    pipeline = Bilby(task)
    pipeline.before_config()
    pipeline.before_build()
    pipeline.build_dag()
    return pipeline


@pytest.mark.slow
def test_bilby_pipe_builds_a_dag_from_the_document(make_task: Any, psd_files: dict[str, Path]) -> None:
    task = make_task({"likelihood": {"start frequency": 13.5, "marginalization": {"phase": True}}, "data": {"segment length": 8}})
    pipeline = Bilby(task)
    pipeline.before_config()
    inputs = pipeline.build_dag()
    assert {"psd H1", "psd L1", "strain H1 0", "strain L1 0", "template", "config"} == set(inputs)
    assert all(path.is_file() for path in inputs.values())
    complete = pipeline.read_ini(pipeline.complete_ini)
    assert complete["duration"] == 8
    assert complete["phase-marginalization"] is True
    assert complete["minimum-frequency"] == {"H1": 20.0, "L1": 20.0, "waveform": 13.5}
    assert complete["psd-dict"] == {ifo: str(path) for ifo, path in psd_files.items()}
    assert complete["transfer-files"] is False
    assert complete["trigger-time"] == 1126259462.4
    assert "a_1 = Uniform" in complete["prior-dict"]
    pipeline.before_submit()
    work = pipeline.submit_dag()
    assert isinstance(work, Dag)
    assert work.folder == task.folder
    assert work.file.is_file()
    assert not pipeline.detect_completion()
    assert pipeline.check_progress().text == "data generation"


@pytest.mark.slow
def test_a_build_again_in_the_same_folder_gives_the_same(make_task: Any) -> None:
    pipeline = built(make_task())
    before = {path: path.read_text() for path in (pipeline.ini, pipeline.complete_ini, pipeline.dag)}
    pipeline.build_dag()
    assert {path: path.read_text() for path in before} == before


@pytest.mark.slow
def test_the_local_scheduler_gets_the_script(make_task: Any) -> None:
    pipeline = built(make_task({"scheduler": {"name": "local"}}))
    work = pipeline.submit_dag()
    assert isinstance(work, Job)
    assert work.executable.name == "bash"
    assert Path(work.arguments[1]).is_file()
    assert "bilby_pipe_analysis" in Path(work.arguments[1]).read_text()


@pytest.mark.slow
def test_an_option_that_bilby_pipe_does_not_know_is_refused(make_task: Any, tmp_path: Path, checkout: Path) -> None:
    template = tmp_path / "own.ini.j2"
    template.write_text((checkout / "include/configs/bilby.ini.j2").read_text() + "\nmaximum-likelyhood = True\n")
    with pytest.raises(PipelineError, match="does not know the option maximum-likelyhood"):
        built(make_task({"template": str(template)}))


@pytest.mark.slow
def test_what_bilby_pipe_refuses_comes_back_in_its_words(make_task: Any) -> None:
    with pytest.raises(PipelineError, match=r"bilby_pipe refused the configuration \(exit code \d\): .*(?i:sampler).*build\.log"):
        built(make_task({"sampler": {"sampler": "no-such-sampler"}}))


def test_a_dry_run_renders_and_runs_nothing(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    pipeline.build_dag(dryrun=True)
    assert pipeline.ini.is_file()
    assert [path.name for path in pipeline.task.folder.iterdir()] == ["bilby.ini"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"likelihood": {"type": "GuessTransient"}}, r"likelihood\.type"),
        ({"likelihood": {"sample rate": "fast"}}, r"likelihood\.sample rate"),
        ({"likelihood": {"maximum frequency": {"H1": 2000}}}, r"likelihood\.maximum frequency\.H1"),
        ({"likelihood": {"post trigger time": 5}}, r"likelihood\.post trigger time"),
        ({"waveform": {"approximant": "IMRPhenomD\nsubmit = True"}}, r"waveform\.approximant"),
        ({"waveform": {"approximant": None}}, r"waveform\.approximant"),
        ({"data": {"segment length": None}}, r"data\.segment length"),
        ({"data": {"data files": {"H1": "/no/such.gwf"}}}, r"data\.data files\.H1"),
        ({"data": {"data files": None}}, "frame types"),
        ({"data": {"channels": {"L1": None}}}, r"data\.channels"),
        ({"priors": {"chirp mass": {"type": "os.system"}}}, r"priors\.chirp mass\.type"),
        ({"template": "../../secret.ini"}, "template"),
        ({"job label": "../up"}, "job label"),
    ],
)
def test_a_bad_document_is_refused_before_any_process_starts(
    make_task: Any, changes: dict[str, Any], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder.subprocess, "Popen", None)
    with pytest.raises(InputError, match=place):
        Bilby(make_task(changes)).before_config()


def test_a_missing_psd_is_told_before_the_build(make_task: Any) -> None:
    with pytest.raises(InputError, match="psds of H1 and L1"):
        Bilby(make_task(needed=())).before_config()


def dag_of(pipeline: Bilby) -> Path:
    """A DAG of one node beside a rescue file's place, as DAGMan sees it."""
    pipeline.dag.parent.mkdir(parents=True)
    (pipeline.dag.parent / "a.submit").write_text("executable = /bin/true\nqueue")
    pipeline.dag.write_text("JOB a run/submit/a.submit\n")
    return pipeline.dag


def test_a_failed_dag_goes_on_from_its_rescue_file(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    dag = dag_of(pipeline)
    assert pipeline.resurrect(FAILED) is None
    Path(f"{dag}.rescue001").write_text("DONE a\n")
    assert pipeline.resurrect(FAILED) == pipeline.submit_dag()


def test_a_removed_or_killed_dag_is_submitted_again(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    dag_of(pipeline)
    assert pipeline.resurrect(REMOVED) is not None
    assert pipeline.resurrect(JobStatus(JobState.COMPLETED, signal=9)) is not None


def test_a_dag_that_ended_well_is_not_run_again(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    Path(f"{dag_of(pipeline)}.rescue001").write_text("")
    assert pipeline.resurrect(DONE) is None


def test_five_resurrections_are_enough(make_task: Any) -> None:
    for rescues, again in ((0, True), (4, True), (5, False), (6, False)):
        pipeline = Bilby(make_task(rescues=rescues))
        assert (pipeline.resurrect(REMOVED) is not None) is again


def test_a_local_run_that_checkpointed_goes_on(make_task: Any) -> None:
    pipeline = Bilby(make_task({"scheduler": {"name": "local"}}))
    assert pipeline.resurrect(JobStatus(JobState.COMPLETED, exit_code=77)) is not None
    assert pipeline.resurrect(FAILED) is None


def test_a_result_counts_when_it_is_whole(make_task: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = Bilby(make_task())
    folder = pipeline.run / "final_result"
    path = folder / "x_result.hdf5"
    folder.mkdir(parents=True)
    path.touch()  # as bilby_pipe leaves it at build time with file transfer
    with caplog.at_level(logging.INFO):
        assert not pipeline.detect_completion()
    assert "is empty" in caplog.text
    whole = write_result(path).read_bytes()
    assert pipeline.detect_completion()
    assert pipeline.collect_assets()["samples"][""].path == path
    assert pipeline.collect_assets()["config"][""].path == pipeline.complete_ini
    path.write_bytes(whole[: len(whole) // 2])
    assert not pipeline.detect_completion()
    with pytest.raises(PipelineError):
        pipeline.collect_assets()


def test_the_reason_of_a_failure_is_bilbys_own(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    log = pipeline.run / "log_data_generation" / "g.err"
    log.parent.mkdir(parents=True)
    log.write_text("Traceback\nFileNotFoundError: [Errno 2] No such file or directory: '/data/H1.gwf'\n")
    assert pipeline.failure_reason(FAILED).startswith("FileNotFoundError: [Errno 2] No such file or directory: '/data/H1.gwf'")
    log.unlink()
    assert pipeline.failure_reason(FAILED) == f"no result in {pipeline.run}/final_result; exit code 1"


def test_progress_is_that_of_the_slowest_chain(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    folder = pipeline.run / "log_data_analysis"
    folder.mkdir(parents=True)
    line = "{}it [0:01:12 bound:187 nc:167 ncall:1.2e+05 eff:2.0% logz-ratio=301.05+/-0.43 dlogz:0.135>0.1]\r"
    (folder / "x_analysis_H1L1_par0.out").write_text(line.format(1200))
    (folder / "x_analysis_H1L1_par1.out").write_text(line.format(600))
    progress = pipeline.check_progress()
    assert progress.fraction == 0.25
    assert progress.text.startswith("2 of 2 chains sample; the slowest: 600 iterations")


def test_cleaning_keeps_results(make_task: Any) -> None:
    pipeline = Bilby(make_task())
    result = write_result(pipeline.run / "final_result" / "x_result.hdf5")
    checkpoint = pipeline.run / "result" / "x_resume.pickle"
    checkpoint.parent.mkdir()
    checkpoint.write_text("state")
    named = list(pipeline.clean())
    assert checkpoint in named
    assert result not in named


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.ini"
    path.write_text(
        "## head\ndetectors=['H1', 'L1']\nduration = 4.0  # s\nosg=False\nlabel=GW\nzero_noise=true\nqueue=None\n"
        "psd-dict={H1: /a/b.dat,\n  L1:/c.dat}\nprior-dict = {a = Uniform(name='a')}\n"
    )
    assert read_ini(path) == {
        "detectors": ["H1", "L1"],
        "duration": 4.0,
        "osg": False,
        "label": "GW",
        "zero-noise": True,
        "queue": None,
        "psd-dict": {"H1": "/a/b.dat", "L1": "/c.dat"},
        "prior-dict": "{a = Uniform(name='a')}",
    }
    path.write_text("psd-dict={H1: /a\n")
    with pytest.raises(PipelineError, match="brace is not closed"):
        Bilby.read_ini(path)

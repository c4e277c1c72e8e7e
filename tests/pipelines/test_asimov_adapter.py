"""A plugin of asimov through gwfollow's interface: its own class on asimov's own objects, in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from asimov_environment import layer_over
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import registry
from gwfollow.pipelines.asimov import process
from gwfollow.pipelines.asimov.adapter import AsimovPipeline
from gwfollow.pipelines.base import AssetFile, Dag, Job, NeededAnalysis, Task
from gwfollow.schedulers.base import JobState, JobStatus

pytestmark = pytest.mark.slow

ENDED = JobStatus(JobState.COMPLETED, exit_code=1)
MakeToy = Callable[..., AsimovPipeline]


@pytest.fixture(scope="module")
def python(peers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layer_over(peers, tmp_path_factory.mktemp("layer") / "env", {"toy": "asimov_toy_plugin:Toy"})


@pytest.fixture
def toy(python: Path, make_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch) -> MakeToy:
    """``toy({...}, **fields)``: the toy plugin for a task whose own document has these keys under ``toy``."""
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(python))

    def make(what: dict[str, Any] | None = None, **fields: Any) -> AsimovPipeline:
        own = {"toy": what or {}, "comment": "for a test"}
        found = registry.find("toy")(make_task(own, pipeline="toy", **{"own": own, **fields}))
        assert isinstance(found, AsimovPipeline)
        return found

    return make


def run_of(pipeline: AsimovPipeline) -> Path:
    """The plugin's run folder, made as by its builder."""
    folder = pipeline.task.folder / "toy"
    folder.mkdir(exist_ok=True)
    return folder


def test_a_whole_life_in_one_child_a_step(toy: MakeToy, psd_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = toy({"post": True})
    children = []
    ask = process.ask
    monkeypatch.setattr(
        process, "ask", lambda plugin, question, *rest: (children.append(question["hooks"]), ask(plugin, question, *rest))[1]
    )

    (configuration,) = pipeline.build_dag().values()
    ini = configuration.read_text()
    assert "time = 1126259462.4\ndetectors = ['H1', 'L1']\nrate = 2048\n" in ini
    assert f"psds = H1:{psd_files['H1']} L1:{psd_files['L1']}" in ini
    run = run_of(pipeline)
    assert ini in (run / "seen.txt").read_text()  # get_configuration() and find_prods() gave the plugin the same file

    work = pipeline.submit_dag()
    assert work == Job(
        Path("/bin/sh"), (f"{run}/job.sh", "42"), run.parent, "toy", replace(pipeline.task.resources, memory_mb=64, disk_mb=10)
    )
    assert pipeline.submit_dag() != work  # asked once more after a crash it says 43; nothing was submitted by either
    assert (run.parent / "before_build.txt").read_text() == "once\n"

    assert not pipeline.detect_completion()
    (run / "result.txt").write_text("42\n")
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert {name: {label: file.path.name for label, file in files.items()} for name, files in assets.items()} == {
        "samples": {"": "result.txt"},
        "data files": {"H1.0": "made_late.txt", "H1.1": "result.txt"},
        "reconstructions": {"signal.L1": "made_late.txt"},
        "bayes factors": {"": "bayes_factors.json"},
        "calibration": {"H1": "result.txt"},  # from the settings of the event, by update_data
        "config": {"": "toy.ini"},
    }
    assert json.loads(assets["bayes factors"][""].path.read_text()) == {"signal:noise": 12.5}
    post = pipeline.after_completion()
    assert isinstance(post, Job)
    assert post.name == "post"
    assert pipeline.detect_completion_processing()
    pipeline.after_processing()
    stored = pipeline.store_results()
    assert {name: path.read_text() for name, path in stored.items()} == {"result.txt": "42\n"}
    assert children == [
        ["before_config", "make_config", "before_build", "build_dag"],
        ["before_submit", "submit_dag"],
        ["before_submit", "submit_dag"],
        ["detect_completion"],
        ["detect_completion"],
        ["after_completion", "collect_assets", "collect_pages"],
        ["detect_completion_processing"],
        ["after_processing"],
    ]


HOOKS = {
    "__init__": "build_dag",
    "before_config": "build_dag",
    "before_build": "build_dag",
    "build_dag": "build_dag",
    "before_submit": "submit_dag",
    "submit_dag": "submit_dag",
    "while_running": "check_progress",
    "check_progress": "check_progress",
    "collect_logs": "collect_logs",
    "detect_completion": "detect_completion",
    "resurrect": "resurrect",
    "after_completion": "after_completion",
    "collect_assets": "collect_assets",
    "detect_completion_processing": "detect_completion_processing",
    "after_processing": "after_processing",
    "store_results": "after_processing",
    "eject_job": "eject_job",
    "clean": "clean",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_raises_is_told_with_the_last_line_of_its_traceback(toy: MakeToy, hook: str) -> None:
    pipeline = toy({"raise": hook})
    run_of(pipeline)
    (pipeline.folder).mkdir(exist_ok=True)
    where = {"store_results": "after_processing"}.get(hook, hook)
    words = f"asimov's plugin toy of toy-plugins 1.2, {where}: PipelineException: it could not be done. ... the reason stands in {hook}"
    with pytest.raises(PipelineError) as caught:
        getattr(pipeline, HOOKS[hook])(*([ENDED] if hook == "resurrect" else []))
    assert str(caught.value) == words
    (log,) = pipeline.folder.glob("log/*.log")
    assert "some words of a builder" in log.read_text()  # all of it


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"fails": "detect_completion"}, r"detect_completion: KeyError: 'here'$"),
        ({"exits": "detect_completion"}, r"detect_completion: SystemExit: 3$"),
        ({"dies": "detect_completion"}, r"toy of toy-plugins 1\.2 was killed by SIGSEGV; its log is .*detect_completion\.log"),
        ({"garbage": "detect_completion"}, r"answered with \d+ bytes that are no answer; its log is"),
    ],
    ids=["exception", "exit", "signal", "garbage"],
)
def test_a_plugin_that_ends_its_process_or_talks_over_the_answer_is_told(toy: MakeToy, what: dict[str, str], told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        toy(what).detect_completion()


def test_a_plugin_that_hangs_is_stopped_and_told_in_which_hook(toy: MakeToy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.pipelines.asimov.adapter.STEP_LIMIT", 8.0)
    with pytest.raises(PipelineError, match=r"was stopped after 8 s in detect_completion; its log is"):
        (pipeline := toy({"hangs": "detect_completion"})).detect_completion()
    assert "it hangs" in (pipeline.folder / "log" / "detect_completion.log").read_text()
    assert list(pipeline.folder.glob("child-*")) == []


def test_a_plugin_that_fills_its_output_is_read_and_cut(toy: MakeToy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_LIMIT", 300_000)
    pipeline = toy({"talks": "detect_completion"})
    assert not pipeline.detect_completion()
    log = pipeline.folder / "log" / "detect_completion.log"
    assert 300_000 < log.stat().st_size < 301_000
    assert log.read_text().endswith("[gwfollow: it wrote more than 300000 bytes; the rest is thrown away]\n")


def test_what_a_plugin_leaves_running_ends_with_its_step(toy: MakeToy) -> None:
    pipeline = toy({"daemon": "detect_completion"})
    assert not pipeline.detect_completion()
    number = int((pipeline.task.folder / "daemon.pid").read_text())
    for _ in range(100):  # the kernel takes a moment
        if not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE:  # where nobody reaps orphans
            return
        time.sleep(0.1)
    pytest.fail(f"process {number} runs on")


def test_submissions_by_program_are_caught_too(toy: MakeToy) -> None:
    by_file = toy({"submits": "file"})
    run = run_of(by_file)
    assert isinstance(work := by_file.submit_dag(), Job)
    assert (work.executable, work.arguments[0], work.resources.memory_mb) == (Path("/bin/sh"), f"{run}/job.sh", 64)
    by_program = toy({"submits": "dag", "options": ["-batch-name", "toy/GW150914", "-f"]})
    assert by_program.submit_dag() == Dag(run / "toy.dag", by_program.task.folder, "toy", by_program.task.resources)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (
            {"submits": "dag", "options": ["-maxjobs", "5"]},
            r"asked condor_submit_dag for -maxjobs 5, which gwfollow does not pass on",
        ),
        (
            {"submits": "sbatch"},
            r"submit_dag: PipelineException: sbatch said: sbatch: gwfollow hands jobs to HTCondor or to its local",
        ),
        ({"twice": True}, r"submitted 2 things in one step: job /bin/sh; file .*toy\.sub; gwfollow runs one job or one DAG"),
    ],
    ids=["option", "slurm", "two"],
)
def test_what_cannot_be_passed_on_is_refused(toy: MakeToy, what: dict[str, Any], told: str) -> None:
    pipeline = toy(what)
    run_of(pipeline)
    with pytest.raises(PipelineError, match=told):
        pipeline.submit_dag()


def test_a_resurrection_is_recorded_and_the_plugin_keeps_its_own_count(toy: MakeToy) -> None:
    first = toy(rescues=1)
    run_of(first)
    assert isinstance(first.resurrect(ENDED), Job)
    assert toy(rescues=2).resurrect(ENDED) is None


def test_progress_and_logs_cost_one_child_until_they_are_old(toy: MakeToy, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = toy()
    pipeline.folder.mkdir()
    (run_of(pipeline) / "toy.err").write_text("warming up\nno such frame\n")
    progress = pipeline.check_progress()
    assert progress.text == "toy.out: 120it dlogz:0.5"
    assert progress.values == {"iterations": 120.0, "dlogz": 0.5}
    with monkeypatch.context() as patch:
        patch.setattr(process, "ask", lambda *args: pytest.fail("it was asked once more"))
        assert "no such frame" in "".join(pipeline.collect_logs().values())
    (run_of(pipeline) / "toy.err").write_text("no such frame\nand killed\n")
    assert (
        pipeline.failure_reason(ENDED) == "the job ended without a result (exit code 1); toy.err: and killed"
    )  # looked at afresh


def test_results_count_although_post_processing_cannot_be_started(toy: MakeToy) -> None:
    pipeline = toy({"raise": "after_completion"})
    (run_of(pipeline) / "result.txt").write_text("42\n")
    assert "samples" in pipeline.collect_assets()
    with pytest.raises(PipelineError, match=r"after_completion: PipelineException: it could not be done"):
        pipeline.after_completion()


def test_clean_names_files_of_the_attempt_and_deletes_nothing(toy: MakeToy) -> None:
    pipeline = toy()
    pipeline.folder.mkdir()
    out = run_of(pipeline) / "toy.out"
    neighbour = pipeline.task.folder.parent / "neighbour.txt"
    for file in (out, neighbour):
        file.touch()
    assert list(pipeline.clean()) == [out]
    assert out.exists()
    assert neighbour.exists()


def test_a_configuration_is_read_as_the_plugin_reads_it(toy: MakeToy, tmp_path: Path) -> None:
    file = tmp_path / "toy.ini"
    file.write_text("[toy]\nrate = 2048\n")
    assert type(toy()).read_ini(file) == {"toy": {"rate": "2048"}}


def test_a_value_that_would_break_out_of_its_line_is_refused_before_any_process_starts(
    toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ask", lambda *args: pytest.fail("a process was started"))
    with pytest.raises(InputError, match=r"toy\.name: found 'x\\nexecutable=/bin/rm', expected text without line breaks"):
        toy({"name": "x\nexecutable=/bin/rm"}).build_dag()


def test_two_makers_of_psds_are_not_chosen_between(toy: MakeToy, psd_files: dict[str, Path]) -> None:
    psds = {"psds": {ifo: AssetFile(path) for ifo, path in psd_files.items()}}
    needed = tuple(NeededAnalysis(name, "psd", {}, psds) for name in ("early", "late"))
    with pytest.raises(
        PipelineError, match=r"before_config: ValueError: ambiguous psds: dependencies early, late all provide them"
    ):
        toy(needed=needed).build_dag()

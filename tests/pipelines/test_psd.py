"""The psd pipeline around its worker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines.psd import PSD, check_psd
from gwfollow.schedulers.base import JobState, JobStatus


@pytest.mark.slow
def test_real_strain_gives_a_psd_for_each_detector(make_task: Any, shared: Path) -> None:
    files = {ifo: str(shared / "data" / "strain" / f"{ifo[0]}-{ifo}_LOSC_4_V2-1126259446-32.hdf5") for ifo in ("H1", "L1")}
    pipeline = PSD(make_task({"data": {"data files": files, "channels": None}}, pipeline="psd"))
    pipeline.before_config()
    inputs = pipeline.build_dag()
    assert {"strain H1 0", "strain L1 0", "config"} == set(inputs)
    assert not pipeline.detect_completion()
    job = pipeline.submit_dag()
    subprocess.run([job.executable, *job.arguments], cwd=job.folder, check=True)
    assert pipeline.detect_completion()
    psds = pipeline.collect_assets()["psds"]
    assert set(psds) == {"H1", "L1"}
    assert psds["H1"].path.read_text().startswith("# H1: a noisy Welch estimate: median of 11 Hann segments of 4 s")


def test_the_segment_that_will_be_analysed_is_no_noise(make_task: Any) -> None:
    pipeline = PSD(make_task({"data": {"segment length": 8}, "likelihood": {"post trigger time": 1}}, pipeline="psd"))
    pipeline.build_dag()
    config = PSD.read_ini(pipeline.task.folder / "psd.json")
    assert config["exclude"] == [7, 1]
    assert config["detectors"]["L1"]["high"] == 448


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"data": {"data files": None}}, r"data\.data files"),
        ({"data": {"channels": None}}, r"data\.channels"),
        ({"likelihood": {"psd length": 0}}, r"likelihood\.psd length"),
        ({"likelihood": {"minimum frequency": {"H1": "low"}}}, r"likelihood\.minimum frequency\.H1"),
    ],
)
def test_a_bad_document_is_refused(make_task: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        PSD(make_task(changes, pipeline="psd")).before_config()


def test_a_failure_is_explained_by_the_workers_last_line(make_task: Any) -> None:
    pipeline = PSD(make_task(pipeline="psd"))
    status = JobStatus(JobState.COMPLETED, exit_code=1)
    assert "exit code 1" in pipeline.failure_reason(status)
    (pipeline.task.folder / "psd.err").write_text("warning\nH1: no 4 s of strain\n")
    assert pipeline.failure_reason(status) == "H1: no 4 s of strain"


def good(count: int = 1000) -> list[str]:
    return ["# head"] + [f"{index * 0.25} 1e-46" for index in range(count)]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "has 0 lines"),
        (good(100), "covers 0 to 24.75 Hz"),
        ([*good()[:500], *good()[501:]], "is off the grid of 0.25 Hz"),
        ([*good()[:500], "124.75 nan", *good()[501:]], "nan at 124.75 Hz"),
        ([*good()[:500], "124.75 0", *good()[501:]], "0 at 124.75 Hz"),
        ([*good()[:500], "124.75 -1e-46", *good()[501:]], "-1e-46 at 124.75 Hz"),
        ([*good()[:999], "249.5 1e-4", "249"], "line 1001: not two numbers"),
        (["<html>"], "line 1: not two numbers"),
    ],
)
def test_a_psd_that_is_not_whole_is_told(tmp_path: Path, lines: list[str], reason: str) -> None:
    path = tmp_path / "psd.dat"
    path.write_text("\n".join(good()))
    check_psd(path, spacing=0.25, low=20, high=240)
    path.write_text("\n".join(lines))
    with pytest.raises(PipelineError, match=reason):
        check_psd(path, spacing=0.25, low=20, high=240)


def test_completion_needs_every_detector(make_task: Any) -> None:
    pipeline = PSD(make_task({"likelihood": {"maximum frequency": {"H1": 200, "L1": 200}}}, pipeline="psd"))
    assert not pipeline.detect_completion()
    pipeline.build_dag()
    (pipeline.task.folder / "H1-psd.dat").write_text("\n".join(good()))
    assert not pipeline.detect_completion()
    (pipeline.task.folder / "L1-psd.dat").write_text("\n".join(good()))
    assert pipeline.detect_completion()
    (pipeline.task.folder / "L1-psd.dat").write_text("\n".join(good())[:8000])
    assert not pipeline.detect_completion()


def test_other_files_are_no_configuration(tmp_path: Path) -> None:
    for text in ("", "[]", "x"):
        (tmp_path / "psd.json").write_text(text)
        with pytest.raises(PipelineError):
            PSD.read_ini(tmp_path / "psd.json")
    (tmp_path / "psd.json").write_text(json.dumps({"a": 1}))
    assert PSD.read_ini(tmp_path / "psd.json") == {"a": 1}

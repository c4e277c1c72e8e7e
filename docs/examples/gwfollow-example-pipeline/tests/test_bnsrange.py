"""The example pipeline, with gwfollow's test kit: no scheduler, no ledger and no event are needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gwfollow_example_pipeline.pipeline import BNSRange

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.testing import made, make_task, walk


@pytest.fixture
def psds(tmp_path: Path) -> dict[str, Path]:
    """White noise of 1e-46/Hz in H1, and four times that in L1."""
    files = {ifo: tmp_path / f"{ifo}.dat" for ifo in ("H1", "L1")}
    for path, level in zip(files.values(), (1e-46, 4e-46), strict=True):
        path.write_text("# Hz 1/Hz\n" + "".join(f"{index * 0.25} {level}\n" for index in range(8193)))
    return files


def task(folder: Path, psds: dict[str, Path], **settings: object) -> Task:
    return make_task(folder, {"bnsrange": settings}, pipeline="bnsrange", needed=[made("psd", psds=psds)])


def test_twice_the_noise_is_half_the_range(tmp_path: Path, psds: dict[str, Path]) -> None:
    pipeline = BNSRange(task(tmp_path, psds))
    assets = walk(pipeline)
    ranges = json.loads(assets["ranges"][""].path.read_text())
    assert ranges["H1"] / ranges["L1"] == pytest.approx(2)
    assert 50 < ranges["H1"] < 150
    assert pipeline.check_progress().fraction == 1
    assert BNSRange.read_ini(assets["config"][""].path)["bnsrange"]["mass"] == "1.4"


def test_a_missing_psd_is_told_with_its_maker(tmp_path: Path, psds: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"psds of L1: .*: psd \(psd\) was to make them and made only H1"):
        walk(BNSRange(task(tmp_path, {"H1": psds["H1"]})))


def test_a_mass_that_is_none_is_refused(tmp_path: Path, psds: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"bnsrange\.mass: found 'heavy', expected a mass from 0\.1 to 3"):
        walk(BNSRange(task(tmp_path, psds, mass="heavy")))


def test_a_job_that_fails_says_why(tmp_path: Path, psds: dict[str, Path]) -> None:
    psds["H1"].write_text("no numbers here\n")
    with pytest.raises(PipelineError, match=r"exit code 1\): ValueError: could not convert string to float: 'no'"):
        walk(BNSRange(task(tmp_path, psds)))

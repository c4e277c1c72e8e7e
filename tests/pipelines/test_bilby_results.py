"""A result counts only when it has been opened and is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines import bilby_results

SAMPLED = ("chirp_mass", "mass_ratio")


def write_result(path: Path, *, size: int = 500, **changes: Any) -> Path:
    """A result as bilby writes it, small; a change to None leaves that dataset out."""
    random = numpy.random.default_rng(1)
    contents: dict[str, Any] = {
        "log_evidence": -4180.0,
        "log_bayes_factor": 300.0,
        "search_parameter_keys": numpy.array(SAMPLED, dtype=object),
        "posterior/chirp_mass": random.normal(31, 1, size),
        "posterior/mass_ratio": random.uniform(0.5, 1, size),
        "posterior/waveform_approximant": numpy.array([b"IMRPhenomD"] * size, dtype=object),
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in contents.items():
            if value is not None:
                file[name] = value
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x_result.hdf5"


def test_a_whole_result_gives_its_samples_and_intervals(path: Path) -> None:
    result = bilby_results.read(write_result(path))
    assert (result.size, result.sampled, result.log_evidence) == (500, SAMPLED, -4180.0)
    median, low, high = result.parameters["chirp_mass"]
    with h5py.File(path) as file:
        samples = file["posterior/chirp_mass"][()]
    assert low < median < high
    assert numpy.mean((samples > low) & (samples < high)) == pytest.approx(0.9, abs=0.01)


def test_a_real_result_of_bilby_in_json_is_read(shared: Path) -> None:
    result = bilby_results.read(shared / "data" / "pe" / "bilby_example_result.json")
    assert result.size == 2013
    assert result.sampled == ("mass_1", "mass_2", "luminosity_distance")
    assert result.parameters["mass_1"][0] == pytest.approx(36.0, abs=0.2)  # injected: 36


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_hdf5_file_is_no_result(path: Path, keep: float) -> None:
    whole = write_result(path).read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(PipelineError):
        bilby_results.read(path)


def test_a_truncated_json_file_is_no_result(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "x_result.json"
    shutil.copyfile(shared / "data" / "pe" / "bilby_example_result.json", path)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size - 10)
    with pytest.raises(PipelineError, match="cannot be read"):
        bilby_results.read(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"log_evidence": numpy.nan}, "no log_evidence that is a finite number"),
        ({"log_evidence": None}, "has no log_evidence"),
        ({"posterior/chirp_mass": None}, "no samples of chirp_mass"),
        ({f"posterior/{name}": numpy.array([]) for name in SAMPLED}, "is empty"),
        ({"posterior/chirp_mass": numpy.array([])}, "500 samples of mass_ratio, 0 of chirp_mass"),
        ({"posterior/mass_ratio": numpy.ones(3)}, "3 samples of mass_ratio, 500 of chirp_mass"),
        ({"posterior/mass_ratio": numpy.full(500, numpy.inf)}, "500 samples of mass_ratio are not finite"),
        ({"search_parameter_keys": numpy.array([], dtype=float)}, "names no sampled parameters"),
    ],
)
def test_what_is_wrong_with_a_result_is_said(path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PipelineError, match=reason):
        bilby_results.read(write_result(path, **changes))


def test_other_files_are_no_results(tmp_path: Path) -> None:
    for name, text in (("a_result.json", json.dumps({"posterior": None})), ("b_result.json", "[1]"), ("c_result.hdf5", "text")):
        (tmp_path / name).write_text(text)
        with pytest.raises(PipelineError):
            bilby_results.read(tmp_path / name)
    with pytest.raises(PipelineError, match="No such file"):
        bilby_results.read(tmp_path / "none.hdf5")

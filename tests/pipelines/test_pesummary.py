"""PESummary: the command for one or several sets of samples, and what counts as pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest
from test_bilby_results import write_result

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import pesummary as module
from gwfollow.pipelines.base import AssetFile, NeededAnalysis
from gwfollow.pipelines.pesummary import PESummary
from gwfollow.pipelines.pesummary_metafile import read_metafile
from gwfollow.schedulers.base import JobState, JobStatus


def sampled(folder: Path, name: str, psds: dict[str, Path], **columns: Any) -> NeededAnalysis:
    """An analysis that has made a small result and its configuration."""
    samples = write_result(folder / name / f"{name}_result.hdf5", **{f"posterior/{key}": value for key, value in columns.items()})
    config = folder / name / "config_complete.ini"
    config.write_text(
        f"waveform-approximant=IMRPhenomD\nreference-frequency=20.0\nminimum-frequency={{H1: 20.0, L1: 30.0}}\n"
        f"psd-dict={{{', '.join(f'{ifo}: {path}' for ifo, path in psds.items())}}}\nspline-calibration-envelope-dict=None\n"
    )
    return NeededAnalysis(name, "bilby", {}, {"samples": {"": AssetFile(samples)}, "config": {"": AssetFile(config)}})


@pytest.fixture
def one(tmp_path: Path, psd_files: dict[str, Path]) -> NeededAnalysis:
    return sampled(tmp_path, "Prod1", psd_files)


def options(arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """``--option a b`` as option -> values."""
    found: dict[str, list[str]] = {}
    for word in arguments:
        if word.startswith("--"):
            found[word] = []
        else:
            found[list(found)[-1]].append(word)
    return found


def arguments_of(pipeline: PESummary) -> dict[str, list[str]]:
    pipeline.before_config()
    pipeline.build_dag()
    return options(pipeline.submit_dag().arguments)


def test_quick_pages_of_one_analysis(make_task: Any, one: NeededAnalysis, psd_files: dict[str, Path]) -> None:
    pipeline = PESummary(make_task(pipeline="pesummary", needed=(one,)))
    found = arguments_of(pipeline)
    assert pipeline.submit_dag().executable.name == "summarypageslw"
    assert found["--labels"] == ["Prod1"]
    assert found["--samples"] == [str(one.assets["samples"][""].path)]
    assert found["--psd"] == [f"{ifo}:{path}" for ifo, path in psd_files.items()]
    assert found["--approximant"] == ["IMRPhenomD"]
    assert found["--parameters"] == ["chirp_mass", "mass_ratio"]  # of the usual ones, those that the samples have
    assert found["--nsamples"] == ["400"]


def test_several_analyses_are_labelled(make_task: Any, one: NeededAnalysis, tmp_path: Path, psd_files: dict[str, Path]) -> None:
    two = sampled(tmp_path, "Prod2", psd_files, chi_eff=numpy.zeros(500))
    found = arguments_of(PESummary(make_task(pipeline="pesummary", needed=(one, two))))
    assert found["--labels"] == ["Prod1", "Prod2"]
    assert len(found["--samples"]) == len(found["--config"]) == len(found["--approximant"]) == 2
    assert found["--Prod1_psd"] == found["--Prod2_psd"]
    assert found["--parameters"] == ["chirp_mass", "mass_ratio"]


def test_full_pages_take_asimovs_settings(make_task: Any, one: NeededAnalysis) -> None:
    settings = {
        "cosmology": "Planck15_lal",
        "redshift": "exact",
        "evolve spins": "forwards",
        "multiprocess": 4,
        "skymap samples": 2000,
        "regenerate posteriors": ["redshift", "radiated_energy"],
    }
    pipeline = PESummary(
        make_task({"postprocessing": {"pesummary": settings}, "pesummary": {"mode": "full"}}, pipeline="pesummary", needed=(one,))
    )
    found = arguments_of(pipeline)
    assert pipeline.submit_dag().executable.name == "summarypages"
    assert found["--cosmology"] == ["Planck15_lal"]
    assert found["--redshift_method"] == ["exact"]
    assert found["--f_low"] == ["20"]
    assert found["--multi_process"] == ["4"]
    assert found["--regenerate"] == ["redshift", "radiated_energy"]
    assert "--evolve_spins_forwards" in found
    assert ("--nsamples_for_skymap" in found) != ("--no_ligo_skymap" in found)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"mode": "pretty"}, r"pesummary\.mode"),
        ({"samples": 0}, r"pesummary\.samples"),
        ({"multiprocess": "many"}, r"pesummary\.multiprocess"),
        ({"parameters": ["chirp_mass", "--webdir"]}, r"pesummary\.parameters\[1\]"),
        ({"parameters": ["lambda_1"]}, r"pesummary\.parameters"),
    ],
)
def test_bad_settings_are_refused(make_task: Any, one: NeededAnalysis, settings: dict[str, Any], place: str) -> None:
    pipeline = PESummary(make_task({"pesummary": settings}, pipeline="pesummary", needed=(one,)))
    with pytest.raises(InputError, match=place):
        arguments_of(pipeline)


def test_samples_must_be_among_what_is_needed(make_task: Any) -> None:
    with pytest.raises(InputError, match="needs: found 'psd', expected at least one analysis that has made samples"):
        PESummary(make_task(pipeline="pesummary")).before_config()


def test_an_environment_without_pip_is_told_before_the_build(
    make_task: Any, one: NeededAnalysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = PESummary(make_task(pipeline="pesummary", needed=(one,)))
    pipeline.before_build()
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(PipelineError, match=r"needs pip in its environment.*No module named pip"):
        pipeline.before_build()


def write_metafile(path: Path, samples: dict[str, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for label, size in samples.items():
            file[f"{label}/posterior_samples"] = numpy.zeros(size, dtype=[("chirp_mass", float)])
    return path


def test_pages_count_when_the_metafile_has_all_samples(make_task: Any, one: NeededAnalysis) -> None:
    pipeline = PESummary(make_task(pipeline="pesummary", needed=(one,)))
    assert not pipeline.detect_completion()
    pipeline.build_dag()
    write_metafile(pipeline.metafile, {"Prod1": 3})
    assert not pipeline.detect_completion()
    (pipeline.webdir / "home.html").write_text("<!DOCTYPE html>")
    assert pipeline.detect_completion()
    assert set(pipeline.collect_assets()) == {"pages", "metafile", "samples"}
    whole = pipeline.metafile.read_bytes()
    pipeline.metafile.write_bytes(whole[: len(whole) // 2])
    assert not pipeline.detect_completion()
    assert "cannot be read" in pipeline.failure_reason(JobStatus(JobState.COMPLETED, exit_code=0))


def test_what_is_wrong_with_a_metafile_is_said(tmp_path: Path) -> None:
    path = write_metafile(tmp_path / "posterior_samples.h5", {"a": 5, "b": 0})
    assert read_metafile(path, ["a"]) == {"a": 5}
    with pytest.raises(PipelineError, match="no samples of c"):
        read_metafile(path, ["a", "c"])
    with pytest.raises(PipelineError, match="samples of b are empty"):
        read_metafile(path, ["a", "b"])
    path.write_bytes(b"")
    with pytest.raises(PipelineError, match="empty or not there"):
        read_metafile(path, ["a"])


def test_the_module_says_what_it_reads() -> None:
    assert all(
        f"``{key}``" in (module.__doc__ or "") for key in ("mode", "parameters", "cosmology", "skymap samples", "multiprocess")
    )

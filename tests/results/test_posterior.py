"""Summaries of posterior files: the same numbers from every format; hostile and broken files are told."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import h5py
import numpy
import posterior_files as files
import pytest

from gwfollow.results import tables
from gwfollow.results.apart import summarise_apart
from gwfollow.results.posterior import Unreadable, summarise
from gwfollow.results.words import rounded


@pytest.fixture
def columns() -> dict[str, Any]:
    return files.samples()


@pytest.mark.parametrize("name", files.FORMATS)
def test_every_format_gives_the_same_medians_and_intervals(name: str, columns: dict[str, Any], tmp_path: Path) -> None:
    write, filename = files.FORMATS[name]
    found = summarise(write(tmp_path / filename, columns))
    assert found["format"] == name
    for run in found["runs"]:
        assert run["samples"] == 400
        assert set(run["parameters"]) == set(files.NAMES)
        for parameter, column in columns.items():
            low, median, high = numpy.quantile(column, [0.05, 0.5, 0.95])
            assert run["parameters"][parameter] == pytest.approx({"median": median, "low": low, "high": high}, rel=1e-12)


@pytest.mark.parametrize("name", files.FORMATS)
def test_a_table_larger_than_the_memory_it_may_take_gives_the_same(
    name: str, columns: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, filename = files.FORMATS[name]
    whole = summarise(write(tmp_path / filename, columns))
    monkeypatch.setattr(tables, "BUDGET", 8 * 400)  # one column in a pass
    monkeypatch.setattr(tables, "BLOCK", 200)
    monkeypatch.setattr("gwfollow.results.hdf5_posteriors.BLOCK", 200)
    assert summarise(tmp_path / filename) == whole


def test_evidence_approximant_sampler_and_prior_are_read(columns: dict[str, Any], tmp_path: Path) -> None:
    (bilby,) = summarise(files.bilby_hdf5(tmp_path / "b.hdf5", columns))["runs"]
    assert bilby["evidence"] == {
        "ln_evidence": -4180.5,
        "ln_evidence_error": 0.2,
        "ln_noise_evidence": -4480.5,
        "ln_bayes_factor": 300.0,
    }
    assert (bilby["label"], bilby["sampler"], bilby["approximant"]) == ("run1", "dynesty", "IMRPhenomXPHM")
    assert bilby["left_out"] == ["waveform_approximant"]
    first, second = summarise(files.pesummary_hdf5(tmp_path / "p.h5", columns))["runs"]
    assert (first["label"], second["label"]) == ("C01:Mixed", "C01:XPHM")
    assert first["evidence"]["ln_bayes_factor"] == 20.0
    assert (first["prior_samples"], first["approximant"]) == (77, "IMRPhenomXPHM")
    (from_json,) = summarise(files.pesummary_json(tmp_path / "p.json", columns))["runs"]
    assert (from_json["prior_samples"], from_json["approximant"], from_json["evidence"]) == (
        77,
        "IMRPhenomXPHM",
        {"ln_evidence": -10.0},
    )
    (lal,) = summarise(files.lalinference_hdf5(tmp_path / "l.hdf5", columns))["runs"]
    assert lal["evidence"]["ln_bayes_factor"] == 60.0
    assert lal["approximant"].startswith(("IMR", "SEOB", "LAL approximant"))
    overall, other = summarise(files.gwtc1_hdf5(tmp_path / "g.hdf5", columns))["runs"]
    assert (overall["label"], "approximant" in overall, other["approximant"]) == ("Overall", False, "SEOBNRv3")
    assert overall["prior_samples"] == 55


def test_the_release_of_gwtc1_is_read(shared: Path) -> None:
    found = summarise(shared / "data" / "pe" / "GW170608_GWTC-1.hdf5")
    runs = {run["label"]: run for run in found["runs"]}
    assert {label: run["samples"] for label, run in runs.items()} == {"IMRPhenomPv2": 22641, "Overall": 6448, "SEOBNRv3": 3224}
    with h5py.File(shared / "data" / "pe" / "GW170608_GWTC-1.hdf5") as file:
        distance = file["Overall_posterior"]["luminosity_distance_Mpc"]
    assert runs["Overall"]["parameters"]["luminosity_distance_Mpc"]["median"] == numpy.median(distance)


@pytest.mark.slow
def test_bilbys_and_pesummarys_own_readers_give_the_same_numbers(shared: Path, columns: dict[str, Any], tmp_path: Path) -> None:
    from bilby.core.prior import PriorDict, Uniform
    from bilby.core.result import Result, read_in_result
    from pandas import DataFrame
    from pesummary.io import read, write

    real = shared / "data" / "pe" / "bilby_example_result.json"
    (run,) = summarise(real)["runs"]
    theirs = read_in_result(str(real))
    assert run["evidence"]["ln_bayes_factor"] == theirs.log_bayes_factor
    assert run["evidence"]["ln_evidence_error"] == theirs.log_evidence_err
    for name, values in run["parameters"].items():
        assert values["median"] == pytest.approx(numpy.median(theirs.posterior[name]), rel=1e-12)
    made = Result(
        label="x",
        outdir=str(tmp_path),
        search_parameter_keys=list(columns),
        posterior=DataFrame(columns),
        priors=PriorDict({name: Uniform(0, 1000) for name in columns}),
        log_evidence=-1,
    )
    for extension in ("hdf5", "json"):
        made.save_to_file(extension=extension, overwrite=True)
        (run,) = summarise(tmp_path / f"x_result.{extension}")["runs"]
        assert run["parameters"]["chirp_mass"]["high"] == pytest.approx(numpy.quantile(columns["chirp_mass"], 0.95), rel=1e-12)
        assert run["sampled"] == list(columns)
    table = numpy.array(list(columns.values())).T
    for filename, hdf5 in (("p.h5", True), ("p.json", False)):
        kwargs = {"package": "gw", "file_format": "pesummary", "outdir": str(tmp_path), "label": "one", "filename": filename}
        write(list(columns), table, hdf5=hdf5, **kwargs)
        (run,) = summarise(tmp_path / filename)["runs"]
        # PESummary 1.8.1 does not read the JSON that it has just written (no injection_values)
        column = read(str(tmp_path / filename)).samples_dict["one"]["mass_ratio"] if hdf5 else columns["mass_ratio"]
        assert run["parameters"]["mass_ratio"]["median"] == pytest.approx(numpy.median(column), rel=1e-12)


# ---- what is not finite ------------------------------------------------------------------------------------------------------
def test_what_python_writes_for_no_number_is_read_and_counted(columns: dict[str, Any], tmp_path: Path) -> None:
    columns["mass_ratio"][:3] = numpy.nan, numpy.inf, -numpy.inf
    path = files.bilby_json(
        tmp_path / "r.json", columns, log_noise_evidence=math.nan, log_evidence_err=-math.inf, label="a, NaN, b"
    )
    assert ": NaN" in path.read_text()
    (run,) = summarise(path)["runs"]
    assert run["not_finite"] == {"mass_ratio": 3}
    assert run["evidence"] == {"ln_evidence": -4180.5, "ln_bayes_factor": 300.0}
    low, median, high = numpy.quantile(columns["mass_ratio"][3:], [0.05, 0.5, 0.95])
    assert run["parameters"]["mass_ratio"] == {"median": median, "low": low, "high": high}


def test_words_for_no_number_are_found_wherever_a_piece_ends(
    columns: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns["mass_ratio"][::2] = numpy.nan
    path = files.bilby_json(tmp_path / "r.json", columns)
    path.write_text(path.read_text().replace(", ", ","))
    for size in (33, 64, 101, 1000):
        monkeypatch.setattr("gwfollow.results.json_posteriors._PIECE", size)
        (run,) = summarise(path)["runs"]
        assert run["not_finite"] == {"mass_ratio": 200}


# ---- broken and hostile ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name in files.FORMATS if name != "text"])
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.6, 0.98])
def test_a_file_that_was_cut_is_told(name: str, keep: float, columns: dict[str, Any], tmp_path: Path) -> None:
    write, filename = files.FORMATS[name]
    path = write(tmp_path / filename, columns)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(Unreadable, match=filename):
        summarise(path)


def test_links_and_data_in_other_files_are_refused(columns: dict[str, Any], tmp_path: Path) -> None:
    secret = files.bilby_hdf5(tmp_path / "secret.hdf5", columns)
    for number, link in enumerate((h5py.ExternalLink(str(secret), "/posterior"), h5py.SoftLink("/elsewhere"))):
        path = tmp_path / f"{number}.hdf5"
        with h5py.File(path, "w") as file:
            file["elsewhere"] = h5py.ExternalLink(str(secret), "/posterior")
            file["posterior"] = link
        with pytest.raises(Unreadable, match="is not followed"):
            summarise(path)
    path = tmp_path / "external.hdf5"
    (tmp_path / "raw").write_bytes(b"0" * 800)
    with h5py.File(path, "w") as file:
        file.create_dataset("posterior/chirp_mass", (100,), dtype="f8", external=[(str(tmp_path / "raw"), 0, 800)])
    with pytest.raises(Unreadable, match="another file"):
        summarise(path)
    path = tmp_path / "virtual.hdf5"
    layout = h5py.VirtualLayout((400,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "posterior/chirp_mass", (400,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("posterior/chirp_mass", layout)
    with pytest.raises(Unreadable, match="another file"):
        summarise(path)


def test_sizes_that_are_only_claimed_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("posterior/chirp_mass", (10**12,), dtype="f8", chunks=(1000,))
    assert path.stat().st_size < 100_000
    with pytest.raises(Unreadable, match="1000000000000 samples"):
        summarise(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"posterior/mass_ratio": numpy.ones(3)}, "3 samples of mass_ratio, 400 of chirp_mass"),
        ({f"posterior/{name}": numpy.array([]) for name in files.NAMES}, "is empty"),
        ({f"posterior/{name}": numpy.ones((400, 2)) for name in files.NAMES}, "is empty"),
    ],
)
def test_wrong_shapes_are_told(changes: dict[str, Any], reason: str, columns: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=reason):
        summarise(files.bilby_hdf5(tmp_path / "r.hdf5", columns, **changes))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1, 2]", "no object with names at its top"),
        ('{"a": 1}', "no posterior samples"),
        ('{"posterior": {"content": {}}}', "no posterior samples"),
        ('{"posterior": {"content": {"a": [1, 2], "b": [1]}}}', "1 samples of b, 2 of a"),
        ('{"posterior": {"content": {"a": [1, 2]}}} x', "cannot be read"),
        (
            '{"x": {"posterior_samples": {"parameter_names": ["a"], "samples": [[1, 2], [3]]}}}',
            "row 2 has 1 numbers, the first 2",
        ),
        ('{"x": {"posterior_samples": {"parameter_names": ["a"], "samples": [[1, 2]]}}}', "1 names of parameters"),
        ('{"x": {"posterior_samples": {"parameter_names": ["a"], "samples": [["y"]]}}}', "y where a number was expected"),
        ("{" + '"a": {' * 5000 + '"b": 1' + "}" * 5001, "cannot be read|no posterior samples"),
    ],
)
def test_json_of_another_shape_is_told(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(Unreadable, match=reason):
        summarise(tmp_path / "r.json")


def test_pickles_and_objects_are_never_loaded(columns: dict[str, Any], tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "gone off"),))

    poison = numpy.array([numpy.void(pickle.dumps(Bomb()))])
    (run,) = summarise(files.bilby_hdf5(tmp_path / "r.hdf5", columns, **{"posterior/bomb": poison}))["runs"]
    assert "bomb" in run["left_out"]
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(Unreadable, match="neither HDF5 nor JSON"):
        summarise(tmp_path / "r.pkl")
    assert not (tmp_path / "gone off").exists()


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("pipe", "no ordinary file"), ("none", "cannot be read"), ("", "no ordinary file")):
        with pytest.raises(Unreadable, match=reason):
            summarise(tmp_path / name)


# ---- in a process of its own -------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_reader_that_crashes_or_hangs_takes_only_its_own_process_with_it(
    columns: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.bilby_hdf5(tmp_path / "r.hdf5", columns)
    assert summarise_apart(path, path.name) == json.loads(json.dumps(summarise(path)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    crash = "import builtins, os, sys\nif 'gwfollow.results.apart' in ' '.join(sys.orig_argv): {}\n"
    (tmp_path / "sitecustomize.py").write_text(crash.format("os.kill(os.getpid(), 11)"))
    assert summarise_apart(path, path.name, insist=True) == {"error": "the reader was ended by signal 11"}
    (tmp_path / "sitecustomize.py").write_text(crash.format("import time; time.sleep(60)"))
    monkeypatch.setattr("gwfollow.results.apart.PATIENCE", 0.5)
    assert summarise_apart(path, path.name, insist=True) == {"error": "not read in 0 s"}
    assert summarise_apart(path, "notes.txt") == {}


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((30.92345, 29.70123, 32.20456), ("30.92", "29.70", "32.20")),
        ((1126259462.41213, 1126259462.409, 1126259462.415), ("1126259462.41213", "1126259462.40900", "1126259462.41500")),
        ((486.3, 319.2, 620.7), ("486", "319", "621")),
        ((0.4, 0.4, 0.4), ("0.4", "0.4", "0.4")),
        ((1.5e-5, 1.2e-5, 1.9e-5), ("1.5e-05", "1.2e-05", "1.9e-05")),
    ],
)
def test_numbers_have_the_digits_that_the_interval_gives_them(values: tuple[float, ...], shown: tuple[str, ...]) -> None:
    assert rounded(*values) == shown

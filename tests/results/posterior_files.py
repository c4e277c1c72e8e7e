"""Posterior files of every format, small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy

NAMES = ("chirp_mass", "mass_ratio", "luminosity_distance")


def samples(size: int = 400, seed: int = 1) -> dict[str, Any]:
    random = numpy.random.default_rng(seed)
    columns = (random.normal(31, 1, size), random.uniform(0.3, 1, size), random.uniform(300, 600, size))
    return dict(zip(NAMES, columns, strict=True))


def records(columns: dict[str, Any]) -> Any:
    table = numpy.empty(len(next(iter(columns.values()))), dtype=[(name, "<f8") for name in columns])
    for name, column in columns.items():
        table[name] = column
    return table


def bilby_hdf5(path: Path, columns: dict[str, Any], **more: Any) -> Path:
    """As bilby 2 writes it: a dataset for each column, texts among them."""
    size = len(next(iter(columns.values())))
    values: dict[str, Any] = {
        "label": "run1",
        "sampler": "dynesty",
        "log_evidence": -4180.5,
        "log_evidence_err": 0.2,
        "log_noise_evidence": -4480.5,
        "log_bayes_factor": 300.0,
        "search_parameter_keys": numpy.array(list(columns), dtype=object),
        "meta_data/likelihood/waveform_arguments/waveform_approximant": "IMRPhenomXPHM",
        "posterior/waveform_approximant": numpy.array([b"IMRPhenomXPHM"] * size, dtype=object),
        **{f"posterior/{name}": column for name, column in columns.items()},
        **more,
    }
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[name] = value
    return path


def bilby_json(path: Path, columns: dict[str, Any], **more: Any) -> Path:
    content = {name: list(map(float, column)) for name, column in columns.items()}
    document = {
        "label": "run1",
        "log_evidence": -4180.5,
        "log_bayes_factor": 300.0,
        "log_noise_evidence": -4480.5,
        "search_parameter_keys": list(columns),
        "posterior": {"__dataframe__": True, "content": content},
        "nested_samples": {"__dataframe__": True, "content": {"chirp_mass": [1.0] * 50}},
    }
    path.write_text(json.dumps(document | more))
    return path


def pesummary_hdf5(path: Path, columns: dict[str, Any], labels: tuple[str, ...] = ("C01:Mixed", "C01:XPHM")) -> Path:
    with h5py.File(path, "w") as file:
        file["version/pesummary"] = numpy.array([b"1.0.0"])
        file["history/creator"] = numpy.array([b"alice"])
        for label in labels:
            file[f"{label}/approximant"] = numpy.array([b"IMRPhenomXPHM"])
            file[f"{label}/posterior_samples"] = records(columns)
            file[f"{label}/meta_data/sampler/ln_evidence"] = numpy.array([-10.0])
            file[f"{label}/meta_data/sampler/ln_noise_evidence"] = numpy.array([-30.0])
            file[f"{label}/priors/samples/chirp_mass"] = numpy.ones(77)
    return path


def old_pesummary_hdf5(path: Path, columns: dict[str, Any], label: str = "EXP1") -> Path:
    with h5py.File(path, "w") as file:
        file[f"posterior_samples/{label}/parameter_names"] = numpy.array([name.encode() for name in columns])
        file[f"posterior_samples/{label}/samples"] = numpy.array(list(columns.values())).T
        file[f"approximant/{label}"] = numpy.array([b"IMRPhenomD"])
        file[f"meta_data/{label}/sampler/ln_evidence"] = -5.0
    return path


def pesummary_json(path: Path, columns: dict[str, Any], label: str = "C01:XPHM", **table: Any) -> Path:
    rows = numpy.array(list(columns.values())).T.tolist()
    body = {
        "approximant": ["IMRPhenomXPHM"],
        "meta_data": {"sampler": {"ln_evidence": [-10.0]}, "meta_data": {"f_low": [20]}},
        "posterior_samples": {"parameter_names": list(columns), "samples": rows} | table,
        "priors": {"samples": {"chirp_mass": [1.0] * 77}},
        "psds": {"H1": [[20.0, 1e-46]]},
    }
    path.write_text(json.dumps({"version": {"pesummary": ["1.0.0"]}, label: body}))
    return path


def old_pesummary_json(path: Path, columns: dict[str, Any], label: str = "EXP1") -> Path:
    rows = numpy.array(list(columns.values())).T.tolist()
    samples_ = {label: {"samples": rows, "parameter_names": list(columns)}}  # the names after the rows
    path.write_text(json.dumps({"posterior_samples": samples_, "approximant": {label: "IMRPhenomD"}}))
    return path


def lalinference_hdf5(path: Path, columns: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        file["lalinference/lalinference_nest/posterior_samples"] = records(columns)
        group = file["lalinference/lalinference_nest"]
        group.attrs["log_evidence"], group.attrs["log_noise_evidence"] = -100.0, -160.0
        group["posterior_samples"].attrs["LAL_APPROXIMANT"] = 69
    return path


def gwtc1_hdf5(path: Path, columns: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        file["Overall_posterior"], file["SEOBNRv3_posterior"] = records(columns), records(columns)
        file["prior"] = records(samples(55))
    return path


def rift_dat(path: Path, columns: dict[str, Any]) -> Path:
    lines = [" ".join(map(repr, map(float, row))) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(["# " + " ".join(columns), *lines]) + "\n")
    return path


FORMATS = {
    "bilby HDF5": (bilby_hdf5, "r.hdf5"),
    "bilby JSON": (bilby_json, "r.json"),
    "PESummary HDF5": (pesummary_hdf5, "p.h5"),
    "PESummary HDF5 (old layout)": (old_pesummary_hdf5, "o.h5"),
    "PESummary JSON": (pesummary_json, "p.json"),
    "PESummary JSON (old layout)": (old_pesummary_json, "o.json"),
    "LALInference HDF5": (lalinference_hdf5, "posterior_H1L1.hdf5"),
    "GWTC-1 HDF5": (gwtc1_hdf5, "GW170608_GWTC-1.hdf5"),
    "text": (rift_dat, "extrinsic_posterior_samples.dat"),
}

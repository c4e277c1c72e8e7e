"""Reading bilby's result files, HDF5 and JSON, without bilby: completeness, samples, intervals.

h5py and numpy are imported where they are used: a scheduler's process that only lists pipelines has no need of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.errors import PipelineError

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Result:
    """The checked contents of one result file."""

    path: Path
    log_evidence: float
    log_bayes_factor: float
    sampled: tuple[str, ...]  # names of the sampled parameters
    posterior: dict[str, numpy.ndarray]  # every numeric column; masses in solar masses in the detector frame, Mpc, rad, GPS s

    @property
    def size(self) -> int:
        return len(self.posterior[self.sampled[0]])

    def interval(self, parameter: str, credibility: float = 0.9) -> tuple[float, float, float]:
        """Median, lower and upper end of the symmetric credible interval.  Raises `PipelineError` for a parameter that is not there."""
        import numpy

        if parameter not in self.posterior:
            raise PipelineError(f"{self.path} has no samples of {parameter}")
        edge = 50 * (1 - credibility)
        low, median, high = numpy.percentile(self.posterior[parameter], [edge, 50, 100 - edge])
        return float(median), float(low), float(high)


def read(path: Path) -> Result:
    """Open a result and check that it is whole: evidence finite, a table that is not empty, every sampled parameter there and finite.

    Raises `PipelineError` that says what is wrong.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise PipelineError(f"{path} is empty or not there")
    try:
        raw = _read_json(path) if path.suffix == ".json" else _read_hdf5(path)
    except PipelineError:
        raise
    except Exception as error:  # h5py and json each have many ways to say that a file is cut off
        raise PipelineError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    return _checked(path, *raw)


def _read_hdf5(path: Path) -> tuple[float, float, list[str], dict[str, Any]]:
    import h5py

    with h5py.File(path, "r") as file:
        for key in ("posterior", "search_parameter_keys", "log_evidence"):
            if key not in file:
                raise PipelineError(f"{path} has no {key}: it is not a result of bilby")
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in file["search_parameter_keys"][()]]
        table = {name: column[()] for name, column in file["posterior"].items() if getattr(column, "ndim", 0) == 1}
        bayes = file["log_bayes_factor"][()] if "log_bayes_factor" in file else math.nan
        return float(file["log_evidence"][()]), float(bayes), names, table


def _read_json(path: Path) -> tuple[float, float, list[str], dict[str, Any]]:
    with path.open() as stream:
        document = json.load(stream)
    try:
        table = document["posterior"]["content"]
        names = list(document["search_parameter_keys"])
        evidence = float(document["log_evidence"])
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{path} is not a result of bilby: {type(error).__name__}: {error}") from error
    bayes = document.get("log_bayes_factor")
    return evidence, float(bayes) if bayes is not None else math.nan, names, dict(table)


def _checked(path: Path, evidence: float, bayes: float, names: list[str], table: dict[str, Any]) -> Result:
    import numpy

    if not math.isfinite(evidence):
        raise PipelineError(f"{path}: the log evidence is {evidence}")
    if not names:
        raise PipelineError(f"{path} names no sampled parameters")
    numeric = {}
    for name, column in table.items():
        values = numpy.asarray(column)
        if values.ndim == 1 and values.dtype.kind in "fiu":
            numeric[name] = values
    for name in names:
        if name not in numeric:
            raise PipelineError(f"{path} has no samples of {name}")
        if not len(numeric[name]):
            raise PipelineError(f"{path}: the table of samples is empty")
        if len(numeric[name]) != len(numeric[names[0]]):
            raise PipelineError(f"{path}: {len(numeric[name])} samples of {name}, {len(numeric[names[0]])} of {names[0]}")
        if not numpy.isfinite(numeric[name]).all():
            raise PipelineError(f"{path}: samples of {name} are not finite")
    return Result(path, evidence, bayes, tuple(names), numeric)

"""Reading lalinference's merged samples (HDF5) without lalinference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gwfollow.errors import PipelineError

if TYPE_CHECKING:
    import numpy


def read_samples(path: Path) -> numpy.ndarray:
    """The table ``lalinference/<engine>/posterior_samples``: masses in solar masses in the detector frame, Mpc, rad, GPS s.

    Raises `PipelineError` where the file cannot be opened, has no table, or one that is empty or not finite.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise PipelineError(f"{path} is empty or not there")
    try:
        table = _table(path)
    except PipelineError:
        raise
    except Exception as error:  # h5py has many ways to say that a file is cut off
        raise PipelineError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    import numpy

    if not table.dtype.names or not len(table):
        raise PipelineError(f"{path}: the table of samples is empty")
    for name in table.dtype.names:
        if table.dtype[name].kind in "fiu" and not numpy.isfinite(table[name]).all():
            raise PipelineError(f"{path}: samples of {name} are not finite")
    if "logL" not in table.dtype.names:
        raise PipelineError(f"{path} has no logL: it is not a result of lalinference")
    return table


def _table(path: Path) -> numpy.ndarray:
    import h5py

    with h5py.File(path, "r") as file:
        engines = file.get("lalinference")
        tables = (
            [engines[name]["posterior_samples"] for name in engines if "posterior_samples" in engines[name]] if engines else []
        )
        if not tables:
            raise PipelineError(f"{path} has no lalinference/*/posterior_samples")
        found: numpy.ndarray = tables[0][()]
        return found

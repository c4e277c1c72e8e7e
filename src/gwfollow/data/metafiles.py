"""What PESummary's files and the releases of GWTC hold beside samples: PSDs and calibration envelopes, by analysis and detector.

The groups of such a file are its analyses.  An analysis has ``psds/H1``, and the envelope that it was given under ``priors``:
``calibration_raw`` is the file as it was, ``calibration`` the same after PESummary's change of convention.  ``calibration_envelope`` is
something else, the *posterior* of the calibration, and is not taken for one.  GWTC-1's files have tables of samples only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gwfollow.errors import InputError, PipelineError

T = TypeVar("T")
_NO_ANALYSIS = frozenset({"history", "version"})
#: how GWTC-1 ends the names of its tables
_POSTERIOR = "_posterior"


def analyses(path: Path) -> dict[str, int]:
    """The analyses in a file with their numbers of samples.  Raises `PipelineError` for a file that has none."""
    return _opened(path, _analyses)


def psds(path: Path, analysis: str | None, ifos: Collection[str], folder: Path) -> dict[str, Path]:
    """The PSD (Hz, 1/Hz) of each detector as a text file in `folder`.

    Raises `InputError` where the file has not what is asked for, `PipelineError` for numbers that are no PSD.
    """
    return _opened(path, lambda file: _written(file, path, analysis, ifos, _PSDS, folder))


def envelopes(path: Path, analysis: str | None, ifos: Collection[str], folder: Path) -> dict[str, Path]:
    """The calibration envelope of each detector as a text file in `folder`.  Raises as `psds`."""
    return _opened(path, lambda file: _written(file, path, analysis, ifos, _ENVELOPES, folder))


def check_samples(path: Path, analysis: str | None) -> None:
    """Raises `InputError` where the analysis that is asked for is not in the file, `PipelineError` where it has no samples."""
    found = analyses(path)
    if analysis is not None:
        if analysis not in found:
            raise InputError(f"{path}, analysis", analysis, f"one of {', '.join(found)}")
        found = {analysis: found[analysis]}
    for name, size in found.items():
        if not size:
            raise PipelineError(f"{path}: the samples of {name} are empty")


def _analyses(file: Any) -> dict[str, int]:
    found = {}
    for name, group in file.items():
        if name in _NO_ANALYSIS:
            continue
        if hasattr(group, "keys"):
            if "posterior_samples" in group:
                found[name] = _length(group["posterior_samples"])
        elif name.endswith(_POSTERIOR):
            found[name.removesuffix(_POSTERIOR)] = len(group)
    if not found:
        raise PipelineError(f"{file.filename} has no samples of any analysis: it is no file of PESummary or GWTC")
    return found


def _length(samples: Any) -> int:
    """Samples are one table, or (older) a group with the table inside."""
    return len(samples["samples"]) if hasattr(samples, "keys") else len(samples)


def _written(file: Any, path: Path, analysis: str | None, ifos: Collection[str], kind: _Kind, folder: Path) -> dict[str, Path]:
    import numpy

    have = {name: group for name in _analyses(file) if (group := _first(file, name, kind.groups))}
    if analysis is None and len(have) > 1:
        raise InputError(f"{path}, analysis", None, f"which one's {kind.name} are meant: {', '.join(have)}")
    chosen = analysis if analysis is not None else next(iter(have), None)
    if chosen not in have:
        raise InputError(f"{kind.name} in {path}", chosen, f"one of those that have any: {', '.join(have) or 'none has'}")
    missing = [ifo for ifo in ifos if ifo not in have[chosen]]
    if missing:
        raise InputError(f"{kind.name} of {chosen} in {path}", sorted(have[chosen]), f"{' and '.join(missing)} too")
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for ifo in ifos:
        table = numpy.asarray(have[chosen][ifo][()], dtype=float)
        kind.check(table, f"{path}, {chosen}, {kind.name} of {ifo}")
        target, draft = folder / f"{ifo}.dat", folder / f".{ifo}.dat.draft"
        numpy.savetxt(draft, table, fmt="%.10g", header=f"{kind.name} of {ifo} from {path.name}, analysis {chosen}")
        draft.replace(target)
        made[ifo] = target
    return made


def _first(file: Any, analysis: str, groups: tuple[str, ...]) -> Any:
    """The first of the groups that the analysis has and that is not empty."""
    for group in groups:
        place = f"{analysis}/{group}"
        if place in file and hasattr(file[place], "keys") and len(file[place]):
            return file[place]
    return None


def _check_psd(table: Any, what: str) -> None:
    import numpy

    if table.ndim != 2 or table.shape[1] != 2 or len(table) < 2:
        raise PipelineError(f"{what} have the shape {table.shape}, not two columns")
    if not (numpy.diff(table[:, 0]) > 0).all() or not numpy.isfinite(table[:, 0]).all() or (table[:, 1] < 0).any():
        raise PipelineError(f"{what}: frequencies do not rise, or a power is negative")
    if not any(math.isfinite(power) and power > 0 for power in table[:, 1]):
        raise PipelineError(f"{what}: no power is positive and finite")


def _check_envelope(table: Any, what: str) -> None:
    import numpy

    if table.ndim != 2 or table.shape[1] != 7 or len(table) < 2:
        raise PipelineError(f"{what} have the shape {table.shape}, not seven columns")
    if not numpy.isfinite(table).all() or not (numpy.diff(table[:, 0]) > 0).all():
        raise PipelineError(f"{what}: frequencies do not rise, or numbers are not finite")


@dataclass(frozen=True)
class _Kind:
    name: str
    groups: tuple[str, ...]  # of an analysis; the first that is there
    check: Callable[[Any, str], None]


_PSDS = _Kind("PSDs", ("psds",), _check_psd)
_ENVELOPES = _Kind("calibration envelopes", ("priors/calibration_raw", "priors/calibration"), _check_envelope)


def _opened(path: Path, action: Callable[[Any], T]) -> T:
    import h5py

    if not path.is_file() or path.stat().st_size == 0:
        raise PipelineError(f"{path} is empty or not there")
    try:
        with h5py.File(path, "r") as file:
            return action(file)
    except (PipelineError, InputError):
        raise
    except Exception as error:  # h5py has many ways to say that a file is cut off
        raise PipelineError(f"{path} cannot be read: {type(error).__name__}: {error}") from error

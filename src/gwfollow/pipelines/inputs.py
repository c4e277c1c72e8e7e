"""The files that an analysis reads: strain, caches, PSDs, calibration.  The one place that says where each comes from.

    the analysis' own document  >  what the analyses that it needs have made  >  the event's document (with all defaults)

detector by detector.  Each file is looked for before any builder starts; one that another analysis made must still have the SHA-256
that was collected, and one that nobody has made is told with the name of who should have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.pipelines import makers
from gwfollow.pipelines.base import Task

#: assets that a document can name too, and under which key
ASSETS = {"psds": "psds", "calibration": "data.calibration", "data files": "data.data files", "cache files": "data.cache files"}
#: suffixes of GWOSC's HDF5 files; everything else is read as a frame file
HDF5_SUFFIXES = frozenset({".hdf5", ".h5", ".hdf"})
# bilby_pipe reads dictionaries of paths by splitting at these, and drops spaces without a word
_SPLITS = re.compile(r"""[\s:,=\[\]{}()"'#]""")


def detectors(task: Task) -> tuple[str, ...]:
    """The interferometers of the analysis.  Raises `InputError` where there is none."""
    if not task.interferometers:
        raise InputError("interferometers", list(task.interferometers), "at least one detector, such as H1")
    return task.interferometers


def event_time(task: Task) -> float:
    """GPS time of the event in seconds.  Raises `InputError` where it is not known."""
    if task.gps is None:
        raise InputError("event time", None, "the GPS time of the event in seconds")
    return float(task.gps)


def number(task: Task, path: str, default: float | None = None, *, unit: str = "", above: float = 0.0) -> float:
    """A number of the document, greater than `above`.  Raises `InputError`."""
    value = task.get(path, default)
    expected = f"a number above {above:g}" + (f" ({unit})" if unit else "")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise InputError(path, value, expected) from None
    if isinstance(value, bool) or not math.isfinite(result) or result <= above:
        raise InputError(path, value, expected)
    return result


def per_detector(task: Task, name: str, default: float | None = None) -> dict[str, float]:
    """A frequency for each detector (Hz): ``likelihood.<name>``, or asimov's older ``quality.<name>``; one number counts for all.

    Detectors without a value are left out.  Raises `InputError` for a value that is no frequency.
    """
    for section in ("likelihood", "quality"):
        value = task.get(f"{section}.{name}")
        if value is None:
            continue
        values = value if isinstance(value, Mapping) else dict.fromkeys(detectors(task), value)
        found = {}
        for ifo in detectors(task):
            if ifo in values:
                found[ifo] = _frequency(values[ifo], f"{section}.{name}.{ifo}")
        return found
    return {} if default is None else dict.fromkeys(detectors(task), default)


def data_files(task: Task) -> dict[str, tuple[Path, ...]]:
    """Strain files of each detector: the analysis' own ``data.data files``, else what it needs has fetched, else the event's.

    Empty where nobody names any.  Raises `InputError` where a detector has no file, a file is not there or not what was collected,
    or bilby_pipe could not read its name.
    """
    return _several(task, "data files", "data.data files", "a strain file for {ifo}, which the analysis uses")


def cache_files(task: Task) -> dict[str, Path]:
    """The LAL cache file of each detector, from where `data_files` come from; empty where nobody names any.  Raises `InputError`."""
    found = _several(task, "cache files", "data.cache files", "a LAL cache file for {ifo}, which the analysis uses")
    return {ifo: paths[0] for ifo, paths in found.items()}


def channels(task: Task) -> dict[str, str]:
    """The strain channel of each detector with its prefix, such as ``H1:GDS-CALIB_STRAIN``; detectors without one are left out.

    Raises `InputError` for a name that is no channel, or another detector's.
    """
    given = task.get("data.channels") or {}
    found = {}
    for ifo in detectors(task):
        name = given.get(ifo)
        if name is None:
            continue
        full = name if isinstance(name, str) and ":" in name else f"{ifo}:{name}"
        if not re.fullmatch(rf"{re.escape(ifo)}:[A-Za-z][A-Za-z0-9_.-]*", full):
            raise InputError(f"data.channels.{ifo}", name, f"a channel of {ifo}, such as {ifo}:GDS-CALIB_STRAIN")
        found[ifo] = full
    return found


def data_format(files: Mapping[str, Sequence[Path]]) -> str:
    """``gwf`` or ``hdf5.gwosc`` (gwpy's names) for files that are all of one kind.  Raises `InputError`."""
    kinds = {"hdf5.gwosc" if path.suffix in HDF5_SUFFIXES else "gwf" for paths in files.values() for path in paths}
    if len(kinds) > 1:
        raise InputError("data.data files", sorted(kinds), "files of one kind: all frames, or all GWOSC HDF5")
    return kinds.pop() if kinds else "gwf"


def psds(task: Task) -> dict[str, Path]:
    """The PSD file of each detector: the analysis' own ``psds``, else what it needs has made, else the event's.

    Raises `InputError` that names every detector without one, and who should have made it.
    """
    rate = task.get("likelihood.sample rate")
    own = _by_rate(task.own.get("psds"), rate)
    rest = _by_rate(task.document.get("psds"), rate)
    found, missing = _one_each(task, "psds", own, rest)
    if missing:
        raise InputError(
            f"psds of {' and '.join(missing)}",
            sorted(found),
            f"a PSD for every detector: {makers.blame(task, 'psds')}, and no `psds` of the analysis or the event name one",
        )
    return found


def calibration(task: Task) -> dict[str, Path]:
    """The calibration envelope of each detector: own ``data.calibration``, else what is needed has found, else the event's.

    Empty where there is none or where it is switched off.  Raises `InputError` where only some detectors have one.
    """
    if task.get("likelihood.calibration.sample", True) is False:
        return {}
    own = _section(task.own, "data.calibration")
    found, missing = _one_each(task, "calibration", own, task.get("data.calibration") or {})
    if found and missing:
        raise InputError(
            "data.calibration",
            sorted(found),
            f"an envelope for {' and '.join(missing)} too, or none at all: {makers.blame(task, 'calibration')}",
        )
    return found


def made(task: Task, asset: str) -> dict[str, Path]:
    """An asset of what the analysis needs (``xml psds``, ``skymap``, ``reconstructions``, ...), by label; it must be as it was collected.

    Raises `InputError` that says who should have made it where nobody has.
    """
    files = task.take(asset)
    if not files:
        raise InputError(asset, None, f"files that an analysis among `needs` has made: {makers.blame(task, asset)}")
    return {label: makers.unchanged(task, asset, label) for label in files}


def existing(name: object, place: str) -> Path:
    """An absolute path of a file that is there, with a name that bilby_pipe's configuration can hold.  Raises `InputError`."""
    path = Path(str(name)).expanduser()
    if not path.is_absolute():
        raise InputError(place, name, "an absolute path")
    if _SPLITS.search(str(path)):
        raise InputError(place, name, "a path without spaces, quotes, brackets or any of : , = #")
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise InputError(place, name, f"a file that can be read ({error.strerror})") from None
    if empty or not path.is_file():
        raise InputError(place, name, "a file that is not empty")
    return path


def _one_each(task: Task, asset: str, own: Mapping[str, Any], rest: Mapping[str, Any]) -> tuple[dict[str, Path], list[str]]:
    """One file for each detector by the order own, made, event's; and the detectors without one."""
    place = ASSETS[asset]
    taken = task.take(asset)
    found, missing = {}, []
    for ifo in detectors(task):
        if own.get(ifo):
            found[ifo] = existing(own[ifo], f"{place}.{ifo}")
        elif ifo in taken:
            found[ifo] = existing(makers.unchanged(task, asset, ifo), f"{place}.{ifo}")
        elif rest.get(ifo):
            found[ifo] = existing(rest[ifo], f"{place}.{ifo}")
        else:
            missing.append(ifo)
    return found, missing


def _several(task: Task, asset: str, place: str, expected: str) -> dict[str, tuple[Path, ...]]:
    """One or several files for each detector by the same order; empty where nobody names any."""
    own, rest = _section(task.own, place), task.get(place) or {}
    if not isinstance(rest, Mapping):
        raise InputError(place, rest, "a mapping from detector to file or list of files")
    taken = makers.by_detector(task.take(asset))
    if not (own or taken or rest):
        return {}
    found = {}
    for ifo in detectors(task):
        if own.get(ifo):
            names: Any = own[ifo]
        elif ifo in taken:
            names = [makers.unchanged(task, asset, label) for label in taken[ifo]]
        else:
            names = rest.get(ifo) or ()
        names = [names] if isinstance(names, str | Path) else names
        if not names:
            given = f"; {makers.blame(task, asset)}" if taken else ""
            raise InputError(f"{place}.{ifo}", rest.get(ifo), expected.format(ifo=ifo) + given)
        found[ifo] = tuple(existing(name, f"{place}.{ifo}") for name in names)
    return found


def _section(document: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    here: Any = document
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}


def _by_rate(given: Any, rate: Any) -> dict[str, Any]:
    """``{H1: path}``, or asimov's older ``{4096: {H1: path}}`` at this sample rate."""
    if not isinstance(given, Mapping):
        return {}
    for key, value in given.items():
        if isinstance(value, Mapping):
            if rate is not None and str(key).isdigit() and float(key) == float(rate):
                return dict(value)
        elif isinstance(value, str | Path):
            return {ifo: path for ifo, path in given.items() if isinstance(path, str | Path)}
    return {}


def _frequency(value: Any, place: str) -> float:
    try:
        frequency = float(value)
    except (TypeError, ValueError):
        frequency = math.nan
    if isinstance(value, bool) or not 0 < frequency < 1e6:
        raise InputError(place, value, "a frequency in Hz")
    return frequency

"""What lalinference, RIFT and BayesWave read alike: detectors, band, strain by LAL caches, bounds of priors, lalinference's INI form."""

from __future__ import annotations

import ast
import configparser
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.data import names, segments
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import Task

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_PI = re.compile(r"\s*(\d+(?:\.\d*)?|)\s*\*?\s*(?:np\.|math\.)?pi\s*(?:/\s*(\d+(?:\.\d*)?))?\s*")


@dataclass(frozen=True)
class Strain:
    """The stretch of data that is analysed.  Times in s (GPS), frequencies in Hz."""

    ifos: tuple[str, ...]
    event_time: float
    duration: float
    start: float
    sample_rate: int
    minimum_frequency: dict[str, float]
    maximum_frequency: dict[str, float]
    channels: dict[str, str]  # with the detector's prefix
    frame_types: dict[str, str]
    caches: dict[str, str]  # detector -> LAL cache file; empty where frames are looked for by datafind
    psds: dict[str, str]
    calibration: dict[str, str]
    state_vectors: dict[str, str]


def strain(task: Task, *, psds: bool = True) -> Strain:
    """Read and check the data part of the document.  Raises `InputError`."""
    ifos = inputs.detectors(task)
    duration = inputs.number(task, "data.segment length", unit="s")
    rate = sample_rate(task)
    lowest = inputs.per_detector(task, "minimum frequency", 20.0)
    given = inputs.per_detector(task, "maximum frequency")
    highest = {ifo: given.get(ifo, rate / 2) for ifo in ifos}
    for ifo in ifos:
        if ifo not in lowest:
            raise InputError("likelihood.minimum frequency", lowest, f"a frequency (Hz) for {ifo} too")
        if not lowest[ifo] < highest[ifo] <= rate / 2:
            expected = f"above {lowest[ifo]:g} Hz and at most half the sample rate, {rate / 2:g} Hz"
            raise InputError(f"likelihood.maximum frequency.{ifo}", highest[ifo], expected)
    start = segment_start(task, duration)
    caches = cache_paths(task, start, start + duration)
    return Strain(
        ifos=ifos,
        event_time=inputs.event_time(task),
        duration=duration,
        start=start,
        sample_rate=rate,
        minimum_frequency={ifo: lowest[ifo] for ifo in ifos},
        maximum_frequency=highest,
        channels=_each(inputs.channels(task), ifos, "data.channels", "a strain channel"),
        frame_types=_frame_types(task, ifos, needed=not caches),
        caches={ifo: str(path) for ifo, path in caches.items()},
        psds={ifo: str(path) for ifo, path in inputs.psds(task).items()} if psds else {},
        calibration={ifo: str(path) for ifo, path in inputs.calibration(task).items()},
        state_vectors=_state_vectors(task, ifos),
    )


def sample_rate(task: Task) -> int:
    """``likelihood.sample rate`` in Hz, a power of two as these codes insist.  Raises `InputError`."""
    rate = inputs.number(task, "likelihood.sample rate", unit="Hz")
    if rate != int(rate) or int(rate).bit_count() != 1:
        raise InputError("likelihood.sample rate", task.get("likelihood.sample rate"), "a power of two (Hz), such as 4096")
    return int(rate)


def segment_start(task: Task, duration: float) -> float:
    """GPS start of the segment: ``likelihood.segment start``, else so that the event is 2 s before its end.  Raises `InputError`."""
    time = inputs.event_time(task)
    after = inputs.number(task, "likelihood.post trigger time", 2.0, unit="s")
    start = inputs.number(task, "likelihood.segment start", time + after - duration, unit="GPS s")
    if not start < time < start + duration:
        raise InputError("likelihood.segment start", start, f"a segment of {duration:g} s that holds the event at GPS {time:g}")
    return start


def word(value: Any, place: str, expected: str) -> str:
    """A name that may stand bare in a configuration or on a command line.  Raises `InputError`."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise InputError(place, value, expected)
    return value


def approximant(task: Task) -> str:
    return word(task.get("waveform.approximant"), "waveform.approximant", "the name of a waveform, such as IMRPhenomXPHM")


def whole(task: Task, path: str, default: int | None) -> int:
    """A whole number of at least 1.  Raises `InputError`."""
    value = task.get(path, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 1:
        raise InputError(path, value, "a whole number of at least 1")
    return int(value)


def switch(task: Task, path: str, default: bool) -> bool:
    value = task.get(path, default)
    if not isinstance(value, bool):
        raise InputError(path, value, "true or false")
    return value


def reference_frequency(task: Task) -> float:
    """``waveform.reference frequency``, else the likelihood's, else 20 (Hz).  Raises `InputError`."""
    for path in ("waveform.reference frequency", "likelihood.reference frequency"):
        if task.get(path) is not None:
            return inputs.number(task, path, unit="Hz")
    return 20.0


# ---- strain --------------------------------------------------------------------------------------------------------------
def cache_paths(task: Task, start: float, end: float) -> dict[str, Path]:
    """The LAL cache of each detector: ``data.cache files``, else one that `write_caches` makes from ``data.data files``.

    Empty where the document names neither.  Raises `InputError` for a frame file whose name or span does not fit.
    """
    given = inputs.cache_files(task)
    if given:
        return given
    files = inputs.data_files(task)
    for ifo, paths in files.items():
        have = [_frame(path, f"data.data files.{ifo}").segment for path in paths]
        if lacking := segments.missing((start, end), have):
            raise InputError(
                f"data.data files.{ifo}", f"GPS {segments.told(have)}", f"frames of GPS {segments.told(lacking)} too"
            )
    return {ifo: task.folder / f"{ifo}.cache" for ifo in files}


def write_caches(task: Task) -> None:
    """Write the caches of ``data.data files`` into the attempt's folder; nothing where the document names caches of its own."""
    if inputs.cache_files(task):
        return
    for ifo, paths in inputs.data_files(task).items():
        (task.folder / f"{ifo}.cache").write_text("".join(_cache_line(path) for path in paths))


def _frame(path: Path, place: str) -> names.FrameFile:
    found = names.parse(path)
    if found is None or found.extension != "gwf":
        raise InputError(place, str(path), "a frame file that is named SITE-DESCRIPTION-START-DURATION.gwf (GPS seconds)")
    return found


def _cache_line(path: Path) -> str:
    frame = _frame(path, "data.data files")
    return f"{frame.site} {frame.description} {frame.start} {frame.duration} file://localhost{path}\n"


def _each(found: Mapping[str, str], ifos: tuple[str, ...], place: str, what: str) -> dict[str, str]:
    missing = [ifo for ifo in ifos if ifo not in found]
    if missing:
        raise InputError(place, sorted(found), f"{what} for {' and '.join(missing)}")
    return {ifo: found[ifo] for ifo in ifos}


def _frame_types(task: Task, ifos: tuple[str, ...], *, needed: bool) -> dict[str, str]:
    """The frame types; where caches say what to read, a type of their own name stands in for one that is not given."""
    given = task.get("data.frame types") or {}
    if needed:
        _each(given, ifos, "data", "`data files`, `cache files`, or `frame types` to look for frames,")
    return {ifo: word(given.get(ifo, f"{ifo}_CACHE"), f"data.frame types.{ifo}", "a frame type") for ifo in ifos}


def _state_vectors(task: Task, ifos: tuple[str, ...]) -> dict[str, str]:
    given = task.get("quality.state vector") or {}
    found = {}
    for ifo in ifos:
        if ifo in given:
            name = given[ifo]
            if not isinstance(name, str) or not re.fullmatch(r"[A-Z][0-9]:[A-Za-z0-9_.-]+", name):
                raise InputError(f"quality.state vector.{ifo}", name, f"a channel of {ifo}")
            found[ifo] = name
    return found


# ---- priors --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Bounds:
    """Bounds of the priors by asimov's names, numbers in the parameter's unit, and the type of each where it is said."""

    minimum: dict[str, float] = field(default_factory=dict)
    maximum: dict[str, float] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)  # without bilby's module: UniformSourceFrame


def bounds(task: Task) -> Bounds:
    """The section ``priors``, mappings or asimov's older lists ``[minimum, maximum]``.  Raises `InputError` for one that is neither."""
    found = Bounds()
    for name, spec in (task.get("priors") or {}).items():
        if isinstance(spec, list) and len(spec) == 2:
            spec = {"minimum": spec[0], "maximum": spec[1]}
        if not isinstance(spec, Mapping):
            continue  # a setting such as `default` or `amplitude order`
        key = name.replace("_", " ").replace("-", " ")
        for edge, kept in (("minimum", found.minimum), ("maximum", found.maximum)):
            if spec.get(edge) is not None:
                kept[key] = _number(spec[edge], f"priors.{name}.{edge}")
        if key in found.minimum and key in found.maximum and not found.minimum[key] < found.maximum[key]:
            raise InputError(f"priors.{name}", dict(spec), "a minimum below the maximum")
        if spec.get("type") is not None:
            kind = str(spec["type"]).rpartition(".")[2]
            # these codes know the distance squared, and no other power
            found.types[key] = (
                f"PowerLaw with alpha {spec['alpha']}" if kind == "PowerLaw" and spec.get("alpha", 2) != 2 else kind
            )
    return found


def _number(value: Any, place: str) -> float:
    """A number, or a multiple of pi as bilby's priors write it."""
    if isinstance(value, str) and (found := _PI.fullmatch(value)):
        return float(found[1] or 1) * math.pi / float(found[2] or 1)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InputError(place, value, "a number, or an expression such as 2 * np.pi")
    return number


# ---- the INI form --------------------------------------------------------------------------------------------------------
def read_ini(path: Path) -> dict[str, Any]:
    """A configuration in sections, as lalinference, RIFT and BayesWave read it: section -> option -> value.

    Values are numbers, booleans, lists and dictionaries where they read as such, else text; an option without a value is empty text.
    Raises `PipelineError`.
    """
    parser = configparser.ConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # case counts: H1-psd
    try:
        parser.read_string(path.read_text(), source=str(path))
        return {section: {option: _value(text) for option, text in parser.items(section)} for section in parser.sections()}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise PipelineError(f"{path} is not a configuration in sections: {error}") from error


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)

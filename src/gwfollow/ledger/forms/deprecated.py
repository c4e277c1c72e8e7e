"""Keys at places where older versions of asimov had them: read, moved to the present place, and told.

The places are those that asimov 0.8's own vocabulary calls deprecated, and the spellings that its commands wrote before 0.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]

#: (old place, new place).  A value that stands at the new place already wins.
MOVES: tuple[tuple[Path, Path], ...] = (
    (("quality", "minimum frequency"), ("likelihood", "minimum frequency")),
    (("quality", "lower frequency"), ("likelihood", "minimum frequency")),
    (("quality", "lowest minimum frequency"), ("likelihood", "minimum frequency")),
    (("quality", "maximum frequency"), ("likelihood", "maximum frequency")),
    (("quality", "high frequency"), ("likelihood", "maximum frequency")),
    (("quality", "upper frequency"), ("likelihood", "maximum frequency")),
    (("quality", "sample rate"), ("likelihood", "sample rate")),
    (("quality", "start frequency"), ("likelihood", "start frequency")),
    (("quality", "segment start"), ("likelihood", "segment start")),
    (("quality", "window length"), ("likelihood", "window length")),
    (("quality", "psd length"), ("likelihood", "psd length")),
    (("quality", "segment length"), ("data", "segment length")),
    (("quality", "reference frequency"), ("waveform", "reference frequency")),
    (("data", "segment start"), ("likelihood", "segment start")),
    (("calibration",), ("data", "calibration")),
    (("likelihood", "roll off"), ("likelihood", "roll off time")),
    (("likelihood", "marginalisation"), ("likelihood", "marginalization")),
    (("likelihood", "marginalization", "Calibration"), ("likelihood", "marginalization", "calibration")),
    (("approximant",), ("waveform", "approximant")),
    (("cip jobs",), ("sampler", "cip jobs")),
    (("lmax",), ("sampler", "lmax")),
    (("nparallel",), ("sampler", "parallel jobs")),
    (("productions",), ("analyses",)),  # of a subject analysis; an event's are read before
)

#: other names of asimov's for keys that are called otherwise here: moved without a word
_ALSO: tuple[tuple[Path, Path], ...] = (
    (("scheduler", "accounting group user"), ("scheduler", "accounting user")),
    (("scheduler", "environment variables"), ("scheduler", "environment")),
    (("scheduler", "type"), ("scheduler", "name")),
)
#: read where they stand: which of the two counts is decided after all defaults are merged
_IN_PLACE = ((("likelihood", "reference frequency"), ("waveform", "reference frequency")),)

_PER_DETECTOR = frozenset({("likelihood", "minimum frequency"), ("likelihood", "maximum frequency")})
_SPELLED = {old[-1].replace(" ", mark): old[-1] for old, _ in MOVES for mark in "-_" if " " in old[-1]}
_FIRST = frozenset(old[0] for old, _ in (*MOVES, *_ALSO))
_SECTIONS = tuple(sorted({old[0] for old, _ in MOVES if len(old) > 1}))


def move(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The document, and its defaults for pipelines, with every key at its present place; and a warning for each that was not.

    What has not the shape of such a document is left for the check of the document to refuse.
    """
    moved, warnings = _move_part(document, "")
    if isinstance(pipelines := moved.get("pipelines"), Mapping):
        parts = {}
        for name, defaults in pipelines.items():
            parts[name] = defaults
            if isinstance(defaults, Mapping):
                parts[name], more = _move_part(defaults, f"pipelines.{name}.")
                warnings += more
        moved["pipelines"] = parts
    return moved, warnings


def _move_part(document: Mapping[str, Any], within: str) -> tuple[dict[str, Any], list[str]]:
    moved = _spelled(document)
    if _FIRST.isdisjoint(moved):  # the usual case, with thousands of documents in a file
        return moved, []
    for section in _SECTIONS:
        if isinstance(inner := moved.get(section), Mapping):
            moved[section] = _spelled(inner)
    warnings = []
    for old, new in MOVES:
        if _at(moved, old) is not None:
            moved, warning = _move_one(moved, old, new, within)
            warnings.append(warning)
    for old, new in _ALSO:
        if (value := _at(moved, old)) is not None and _at(moved, new) is None:
            moved = _with(_without(moved, old), new, value)
    for old, new in _IN_PLACE:
        if _at(moved, old) is not None:
            warnings.append(f"{within}{_dotted(old)} is deprecated; it is read, but its new place is {within}{_dotted(new)}")
    return moved, warnings


def _move_one(document: Mapping[str, Any], old: Path, new: Path, within: str) -> tuple[dict[str, Any], str]:
    value, before, after = _at(document, old), f"{within}{_dotted(old)}", f"{within}{_dotted(new)}"
    if new in _PER_DETECTOR and not isinstance(value, Mapping):
        detectors = document.get("interferometers")
        if not isinstance(detectors, list) or not all(isinstance(name, str) for name in detectors):
            return dict(document), f"{before} is deprecated and not read; write {after} for each detector"
        value = dict.fromkeys(detectors, value)
    moved = _without(document, old)
    if _at(moved, new) is not None:
        return moved, f"{before} is deprecated and not read: {after} is there too"
    return _with(moved, new, value), f"{before} is deprecated; it was read as {after}"


def _spelled(section: Mapping[str, Any]) -> dict[str, Any]:
    """With old keys written with spaces; not where that would say one thing twice (the check refuses it)."""
    spelled = {_SPELLED.get(key, key): value for key, value in section.items()}
    return spelled if len(spelled) == len(section) else dict(section)


def _at(document: Mapping[str, Any], path: Path) -> Any:
    here: Any = document
    for key in path:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here


def _without(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    key, *rest = path
    if rest:
        return {**document, key: _without(document[key], tuple(rest))}
    return {name: value for name, value in document.items() if name != key}


def _with(document: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """With `value` at `path`; what is no mapping on the way stays, for the check to refuse."""
    key, *rest = path
    if not rest:
        return {**document, key: value}
    inner = document.get(key)
    if inner is not None and not isinstance(inner, Mapping):
        return dict(document)
    return {**document, key: _with(inner or {}, tuple(rest), value)}


def _dotted(path: Path) -> str:
    return ".".join(path)

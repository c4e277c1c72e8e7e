"""Assets between asimov's form (paths, lists and mappings of them, numbers) and the ledger's (name, label, file)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gwfollow.pipelines.base import AssetFile, Assets
from gwfollow.pipelines.files import write_text

#: other names that plugins give to one thing -> the name in gwfollow
SAME = {"frames": "data files", "caches": "cache files", "psd": "psds"}
#: what plugins write into the settings of the event for others to find: place -> asset
_SETTLED = {
    ("data", "data files"): "data files",
    ("data", "cache files"): "cache files",
    ("data", "calibration"): "calibration",
    ("psds",): "psds",
    ("xml psds",): "xml psds",
}
_LABEL = 60


def as_asimov_says(assets: Assets) -> dict[str, Any]:
    """One path where an asset has one file without a label, else label -> path, or label -> list of paths; under every name that plugins use."""
    said: dict[str, Any] = {}
    for name, files in assets.items():
        said[name] = str(files[""].path) if list(files) == [""] else _grouped(files)
    return said | {theirs: said[ours] for theirs, ours in SAME.items() if ours in said and theirs not in said and theirs != "psd"}


def from_answer(reported: Mapping[str, Any], events: list[Any], folder: Path, own: Path) -> dict[str, dict[str, AssetFile]]:
    """What a plugin's `collect_assets` reported and what it wrote into the settings of its event, as files that are there.

    Paths are relative to `folder`.  Values that are no files (Bayes factors) are written into a file of their own in `own`.
    """
    found: dict[str, dict[str, AssetFile]] = {}
    for name, value in {**_from_events(events), **reported}.items():
        target = SAME.get(name, name)
        files = {label: AssetFile(path) for label, path in _files(value, folder)}
        if not files and _holds_values(value):
            own.mkdir(parents=True, exist_ok=True)
            words = re.sub(r"[^A-Za-z0-9]+", "_", name)
            files = {"": AssetFile(write_text(own / f"{words}.json", json.dumps(value, indent=1, sort_keys=True)))}
        if files:
            found.setdefault(target, {}).update(files)
    return found


def _from_events(events: list[Any]) -> dict[str, Any]:
    settled: dict[str, Any] = {}
    for place, value in events:
        for known, name in _SETTLED.items():
            if tuple(place) == known and isinstance(value, Mapping):
                settled.setdefault(name, {}).update(value)
            elif tuple(place[:-1]) == known and isinstance(value, str | list):
                settled.setdefault(name, {})[place[-1]] = value
    return settled


def _files(value: Any, folder: Path, label: str = "") -> Iterator[tuple[str, Path]]:
    if isinstance(value, str) and value:
        path = folder / value
        if path.exists():
            yield label[:_LABEL], path.absolute()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _files(inner, folder, f"{label}.{key}" if label else str(key))
    elif isinstance(value, list):
        several = len(value) > 1
        for number, inner in enumerate(value):
            part = str(number) if several else ""
            yield from _files(inner, folder, ".".join(word for word in (label, part) if word))


def _holds_values(value: Any) -> bool:
    """Numbers, or texts that are no paths: an answer for people or other programs."""
    if isinstance(value, Mapping):
        return any(_holds_values(inner) for inner in value.values())
    if isinstance(value, list):
        return any(map(_holds_values, value))
    return isinstance(value, int | float)


def _grouped(files: Mapping[str, AssetFile]) -> dict[str, Any] | list[str]:
    """``H1.0``, ``H1.1`` of a list of files per detector become a list again; so do ``0``, ``1``."""
    if all(label.isdigit() for label in files):
        return [str(file.path) for file in files.values()]
    said: dict[str, Any] = {}
    for label, file in files.items():
        head, dot, number = label.rpartition(".")
        if dot and number.isdigit():
            said.setdefault(head, []).append(str(file.path))
        else:
            said[label] = str(file.path)
    return said

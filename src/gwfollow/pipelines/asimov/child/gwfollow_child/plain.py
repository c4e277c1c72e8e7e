"""Values as JSON knows them, and what has changed between two of them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

#: a place in a nested mapping
Path = tuple[str, ...]
#: stands for what is no longer there
GONE = {"gwfollow": "removed"}
_MAX_DEPTH = 20


def plain(value: Any, depth: int = 0) -> Any:
    """A copy that JSON can hold; what it cannot is given as its text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _number(value)
    if depth > _MAX_DEPTH:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    item = getattr(value, "item", None)  # a NumPy number
    if callable(item) and getattr(value, "shape", None) == ():
        return plain(item(), depth + 1)
    return str(value)


def is_plain(value: Any) -> bool:
    """Whether `plain` loses nothing of it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(inner) for key, inner in value.items())
    return isinstance(value, list) and all(map(is_plain, value))


def changes(old: Mapping[str, Any], new: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The places whose value differs, with the new value."""
    for key in list(dict.fromkeys([*old, *new])):
        if key not in new:
            yield (*at, key), GONE
        elif key not in old:
            yield (*at, key), new[key]
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            yield from changes(old[key], new[key], (*at, key))
        elif old[key] != new[key]:
            yield (*at, key), new[key]


def apply(meta: dict[str, Any], changed: list[Any]) -> None:
    """Make the given changes again; one whose place is no longer there is left out."""
    for place, value in changed:
        here: Any = meta
        for key in place[:-1]:
            here = here.setdefault(key, {}) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            continue
        if value == GONE:
            here.pop(place[-1], None)
        else:
            here[place[-1]] = deepcopy(value)


def _number(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)  # JSON has no such numbers
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value

"""A plugin's own words about its progress, whose form asimov leaves open, as `Progress`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gwfollow.pipelines.base import Progress

#: numbers that the samplers print
_ITERATIONS, _DLOGZ = re.compile(r"(\d+)it\b"), re.compile(r"dlogz:\s*(\d+(?:\.\d*)?)")
_LIMIT = 300


def read_progress(said: Any) -> Progress:
    """A mapping, list or text; numbers by name are taken as values, the rest as text for people."""
    words = list(_words(said))
    text = "; ".join(words)[:_LIMIT]
    values: dict[str, float] = {}
    if isinstance(said, dict):
        values = {str(key): float(value) for key, value in said.items() if isinstance(value, int | float)}
    if found := _ITERATIONS.search(text):
        values.setdefault("iterations", float(found[1]))
    if found := _DLOGZ.search(text):
        values.setdefault("dlogz", float(found[1]))
    fraction = values.get("fraction", values.get("progress"))
    return Progress(fraction=fraction if fraction is not None and 0 <= fraction <= 1 else None, text=text, values=values)


def _words(said: Any, name: str = "") -> Iterator[str]:
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _words(value, f"{name}.{key}" if name else str(key))
    elif isinstance(said, list):
        inner = " ".join(word for value in said for word in _words(value))
        yield f"{name}: {inner}" if name else inner
    elif said not in (None, ""):
        yield f"{name}: {said}" if name else str(said)

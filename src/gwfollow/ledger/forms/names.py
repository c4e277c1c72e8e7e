"""Names with inner spaces, as asimov takes them: read with ``-``, since names become folders and job names.

Only what is a name is touched, in the document and wherever it refers to another one; anything else in a name that is not allowed
is refused where the document is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_Dash = Callable[[Any], Any]
_INNER = re.compile(r"(?<=\S) +(?=\S)")


def without_spaces(name: str) -> str:
    """``standard pe`` -> ``standard-pe``."""
    return _INNER.sub("-", name)


def rename(document: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[str]]:
    """The document with names that have no spaces, and a warning for each that had."""
    changed: dict[str, str] = {}

    def dashed(value: Any) -> Any:
        if not isinstance(value, str) or " " not in value:
            return value
        new = without_spaces(value)
        if new != value:
            changed[value] = new
        return new

    read = dict(document)
    for key, each in _NAMES.items():
        value = read.get(key)
        if isinstance(value, list):
            read[key] = [each(one, dashed) for one in value]
        elif isinstance(value, str):
            read[key] = dashed(value)
    return read, [f"{place}: the name {old!r} has spaces; it was read as {new!r}" for old, new in changed.items()]


def _stage(stage: Any, dashed: _Dash) -> Any:
    """Names in one stage of a post-processing, whose needs are names of other stages."""
    if not isinstance(stage, Mapping):
        return stage
    read = {key: dashed(value) if key == "name" else value for key, value in stage.items()}
    if isinstance(needs := read.get("needs"), list):
        read["needs"] = [dashed(name) for name in needs]
    return read


def _name(value: Any, dashed: _Dash) -> Any:
    return dashed(value)


def _need(entry: Any, dashed: _Dash) -> Any:
    """Names in one entry of ``needs`` or ``analyses``."""
    if isinstance(entry, list):
        return [_need(inner, dashed) for inner in entry]
    if isinstance(entry, Mapping):
        return {key: _after(value, dashed) if key in ("name", "event") else value for key, value in entry.items()}
    if isinstance(entry, str) and " " in entry:
        attribute, colon, value = entry.partition(":")
        if not colon:
            return _after(entry, dashed)
        if attribute.strip() == "name":
            return f"name:{_after(value, dashed)}"
    return entry


def _after(value: Any, dashed: _Dash) -> Any:
    """What follows the ``!`` of "any but this one", if there is one."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return f"!{dashed(text[1:].strip())}" if text.startswith("!") else dashed(text)


#: where names stand, and what one of a list there is
_NAMES = {
    "name": _name,
    "event": _name,
    "subject": _name,
    "subjects": _name,
    "postprocessing": _name,
    "needs": _need,
    "analyses": _need,
    "stages": _stage,
}

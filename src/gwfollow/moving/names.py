"""Names of asimov's that may not stand here: they become folders, job names and parts of Airflow's ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.fields import NAME, NAME_RULE


def renamed(names: Sequence[str], what: str, source: str, notes: list[str]) -> dict[str, str]:
    """Each name as it may stand here.  Raises `InputError` where two would become one."""
    found: dict[str, str] = {}
    for name in names:
        new = name if NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:99]
        if not NAME.fullmatch(new) or new in found.values():
            raise InputError(f"{source}, name of {what}", name, f"another name: {NAME_RULE}, each once")
        if new != name:
            notes.append(f"renamed: {what} {name!r} is {new!r} here (names become folders and job names)")
        found[name] = new
    return found


def rename_in(value: Any, names: Mapping[str, str]) -> Any:
    """Names of analyses within ``needs`` or ``analyses``."""
    if isinstance(value, list):
        return [rename_in(inner, names) for inner in value]
    if isinstance(value, Mapping):
        return {key: rename_in(inner, names) if key == "name" else inner for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    head, colon, rest = value.partition(":")
    if colon and head.strip() == "name":
        return f"name: {rename_in(rest.strip(), names)}"
    mark = "!" if value.startswith("!") else ""
    return mark + names.get(value.removeprefix("!").strip(), value.removeprefix("!").strip()) if not colon else value


__all__ = ["rename_in", "renamed"]

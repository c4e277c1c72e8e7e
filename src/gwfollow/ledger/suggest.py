"""A name that is nearly the one asked for."""

from __future__ import annotations

from collections.abc import Iterable


def nearly(name: str, names: Iterable[str]) -> str:
    """``; did you mean 'GW150914'?`` where one of `names` is close, else nothing."""
    import difflib

    found = difflib.get_close_matches(name, list(names), 1, 0.7)
    return f"; did you mean {found[0]!r}?" if found else ""

"""Reading alerts of every form."""

from __future__ import annotations

from gwfollow.alerts.alert import Alert
from gwfollow.errors import InputError


def read(raw: bytes, place: str) -> Alert:
    """The alert in a message.  Raises `InputError` with the reason why it is refused; `place` begins it."""
    raise InputError(f"{place}: no form of alert is known yet")


__all__ = ["read"]

"""``review:`` of an analysis: verdicts that a blueprint brings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.reviews import check_verdict


def read_verdicts(said: object, place: str, warnings: list[str]) -> tuple[Mapping[str, Any], ...]:
    """Verdicts: asimov's list of {status, message, timestamp}, one of them, or only its word."""
    found = []
    for index, one in enumerate(said if isinstance(said, list) else [] if said is None else [said]):
        where = f"{place}[{index}]" if isinstance(said, list) else place
        review = {"status": one} if isinstance(one, str) else one
        if not isinstance(review, Mapping):
            raise InputError(where, one, "{status: approved, message: ..., person: ..., timestamp: ...}")
        if review.get("status") is None:
            warnings.append(f"{where}: has no status, so it is no verdict; it was not read")
            continue
        found.append(
            {
                "status": check_verdict(review["status"], f"{where}.status"),
                "message": _words(review, "message", where) or "",
                "person": _words(review, "person", where),
                "timestamp": _time(review.get("timestamp"), f"{where}.timestamp"),
            }
        )
    return tuple(found)


def _words(review: Mapping[str, Any], key: str, place: str) -> str | None:
    value = review.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{place}.{key}", value, "text")
    return value


def _time(value: object, place: str) -> datetime | None:
    """As asimov writes it, ``2024-05-01 12:00:00.000000``, or in ISO 8601; without a zone it is UTC."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise InputError(place, value, "a time such as 2024-05-01 12:00:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

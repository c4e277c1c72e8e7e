"""What the answers of web services say beside their status."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests


def retry_after(response: requests.Response) -> float | None:
    """Seconds that a response asks us to stay away, where it does (it may say a number, or a date)."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def detail(response: requests.Response) -> str:
    """What the service says is wrong, short enough for a message."""
    try:
        answer = response.json()
    except ValueError:
        return str(response.reason)
    text = answer.get("detail", answer) if isinstance(answer, dict) else answer
    return str(text)[:300]


__all__ = ["detail", "retry_after"]

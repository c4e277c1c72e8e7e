"""The data-quality record as JSON: docs/dataquality.schema.json describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gwfollow.quality.verdicts import DQR, worst

#: raised when a reader of the document would have to change
VERSION = 1


def document(event: str, gps: float | None, interferometers: Sequence[str], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`state` is the worst of what was asked of the detectors that took part."""
    counting = [each["state"] for each in entries if not each["ifo"] or not interferometers or each["ifo"] in interferometers]
    state = worst(counting)
    return {
        "version": VERSION,
        "event": event,
        "gps": gps,
        "interferometers": list(interferometers),
        "state": state,
        "dqr_state": DQR[state],
        "checks": list(entries),
    }


def entry(
    process: str,
    ifo: str,
    name: str,
    state: str,
    summary: str,
    links: Iterable[str],
    details: Mapping[str, Any],
    updated: datetime,
) -> dict[str, Any]:
    """One check of the document."""
    return {
        "process_name": process,
        "ifo": ifo,
        "name": name,
        "state": state,
        "dqr_state": DQR[state],
        "summary": summary,
        "links": list(links),
        "details": dict(details),
        "updated": updated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


__all__ = ["VERSION", "document", "entry"]

"""How GraceDB is told of omega scans: the name of each, how it ended, where all of them stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.ledger.schema import Analysis, Asset, Attempt, Job
from gwfollow.ledger.states import SATISFIES
from gwfollow.naming import OMEGA_SCAN
from gwfollow.scans import told
from gwfollow.settings import Settings

#: begins the reason of a scan that was left out because data were missing (`gwfollow.life.awaited.skip`)
SKIPPED = "skipped"
#: where the summary names a scan, in the order of its sentences
_HEADINGS = (
    "finished for",
    "finished in part for",
    "failed for",
    "skipped",
    "stopped",
    "still running",
    "not begun",
    "cancelled",
)
_PLACES = {
    "stuck": "failed for",
    "stop": "stopped",
    "stopped": "stopped",
    "running": "still running",
    "wait": "not begun",
    "ready": "not begun",
    "restart": "not begun",
    "cancelled": "cancelled",
}


def is_scan(row: Analysis) -> bool:
    return row.pipeline.lower() == OMEGA_SCAN


def label(row: Analysis) -> str:
    """The scan's channel set; with the analysis' name where several scans of the event have the same one."""
    name = channel_set(row)
    twins = [other for other in row.event.analyses if is_scan(other) and channel_set(other) == name]
    return name if len(twins) < 2 else f"{name} [{row.name}]"


def channel_set(row: Analysis) -> str:
    """Its name; that of the analysis where channels are named one by one."""
    return told.called(asked(row), row.name)


def detector(row: Analysis) -> str:
    """As far as the ledger tells without the channel set's file; else empty."""
    found = re.match(r"[A-Z][0-9]", str(asked(row).get("ifo") or channel_set(row)))
    return found[0] if found else ""


def asked(row: Analysis) -> Mapping[str, Any]:
    """The scan of its document."""
    found = row.document.get("scan")
    return found if isinstance(found, Mapping) else {}


def why_skipped(reason: str) -> str:
    return reason.removeprefix(SKIPPED).lstrip(": ")


def how(job: Job | None, reason: str) -> str:
    """``(return code 3)`` or ``(signal 9)`` of a job that ended so, where the reason does not say it."""
    outcome: Mapping[str, Any] = job.outcome if job is not None else {}
    for key, word in (("signal", "signal"), ("exit_code", "return code")):
        number = outcome.get(key)
        if number and not re.search(rf"\b(signal|code) {number}\b", reason):
            return f" ({word} {number})"
    return ""


def ended(row: Analysis, found: told.Told, settings: Settings) -> str:
    """What a scan whose results are published has found, with the address of its page."""
    how_far = "finished" if found.state == "complete" else f"finished in part ({found.lacking})"
    text = f"omega scan {label(row)} of {row.event.name} {how_far}, attempt {row.attempt}: {found.found}"
    if settings.airflow_url:
        event, analysis = quote(row.event.name, safe=""), quote(row.name, safe="")
        text += f"; page: {settings.airflow_url.rstrip('/')}/gwfollow/results/{event}/{analysis}/"
    return text


def summed_up(session: Session, scans: Iterable[Analysis]) -> str:
    """Each scan once, where it stands: only what is whole is *finished*."""
    parts: dict[str, list[str]] = {}
    for scan in scans:
        heading, more = _place(session, scan)
        parts.setdefault(heading, []).append(label(scan) + (f" ({more})" if more else ""))
    sentences = [f"{heading}: {', '.join(parts[heading])}" for heading in _HEADINGS if heading in parts]
    none = "" if parts.keys() & {"finished for", "finished in part for"} else "none finished; "
    return f"automatic omega scans {none}{'; '.join(sentences)}"


def _place(session: Session, scan: Analysis) -> tuple[str, str]:
    if scan.status in SATISFIES:
        found = _result(session, scan)
        if found is None:
            return "finished in part for", "its result cannot be read any more"
        return ("finished for", "") if found.state == "complete" else ("finished in part for", found.lacking)
    reason = scan.reason or ""
    if scan.status == "cancelled" and reason.startswith(SKIPPED):
        return "skipped", why_skipped(reason)
    return _PLACES[scan.status], reason if scan.status in {"stuck", "cancelled"} else ""


def _result(session: Session, scan: Analysis) -> told.Told | None:
    """What the present attempt found; None where its file has gone."""
    query = select(Asset.path).join(Attempt).where(Attempt.analysis_id == scan.id, Attempt.number == scan.attempt)
    path = session.scalar(query.where(Asset.name == told.ASSET))
    try:
        return told.read(Path(path)) if path else None
    except (OSError, ValueError):
        return None


__all__ = ["SKIPPED", "asked", "channel_set", "detector", "ended", "how", "is_scan", "label", "summed_up", "why_skipped"]

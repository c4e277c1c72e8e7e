"""What GraceDB is told of an event's omega scans: begun, each one's start and end, and last a summary that is true.

Each note is stored in the outbox in the transaction of the change that it speaks of, under a key of its own, so that a step that is run
twice says nothing twice.  Nothing is said of an event that is not in GraceDB, is a test, or is retracted.

The check "was every channel of this set scanned?" goes with them: after a failure or a skip its answer is *unknown*, and an answer of an
earlier attempt is while a new one runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gwfollow.ledger import checks
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Analysis, Check, Event, Job, Journal
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.store import Change
from gwfollow.life import scan_words
from gwfollow.life.retraction import taken
from gwfollow.life.scan_words import is_scan, label
from gwfollow.life.site import Site, current_attempt, last_job
from gwfollow.pipelines.base import CheckResult
from gwfollow.scans import told
from gwfollow.settings import Settings

TAGS = ["data_quality", "OmegaScan"]
#: files above this many bytes are named and not attached
ATTACH_LIMIT = 5_000_000
#: entries of the journal by which it is known what has been said of all scans together, also of an event that GraceDB does not have
_BEGUN, _SUMMED_UP = "omega scans begun", "omega scans summed up"


# ---- all scans of an event -----------------------------------------------------------------------------------------------------
def begun(site: Site, event: str) -> list[str]:
    """Say which scans begin now, each attempt of a scan once; the names of those that this call has said."""

    def action(change: Change) -> list[str]:
        row = change.event(event)
        if _silent(row):
            return []
        before = {tuple(one) for entry in _entries(change, row, _BEGUN) for one in entry.details.get("attempts", ())}
        coming = {(scan.name, number): scan for scan in _scans(row) if (number := _coming(change, scan)) is not None}
        new = {key: scan for key, scan in coming.items() if key not in before}
        names = [label(scan) for scan in new.values()]
        if names:
            change.journal(_BEGUN, event=event, attempts=sorted(new))
            _say(change, row, f"automatic omega scans begun for: {', '.join(names)}", f"omega scans begun:{_digest(sorted(new))}")
        return names

    return site.ledger.run(action, who=site.who)


def summary(site: Site, event: str) -> str:
    """Say what has become of every scan of the event, once as long as nothing changes; the words, empty where there is no scan."""

    def action(change: Change) -> str:
        row = change.event(event)
        scans = _scans(row)
        if not scans or _silent(row):
            return ""
        text = scan_words.summed_up(change.session, scans)
        said: dict[str, Any] = {"text": text, "attempts": [[scan.name, scan.attempt] for scan in scans]}
        earlier = _entries(change, row, _SUMMED_UP)
        if not earlier or earlier[-1].details != said:
            change.journal(_SUMMED_UP, event=event, **said)
            _say(change, row, text, f"omega scans summary:{_digest([said, len(earlier)])}")
        return text

    return site.ledger.run(action, who=site.who)


def _entries(change: Change, event: Event, what: str) -> list[Journal]:
    query = select(Journal).where(Journal.event == event.name, Journal.what == what).order_by(Journal.id)
    return list(change.session.scalars(query))


def _scans(event: Event) -> list[Analysis]:
    """Those that gwfollow runs: what is run by hand is a person's to tell of."""
    return [row for row in event.analyses if is_scan(row) and row.status != "manual"]


def _coming(change: Change, scan: Analysis) -> int | None:
    """The number of the attempt that runs, or is about to; None for a scan that a run leaves alone."""
    if scan.status == "running":
        return scan.attempt
    if scan.status not in STARTABLE or unmet(change.session, scan):
        return None
    present = current_attempt(change.session, scan)
    unspent = present is not None and present.state in {"building", "built"} and scan.status == "ready"
    return scan.attempt if unspent else scan.attempt + 1


# ---- one scan: called in the transaction of the change -----------------------------------------------------------------------------
def started(change: Change, row: Analysis, job: Job) -> None:
    """Its job is with the scheduler."""
    if not is_scan(row):
        return
    again = f" again, where it was (resurrection {job.number})" if job.number else ""
    where = f"job {job.job_id} ({job.scheduler})"
    _answer(change, row, f"being scanned by {where}", anew=False)
    _tell(
        change,
        row,
        f"omega scan {label(row)} of {row.event.name} started{again}: {where}, attempt {row.attempt}",
        f"started:{job.key}",
    )


def failed(change: Change, row: Analysis, reason: str) -> None:
    """It is stuck: with the return code or the signal of its job, where that is why."""
    if not is_scan(row):
        return
    attempt = current_attempt(change.session, row)
    job = last_job(attempt)
    if (
        attempt is None or attempt.state != "collected"
    ):  # what was collected stays an answer, whatever happened to its publication
        _answer(change, row, f"failed: {reason}")
    text = f"omega scan {label(row)} of {row.event.name} failed, attempt {row.attempt}: {reason}{scan_words.how(job, reason)}"
    _tell(change, row, text, f"failed:{job.key if job is not None else f'{row.name}/{row.attempt}'}:{_digest(reason)}")


def skipped(change: Change, row: Analysis, reason: str) -> None:
    """It is not run, because data are missing: `reason` names the segments."""
    if not is_scan(row):
        return
    why = scan_words.why_skipped(reason)
    _answer(change, row, f"skipped: {why}")
    text = f"omega scan {label(row)} of {row.event.name} skipped: {why}"
    _tell(change, row, text, f"skipped:{row.name}/{row.attempt}:{_digest(why)}")


def finished(
    change: Change, row: Analysis, files: Mapping[str, Path], checksums: Mapping[str, str], settings: Settings
) -> list[str]:
    """Its results are published: what it found, with ``scan.json``, then a picture of the strain of each detector.

    `files` and `checksums` are those of the pipeline's `store_results`.  Returns the names of what is sent.
    """
    sent = []
    for name in sorted(files, key=lambda name: name != told.ASSET):  # the words stand before the pictures
        path = files[name]
        if name == told.ASSET:
            comment, filename = scan_words.ended(row, told.read(path), settings), f"{row.name}-{path.name}"
        else:
            comment, filename = f"omega scan {label(row)} of {row.event.name}: {name}", name
        attached = {"file": str(path), "sha256": checksums[name], "filename": filename}
        if path.stat().st_size > ATTACH_LIMIT:
            attached, comment = {}, f"{comment}; {name} is at {path}, SHA-256 {checksums[name]}"
        if _tell(change, row, comment, f"finished:{row.name}/{row.attempt}:{name}", **attached):
            sent.append(name)
    return sent


def _answer(change: Change, row: Analysis, summary: str, *, anew: bool = True) -> None:
    """The scan's check is open; unless `anew`, only where an earlier attempt has answered it."""
    earlier = change.session.scalar(select(Check).where(Check.analysis_id == row.id))
    if earlier is None and not anew:
        return
    ifo = earlier.ifo if earlier is not None else scan_words.detector(row)
    name = earlier.name if earlier is not None else told.check_name(ifo, scan_words.asked(row), row.name)
    answer = CheckResult(name, told.PROCESS, "unknown", ifo=ifo, summary=summary)
    checks.record(change, row.event, [answer], analysis=row, attempt=row.attempt)


def _tell(change: Change, row: Analysis, comment: str, key: str, **attached: Any) -> bool:
    return taken(row) is None and not _silent(row.event) and _say(change, row.event, comment, key, **attached)


def _say(change: Change, event: Event, comment: str, key: str, **attached: Any) -> bool:
    """A log entry, for good once under its key; False where it is there already or the event is a test."""
    payload = {"graceid": event.graceid, "comment": comment, "tags": TAGS, **attached}
    return bool(event.graceid) and change.send("gracedb", "log", payload, key=f"gracedb:{event.name}:{key}"[:300], event=event)


def _silent(event: Event) -> bool:
    """A retracted event: what was said of it stands, nothing is added."""
    return bool((event.alert or {}).get("retracted"))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


__all__ = ["begun", "failed", "finished", "is_scan", "skipped", "started", "summary"]

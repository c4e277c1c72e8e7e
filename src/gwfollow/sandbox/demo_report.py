"""What the demo shows: progress while it runs, and the table at its end; all of it read from the ledger."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from gwfollow.errors import NotFound
from gwfollow.ledger.schema import Analysis, Attempt, Check, Event, Inbox, Job, Outbox
from gwfollow.ledger.store import Ledger, find_event
from gwfollow.life.look import look, page_of
from gwfollow.life.site import assets_of, current_attempt, last_job
from gwfollow.naming import OMEGA_SCAN

#: nothing more happens to an analysis in one of these
AT_REST = frozenset({"uploaded", "finalised", "stuck", "stopped", "cancelled", "manual", "wait"})
#: seconds between two lines of progress of a running analysis
TELL = 15.0


class Watch:
    """Follows an event's analyses and says what changes."""

    def __init__(self, ledger: Ledger, event: str, say: Callable[[str], None]) -> None:
        self.ledger, self.event, self.say = ledger, event, say
        self._seen: dict[str, str] = {}
        self._told = time.monotonic()
        with ledger.read() as session:
            self.names = [a.name for a in find_event(session, event).analyses]

    def until_done(self, patience: float, pause: float) -> bool:
        """Look every `pause` seconds until all are at rest, `patience` seconds at most; whether all are uploaded."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            statuses = self._look()
            if all(status in AT_REST for status in statuses.values()):
                return all(status == "uploaded" for status in statuses.values())
            time.sleep(pause)
        self.say(f"not done after {patience:.0f} s: " + ", ".join(f"{n} is {s}" for n, s in self._seen.items()))
        return False

    def _look(self) -> dict[str, str]:
        with self.ledger.read() as session:
            rows = {a.name: (a.status, a.reason) for a in find_event(session, self.event).analyses}
        for name, (status, reason) in rows.items():
            if self._seen.get(name) != status:
                self._seen[name] = status
                self.say(f"  {name:12} {status}" + (f": {reason}" if reason else ""))
        if time.monotonic() - self._told > TELL:
            self._told = time.monotonic()
            self._tell_progress()
        return dict(self._seen)

    def _tell_progress(self) -> None:
        for name, status in self._seen.items():
            if status == "running" and (progress := look(self.ledger, self.event, name).progress):
                self.say(f"  {name:12} {progress}")


def alert_stages(ledger: Ledger, event: str) -> list[tuple[str, Callable[[], bool]]]:
    """The stations of an alert on its way to the first job, each with the question whether it has been reached."""

    def rows(query: Select[Any]) -> bool:
        with ledger.read() as session:
            return session.execute(query.limit(1)).first() is not None

    def ours(query: Select[Any]) -> Select[Any]:
        return query.where(Event.name == event)

    run = select(Outbox.id).join(Event, Outbox.event_id == Event.id).where(Outbox.kind == "run", Outbox.state == "delivered")
    job = select(Job.id).join(Attempt).join(Analysis).join(Event).where(Job.submitted.is_not(None))
    return [
        ("in the inbox", lambda: rows(select(Inbox.id).where(Inbox.event == event))),
        ("an event with analyses in the ledger", lambda: rows(ours(select(Analysis.id).join(Event)))),
        ("a run of its DAG in Airflow", lambda: rows(ours(run))),
        ("a job that HTCondor has accepted", lambda: rows(ours(job))),
    ]


def summarise(ledger: Ledger, event: str) -> dict[str, Any]:
    """The event's analyses with pipeline, status, job and seconds by stage, the pages that they made, what was found out of the data."""
    with ledger.read() as session:
        rows = find_event(session, event).analyses
        analyses = {row.name: _analysis(session, row) for row in rows}
    pages = {}
    for name, row in analyses.items():
        try:
            pages[row["pipeline"]] = str(page_of(ledger, event, name))
        except NotFound:
            continue
    found = {"significant_channels": significant_channels(ledger, event), "verdicts": verdicts(ledger, event)}
    return {"event": event, "analyses": analyses, "pages": pages, **found}


def significant_channels(ledger: Ledger, event: str) -> list[dict[str, Any]]:
    """What the omega scan found, the loudest first: channel, signal-to-noise ratio, frequency (Hz), time (GPS s)."""
    with ledger.read() as session:
        for row in find_event(session, event).analyses:
            attempt = current_attempt(session, row)
            file = assets_of(session, attempt).get("scan", {}).get("") if attempt else None
            if row.pipeline == OMEGA_SCAN and file is not None:
                result = json.loads(file.path.read_text())
                return [{"channel": one["channel"], **one["peak"]} for one in result["channels"] if one["significant"]]
    return []


def verdicts(ledger: Ledger, event: str) -> dict[str, str]:
    """The event's checks: name -> pass, fail or unknown."""
    with ledger.read() as session:
        query = select(Check.name, Check.verdict).join(Event, Check.event_id == Event.id).where(Event.name == event)
        return {row.name: row.verdict for row in session.execute(query.order_by(Check.name))}


def chirp_mass(ledger: Ledger, event: str) -> dict[str, float] | None:
    """Median and 90% interval of the detector-frame chirp mass (solar masses), from the samples that the ledger knows."""
    from gwfollow.pipelines.bilby_results import read

    with ledger.read() as session:
        for row in find_event(session, event).analyses:
            attempt = current_attempt(session, row)
            samples = assets_of(session, attempt).get("samples", {}) if attempt else {}
            for file in samples.values():
                if row.pipeline == "bilby":
                    median, low, high = read(file.path).parameters["chirp_mass"]
                    return {"median": round(median, 3), "low": round(low, 3), "high": round(high, 3)}
    return None


def print_summary(summary: Mapping[str, Any], expected: str) -> None:
    """The demo's last words."""
    print(f"\n{summary['event']}")
    heading = ("analysis", "pipeline", "status", "job", "build", "job time", "collect", "total")
    rows = [heading]
    for name, row in summary["analyses"].items():
        stages = row["stages"]
        rows.append(
            (
                name,
                row["pipeline"],
                row["status"],
                row["job_id"] or "-",
                *(f"{stages.get(stage, 0):.1f} s" for stage in ("build", "job", "collect")),
                f"{row['seconds']:.1f} s",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    mass = summary["chirp_mass"]
    if mass:
        print(
            f"\n  chirp mass (detector frame): {mass['median']:.2f} solar masses, 90% interval {mass['low']:.2f} to {mass['high']:.2f}"
        )
        print(f"  {expected}; quick sampler settings, for demonstration only")
    if summary["significant_channels"]:
        print("\n  omega scan: channels that were disturbed with the event")
        for one in summary["significant_channels"]:
            print(f"    {one['channel']:32} SNR {one['snr']:5.1f} at {one['frequency']:6.1f} Hz, GPS {one['time']:.3f}")
        counts = Counter(summary["verdicts"].values())
        print(f"  checks of the data: {', '.join(f'{counts[verdict]} {verdict}' for verdict in sorted(counts))}\n")
    for name, address in summary["addresses"].items():
        print(f"  {name:10} {address}")
    failed = [name for name, good in summary["checks"].items() if not good]
    print(
        f"\n  {'all is well' if summary['ok'] else 'FAILED: ' + ', '.join(failed)} after {summary['seconds_total']:.0f} s",
        flush=True,
    )


def _analysis(session: Session, row: Analysis) -> dict[str, Any]:
    attempt = current_attempt(session, row)
    job = last_job(attempt)
    stages = _stages(attempt) if attempt else {}
    return {
        "pipeline": row.pipeline,
        "status": row.status,
        "reason": row.reason,
        "job_id": job.job_id if job else None,
        "seconds": round(_between(attempt.created, attempt.ended), 1) if attempt else 0.0,
        "stages": stages,
    }


def _stages(attempt: Attempt) -> dict[str, float]:
    """Seconds of build, of the job from submission to its seen end, and from there to the collected assets."""
    job = last_job(attempt)
    stages = {"build": _between(attempt.created, attempt.built)}
    if job is not None:
        stages["submit"] = _between(attempt.built, job.submitted)
        stages["job"] = _between(job.submitted, job.ended)
        stages["collect"] = _between(job.ended, attempt.ended)
    return {name: round(seconds, 1) for name, seconds in stages.items()}


def _between(first: datetime | None, second: datetime | None) -> float:
    return (second - first).total_seconds() if first and second else 0.0

"""Stop: take an analysis' jobs from their scheduler, and only then call it stopped."""

from __future__ import annotations

import time
from pathlib import Path

from gwfollow.errors import TransientError, explain
from gwfollow.ledger.schema import Job, now
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life.site import Site, current_attempt, pipeline_for, task_for
from gwfollow.pipelines.base import Task
from gwfollow.schedulers.base import JobState, Scheduler

#: seconds that a removal may take before it is tried again later
CONFIRM_SECONDS = 15.0


def stop(site: Site, event: str, analysis: str) -> bool:
    """Ensure that an analysis whose status is *stop* has no job left, then make it *stopped*.

    False where the status is something else.  A pipeline that raises in `eject_job` leaves it *stuck*,
    its job removed all the same.  Raises `TransientError` while the scheduler has not confirmed it.
    """
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        if row.status != "stop":
            return False
        attempt = current_attempt(session, row)
        jobs = list(attempt.jobs) if attempt else []
        folder = Path(attempt.folder if attempt else "")
        task = task_for(session, row, attempt, site.settings) if attempt else None
    _remove_all(site, jobs, folder, reason=f"gwfollow: {site.who} stopped {event}/{analysis}")
    fault = _told(task) if task is not None else None

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        if row.status == "stop":
            _mark_removed(change, [job.id for job in jobs])
            if fault is None:
                change.set_status(row, "stopped", reason=row.reason)
            else:
                change.set_status(row, "stuck", reason=f"its job is removed; eject_job: {fault}")

    site.ledger.run(action, who=site.who)
    return True


def _told(task: Task) -> str | None:
    """Tell the pipeline that its job is gone; what it raises, for it must not hold up what else is to be stopped."""

    try:
        pipeline_for(task).eject_job()
    except Exception as error:
        return explain(error)
    return None


def leave_attempt(site: Site, event: str, analysis: str) -> None:
    """Before a fresh attempt: the old one's jobs are removed and confirmed gone, its folder stays as it is."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        if attempt is None or (row.status != "restart" and attempt.state != "left"):
            return
        jobs = [job for job in attempt.jobs if job.state in {"intent", "submitted"}]
        if attempt.state == "left" and not jobs:
            return
        folder = Path(attempt.folder)
    _remove_all(site, jobs, folder, reason=f"gwfollow: {site.who} asked for a fresh attempt of {event}/{analysis}")

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        attempt = current_attempt(change.session, row)
        if attempt is None or (row.status != "restart" and attempt.state != "left"):
            return
        if attempt.state not in {"collected", "failed"}:
            _mark_removed(change, [job.id for job in jobs])
        if attempt.state not in {"collected", "failed", "left"}:
            attempt.state, attempt.ended = "left", now()

    site.ledger.run(action, who=site.who)


def _remove_all(site: Site, jobs: list[Job], folder: Path, *, reason: str) -> None:
    """Remove them and wait for the scheduler's confirmation, which takes HTCondor a second or two."""
    for job in jobs:
        scheduler = site.scheduler(job.scheduler)
        ids = scheduler.find(job.key, folder) if job.job_id is None else [job.job_id]
        for job_id in ids:
            scheduler.remove(job_id, reason)
        deadline = time.monotonic() + CONFIRM_SECONDS
        while left := _in_queue(scheduler, ids, folder):
            if time.monotonic() > deadline:
                raise TransientError(f"{job.scheduler} has not yet removed job {', '.join(left)} of {job.key}")
            time.sleep(0.5)


def _in_queue(scheduler: Scheduler, ids: list[str], folder: Path) -> list[str]:
    found = scheduler.query(ids, dict.fromkeys(ids, folder))
    return [one for one, status in found.items() if not status.state.ended and status.state is not JobState.UNKNOWN]


def _mark_removed(change: Change, ids: list[int]) -> None:
    for job_id in ids:
        job = change.session.get(Job, job_id)
        if job is not None and job.state in {"intent", "submitted"}:
            job.state, job.ended = "removed", now()

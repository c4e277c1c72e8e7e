"""Submit: exactly one job for each key, whatever dies in between.

1. the intent is recorded (a row with the key, no id)
2. the scheduler adopts the job that it knows by this key, or takes a new one *staged*: accepted, not running
3. the id is recorded by compare-and-set
4. the staged job is started

A crash after 2 is healed by adoption, after 3 by starting again.  Of two callers that both staged a job the loser of 3 removes its own,
which has never run.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from gwfollow.errors import PipelineError, SubmitRefused, TransientError, explain
from gwfollow.ledger.schema import Analysis, Attempt, Job, now
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.steering import begun
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life import scan_notes
from gwfollow.life.build import stick
from gwfollow.life.retraction import taken
from gwfollow.life.site import NoWork, Site, current_attempt, job_key, last_job, pipeline_for, scheduler_name, task_for
from gwfollow.pipelines.base import Work
from gwfollow.schedulers.base import Submission


@dataclass(frozen=True)
class Submitted:
    key: str
    scheduler: str
    job_id: str
    adopted: bool  # it was found by its key, not submitted by this call


def submit(site: Site, event: str, analysis: str) -> Submitted:
    """Ensure that the present attempt's job is with its scheduler.

    Raises
    ------
    NoWork : not built, or the ledger gives no leave any more
    PipelineError : the pipeline or the scheduler refused; the analysis is stuck with the reason
    TransientError : the scheduler did not answer; nothing is lost
    """
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        job = last_job(attempt)
        known = _known(job)
        if known is None and row.status not in STARTABLE | {"running"}:
            raise NoWork(f"{event}/{analysis} is {row.status}" + (f": {row.reason}" if row.reason else ""))
        if attempt is None or attempt.state in {"building", "left"}:
            raise NoWork(f"{event}/{analysis} is not built")
        task = task_for(session, row, attempt, site.settings)
        ended = job is not None and job.state in {"ended", "removed"}
        number = job.number if job is not None else 0
    if known is not None:
        if not ended:
            site.scheduler(known.scheduler).start(known.job_id)
        return known
    try:
        pipeline = pipeline_for(task)
        pipeline.before_submit()
        work = pipeline.submit_dag()
    except TransientError:
        raise
    except Exception as error:
        reason = explain(error)
        stick(site, event, analysis, reason)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error
    return hand_over(site, event, analysis, work, scheduler=scheduler_name(task), attempt=task.attempt, number=number)


def hand_over(
    site: Site, event: str, analysis: str, work: Work, *, scheduler: str, attempt: int, number: int, purpose: str = "main"
) -> Submitted:
    """Steps 1 to 4 for one piece of work; also used for resurrections and post-processing."""
    key = job_key(event, analysis, attempt, number, purpose)
    known = site.ledger.run(lambda c: _intend(c, event, analysis, attempt, number, purpose, key, scheduler), who=site.who)
    target = site.scheduler(known.scheduler)
    if known.job_id:
        target.start(known.job_id)
        return known
    try:
        submission = target.submit(work, key)
    except SubmitRefused as error:
        stick(site, event, analysis, str(error))
        raise PipelineError(f"{event}/{analysis}: {error}") from error
    try:
        recorded = site.ledger.run(lambda c: _record(c, event, analysis, key, submission), who=site.who)
    except NoWork:
        target.remove(submission.job_id, "gwfollow: the analysis was stopped while it was submitted")
        raise
    if recorded.job_id != submission.job_id:
        target.remove(submission.job_id, "gwfollow: another worker submitted this analysis first")
    target.start(recorded.job_id)
    return recorded


def _known(job: Job | None) -> Submitted | None:
    if job is None or job.job_id is None:
        return None
    return Submitted(job.key, job.scheduler, job.job_id, adopted=job.adopted)


def _job(change: Change, key: str) -> Job | None:
    return change.session.scalar(select(Job).where(Job.key == key))


def _intend(
    change: Change, event: str, analysis: str, attempt: int, number: int, purpose: str, key: str, scheduler: str
) -> Submitted:
    row = _present(change, event, analysis, attempt)
    job = _job(change, key)
    if job is None:
        job = Job(attempt_id=row.id, number=number, purpose=purpose, key=key, scheduler=scheduler, state="intent", outcome={})
        change.session.add(job)
    return Submitted(job.key, job.scheduler, job.job_id or "", job.adopted)


def _record(change: Change, event: str, analysis: str, key: str, submission: Submission) -> Submitted:
    """Compare-and-set of the scheduler's id; whoever comes second is given the first one's."""
    job = _job(change, key)
    assert job is not None
    row = change.analysis(event, analysis)
    if job.job_id is None:
        _leave_given(row, job)
        job.job_id, job.state, job.adopted, job.submitted = submission.job_id, "submitted", submission.adopted, now()
        attempt = job.attempt
        if job.purpose == "main":
            attempt.state = "submitted"
            change.set_status(row, "running")
            scan_notes.started(change, row, job)
        else:
            change.set_status(row, "processing")
        begun(row)
        verb = "adopted" if submission.adopted else "submitted"
        change.journal(f"job {job.job_id} {verb}", event=event, analysis=analysis, key=key, scheduler=job.scheduler)
    return Submitted(job.key, job.scheduler, job.job_id, job.adopted)


def _leave_given(row: Analysis, job: Job) -> None:
    """A person may have stopped the analysis between the intent and the scheduler's answer."""
    allowed = STARTABLE | {"running", "stuck"} if job.purpose == "main" else {"finished", "processing"}
    left = job.attempt.state == "left" or taken(row) is not None
    if row.status not in allowed or row.attempt != job.attempt.number or left:
        raise NoWork(f"{job.key}: the analysis is {row.status} at attempt {row.attempt}")


def _present(change: Change, event: str, analysis: str, number: int) -> Attempt:
    row = change.analysis(event, analysis)
    attempt = current_attempt(change.session, row)
    if attempt is None or attempt.number != number or attempt.state == "left":
        raise NoWork(f"{event}/{analysis}: attempt {number} is no longer the present one")
    return attempt

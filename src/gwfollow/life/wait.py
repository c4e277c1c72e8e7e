"""Wait: what the scheduler's answer means for an analysis, and what to do about it.

Only evidence ends a wait: results that were read, an exit, a removal, a hold.  Silence changes nothing.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, bindparam, select, update

from gwfollow.errors import PipelineError, SchedulerSilent, TransientError, explain
from gwfollow.ledger.schema import Analysis, Attempt, Event, Job, now
from gwfollow.ledger.states import SATISFIES
from gwfollow.ledger.steering import begun, sent_on
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life.build import stick
from gwfollow.life.site import NoWork, Site, current_attempt, last_job, pipeline_for, task_for
from gwfollow.life.submit import hand_over
from gwfollow.pipelines.base import Pipeline, Task, Work
from gwfollow.schedulers.base import JobState, JobStatus


class Verdict(enum.Enum):
    WAIT = "wait"  # on the job named in the outcome
    DONE = "done"  # the pipeline's results are whole


@dataclass(frozen=True)
class Outcome:
    verdict: Verdict
    scheduler: str = ""
    job_id: str = ""
    text: str = ""  # what was seen, for the task's log


@dataclass(frozen=True)
class _InHand:
    task: Task
    job_id: str
    key: str
    scheduler: str
    number: int
    status: str
    sent_on: bool = False  # a person asked for one more try


def settle(
    site: Site, event: str, analysis: str, *, purpose: str = "main", by_person: bool = False, sure: bool = False
) -> Outcome:
    """Look at the analysis' job once and do what follows from it.

    Parameters
    ----------
    purpose : "main", or "post" for the pipeline's own post-processing
    by_person : a person cleared the task of a stuck analysis: allow one more resurrection, or go on with a job that was released
    sure : the scheduler has said several times that it knows nothing of the job; otherwise that only means to wait on

    Raises
    ------
    NoWork : stopped, or without a job
    PipelineError : stuck, with the reason
    """
    found = _in_hand(site, event, analysis, purpose)
    if isinstance(found, Outcome):
        return found
    scheduler = site.scheduler(found.scheduler)
    try:
        # the folder has the event log, which still knows what queue and history have forgotten
        status = scheduler.query([found.job_id], {found.job_id: found.task.folder})[found.job_id]
        if status.key not in (None, found.key):
            status = JobStatus(JobState.UNKNOWN)  # another job was given this id: a queue that was made anew
        if status.state is JobState.STAGED:
            scheduler.start(found.job_id)
    except SchedulerSilent as error:
        return Outcome(Verdict.WAIT, found.scheduler, found.job_id, f"{found.scheduler} is silent: {error}")
    by_person |= found.sent_on
    if status.state is JobState.STAGED:
        return Outcome(Verdict.WAIT, found.scheduler, found.job_id, "started")
    if status.state is JobState.HELD and found.sent_on:
        scheduler.release(found.job_id)
        _goes_on(site, event, analysis, purpose, found)
        return Outcome(Verdict.WAIT, found.scheduler, found.job_id, "released")
    if status.state is JobState.HELD:
        raise _stuck(site, event, analysis, f"job {found.job_id} is held: {status.reason or 'no reason given'}")
    if status.state in (JobState.IDLE, JobState.RUNNING):
        _goes_on(site, event, analysis, purpose, found)
        return Outcome(Verdict.WAIT, found.scheduler, found.job_id, status.describe())
    return _after_the_end(site, event, analysis, found, status, purpose, by_person, sure)


def expect(site: Site, event: str, analysis: str, waiter: str, *, purpose: str = "main") -> None:
    """Record that the task `waiter` (its identity and try) waits for the analysis' job."""

    def action(change: Change) -> None:
        job = _present_job(change, event, analysis, purpose)
        if job is not None and waiter not in job.waiters:
            job.waiters = [*job.waiters, waiter]

    site.ledger.run(action, who=site.who)


def abandon(site: Site, event: str, analysis: str, waiter: str, *, purpose: str = "main") -> bool:
    """A person ended the wait of task `waiter` in the web UI: stop the analysis unless somebody else waits for it.

    Returns whether the analysis was asked to stop (its job is then removed by `gwfollow.life.stop.stop`).
    """

    def action(change: Change) -> bool:
        row = change.analysis(event, analysis)
        job = last_job(current_attempt(change.session, row), purpose)
        if job is None or waiter not in job.waiters:
            return False
        job.waiters = [w for w in job.waiters if w != waiter]
        if job.waiters or row.status not in {"running", "processing"}:
            return False
        change.set_status(row, "stop", reason="its wait was ended in the web UI")
        return True

    return site.ledger.run(action, who=site.who)


def forget(site: Site, event: str, analysis: str, waiter: str, *, purpose: str = "main") -> None:
    """The task `waiter` no longer waits."""

    def action(change: Change) -> None:
        job = _present_job(change, event, analysis, purpose)
        if job is not None and waiter in job.waiters:
            job.waiters = [w for w in job.waiters if w != waiter]

    site.ledger.run(action, who=site.who)


def _in_hand(site: Site, event: str, analysis: str, purpose: str) -> _InHand | Outcome:
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        past = SATISFIES if purpose == "main" else {"uploaded", "finalised"}
        if row.status in past:
            return Outcome(Verdict.DONE, text=f"is {row.status}")
        if row.status not in {"running", "processing", "finished", "stuck"}:
            raise NoWork(f"{event}/{analysis} is {row.status}")
        attempt = current_attempt(session, row)
        # a resurrection whose worker died before the scheduler had it is an intent without an id: the job before it leads there again
        job = next((job for job in reversed(attempt.jobs if attempt else []) if job.purpose == purpose and job.job_id), None)
        if attempt is None or job is None or job.job_id is None:
            raise NoWork(f"{event}/{analysis} has no job")
        task = task_for(session, row, attempt, site.settings)
        if purpose == "main":
            task = replace(task, rescues=job.number)
        return _InHand(task, job.job_id, job.key, job.scheduler, job.number, row.status, sent_on(row))


def _after_the_end(
    site: Site, event: str, analysis: str, found: _InHand, status: JobStatus, purpose: str, by_person: bool, sure: bool
) -> Outcome:
    """The job is in no queue: the results decide, then the pipeline."""
    try:
        pipeline = pipeline_for(found.task)
        if by_person and found.task.rescues >= pipeline.rescues:
            # a person's word opens the pipeline's limit for one more
            pipeline = pipeline_for(replace(found.task, rescues=pipeline.rescues - 1))
        complete = pipeline.detect_completion() if purpose == "main" else pipeline.detect_completion_processing()
    except TransientError:
        raise
    except Exception as error:
        raise _stuck(site, event, analysis, explain(error)) from error
    if complete:
        site.ledger.run(lambda change: _ended(change, found.key, status), who=site.who)
        _goes_on(site, event, analysis, purpose, found)
        return Outcome(Verdict.DONE, found.scheduler, found.job_id, status.describe())
    if status.state is JobState.UNKNOWN:
        if not sure:
            return Outcome(Verdict.WAIT, found.scheduler, found.job_id, "the scheduler knows nothing of it")
        reason = f"{found.scheduler} knows nothing of job {found.job_id} any more, neither queue nor history nor event log, and there is no result"
        raise _stuck(site, event, analysis, reason)
    site.ledger.run(lambda change: _ended(change, found.key, status), who=site.who)
    work = None if purpose != "main" else _resurrection(site, event, analysis, pipeline, status, by_person)
    if work is None:
        raise _stuck(site, event, analysis, _failure(pipeline, status))
    again = hand_over(site, event, analysis, work, scheduler=found.scheduler, attempt=found.task.attempt, number=found.number + 1)
    return Outcome(Verdict.WAIT, again.scheduler, again.job_id, f"{status.describe()}; resurrected as job {again.job_id}")


def _resurrection(site: Site, event: str, analysis: str, pipeline: Pipeline, status: JobStatus, by_person: bool) -> Work | None:
    """The pipeline's next try, unless a person removed the job or the limit is reached."""
    if not by_person:
        if status.state is JobState.REMOVED:
            raise _stuck(site, event, analysis, f"its job was removed: {status.reason or 'no reason given'}")
        if pipeline.task.rescues >= pipeline.rescues > 0:
            raise _stuck(
                site, event, analysis, f"gave up after {pipeline.task.rescues} resurrections: {_failure(pipeline, status)}"
            )
    try:
        return pipeline.resurrect(status)
    except TransientError:
        raise
    except Exception as error:
        raise _stuck(site, event, analysis, explain(error)) from error


def _failure(pipeline: Pipeline, status: JobStatus) -> str:
    try:
        return pipeline.failure_reason(status)
    except Exception as error:
        return f"the job ended without a result ({status.describe()}; its logs could not be read: {explain(error)})"


def _stuck(site: Site, event: str, analysis: str, reason: str) -> PipelineError:
    stick(site, event, analysis, reason)
    return PipelineError(f"{event}/{analysis} is stuck: {reason}")


def _goes_on(site: Site, event: str, analysis: str, purpose: str, found: _InHand) -> None:
    """A job that goes on, or has gone on to its end, after a person's word; nothing is written where there was none."""
    if found.status != "stuck" and not found.sent_on:
        return

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        if row.status == "stuck":
            change.set_status(row, "running" if purpose == "main" else "processing", reason=None)
        begun(row)

    site.ledger.run(action, who=site.who)


@cache
def _end() -> Update:
    """Compare-and-set in one statement: what is no longer *submitted* stays as it is."""
    there = (Job.key == bindparam("which"), Job.state == "submitted")
    return update(Job.__table__).where(*there).values(state="ended", version=Job.version + 1)  # type: ignore[arg-type]


def _ended(change: Change, key: str, status: JobStatus) -> None:
    change.session.execute(_end(), {"which": key, "ended": now(), "outcome": _plain(status)})


@cache
def _newest_job() -> Select[Job]:
    query = select(Job).join(Job.attempt).join(Attempt.analysis).join(Analysis.event)
    wanted = (Event.name == bindparam("event"), Analysis.name == bindparam("analysis"), Attempt.number == Analysis.attempt)
    return query.where(*wanted, Job.purpose == bindparam("purpose")).order_by(Job.number.desc()).limit(1)


def _present_job(change: Change, event: str, analysis: str, purpose: str) -> Job | None:
    """The newest job of the present attempt, and nothing else: every wait asks for it twice."""
    return change.session.scalar(_newest_job(), {"event": event, "analysis": analysis, "purpose": purpose})


def _plain(status: JobStatus) -> dict[str, Any]:
    return {k: (v.value if isinstance(v, enum.Enum) else v) for k, v in asdict(status).items() if v not in (None, "")}

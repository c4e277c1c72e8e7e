"""A scheduler in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from gwfollow.errors import SchedulerSilent
from gwfollow.schedulers.base import JobState, JobStatus, Logs, Scheduler, Submission, Work


class MemoryScheduler(Scheduler):
    """Keeps jobs in a dictionary; a test moves them on by hand."""

    name = "memory"

    def __init__(self) -> None:
        self.jobs: dict[str, JobStatus] = {}
        self.silent = False
        self.ran: list[str] = []

    def submit(self, work: Work, key: str) -> Submission:
        self._answer()
        if found := self.find(key):
            return Submission(found[0], adopted=True)
        job_id = str(len(self.jobs) + 1)
        self.jobs[job_id] = JobStatus(JobState.STAGED, key=key)
        return Submission(job_id, adopted=False)

    def start(self, job_id: str) -> None:
        self._answer()
        if self.jobs[job_id].state is JobState.STAGED:
            self.ran.append(self.jobs[job_id].key or "")
            self.set(job_id, JobState.RUNNING)

    def find(self, key: str, folder: Path | None = None) -> list[str]:
        self._answer()
        return [job_id for job_id, status in self.jobs.items() if status.key == key]

    def query(self, job_ids: Collection[str], folders: Mapping[str, Path] | None = None) -> dict[str, JobStatus]:
        self._answer()
        return {job_id: self.jobs.get(job_id, JobStatus(JobState.UNKNOWN)) for job_id in job_ids}

    def hold(self, job_id: str, reason: str) -> None:
        self.set(job_id, JobState.HELD, reason=reason)

    def release(self, job_id: str) -> None:
        self.set(job_id, JobState.IDLE)

    def remove(self, job_id: str, reason: str) -> None:
        self._answer()
        if job_id in self.jobs and not self.jobs[job_id].state.ended:
            self.set(job_id, JobState.REMOVED, reason=reason)

    def set_priority(self, job_id: str, priority: int) -> None:
        self._answer()

    def logs(self, work: Work, lines: int = 50) -> Logs:
        return Logs({})

    def set(self, job_id: str, state: JobState, **more: object) -> None:
        self.jobs[job_id] = replace(self.jobs[job_id], state=state, **more)  # type: ignore[arg-type]

    def _answer(self) -> None:
        if self.silent:
            raise SchedulerSilent("no answer in 5 s")

"""How far running analyses are: written into the ledger by one place, shown by all others.

A look asks each pipeline (`check_progress`) and each scheduler once.  Pipelines are other people's programs on file systems that hang:
they run in a process of their own (`gwfollow.pipelines.progress_worker`), which is killed when one of them takes too long; the others go on
in a new one.  A row's time is when the analysis was first seen to be that far, so a job that makes no headway shows.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import IO

from sqlalchemy import select

from gwfollow.errors import GWFollowError
from gwfollow.ledger.schema import Analysis, Attempt, Event, ProgressMark, now
from gwfollow.ledger.store import Change
from gwfollow.life.site import Site, last_job, task_for
from gwfollow.pipelines import pipe
from gwfollow.pipelines.base import Progress, Task
from gwfollow.schedulers.base import JobStatus

log = logging.getLogger(__name__)

#: seconds that the process may take to start on a machine that is busy
START_SECONDS = 20.0
#: what runs, as far as somebody can look at it
_RUNNING = ("running", "processing")


@dataclass(frozen=True)
class Looked:
    """What one look came to."""

    running: int = 0
    marked: int = 0  # rows that were written: the others are as far as they were
    elsewhere: int = 0  # their folders cannot be seen from here
    failed: Mapping[str, str] = field(default_factory=dict)  # event/analysis -> why its pipeline did not say

    def __str__(self) -> str:
        more = f", {self.elsewhere} with folders elsewhere" if self.elsewhere else ""
        return f"{self.running} running, {self.marked} moved on{more}, {len(self.failed)} did not say"


@dataclass(frozen=True)
class _Running:
    row_id: int
    name: str  # event/analysis
    task: Task
    scheduler: str
    job_id: str | None


def mark_all(site: Site, *, seconds: float = 40.0, each: float = 5.0) -> Looked:
    """Look once at every running analysis of the active events.

    Parameters
    ----------
    seconds : that all pipelines together may take; who is left out by that is a matter of chance, and another one the next time
    each : that one pipeline may take before its process is killed
    """
    running = _running(site)
    here = [one for one in running if one.task.folder.is_dir()]
    statuses = _statuses(site, running)
    with Asker() as asker:
        said, failed = _ask_all(asker, here, time.monotonic() + seconds, each)
    found = {}
    for one in running:
        progress = _with_nodes(said.get(one.row_id), statuses.get(one.row_id))
        if progress is not None:
            found[one.row_id] = (one, progress)
    marked = site.ledger.run(lambda change: _write(change, found.values()), who=site.who) if found else 0
    return Looked(len(running), marked, len(running) - len(here), failed)


def _running(site: Site) -> list[_Running]:
    query = (
        select(Analysis, Attempt)
        .join(Event, Analysis.event_id == Event.id)
        .join(Attempt, (Attempt.analysis_id == Analysis.id) & (Attempt.number == Analysis.attempt))
        .where(Event.active, Analysis.status.in_(_RUNNING))
    )
    found = []
    with site.ledger.read() as session:
        for row, attempt in session.execute(query).all():
            name = f"{row.event.name}/{row.name}"
            try:
                task = task_for(session, row, attempt, site.settings)
            except GWFollowError as error:  # its document is wrong by now: it is no reason to look at nobody
                log.warning("%s: no progress: %s", name, error)
                continue
            job = last_job(attempt, "post" if row.status == "processing" else "main")
            where = (job.scheduler, job.job_id) if job is not None else ("", None)
            found.append(_Running(row.id, name, task, *where))
    random.shuffle(found)  # pipelines that hang must not always be asked before the others
    return found


def _statuses(site: Site, running: Iterable[_Running]) -> dict[int, JobStatus]:
    """One question to each scheduler; a silent one says nothing about its jobs."""
    jobs: dict[str, dict[str, _Running]] = {}
    for one in running:
        if one.job_id is not None:
            jobs.setdefault(one.scheduler, {})[one.job_id] = one
    found: dict[int, JobStatus] = {}
    for scheduler, mine in jobs.items():
        try:
            statuses = site.scheduler(scheduler).query(list(mine))
        except GWFollowError as error:
            log.warning("%s says nothing of %d jobs: %s", scheduler, len(mine), error)
            continue
        found |= {mine[job_id].row_id: status for job_id, status in statuses.items() if job_id in mine}
    return found


def _ask_all(
    asker: Asker, running: Iterable[_Running], deadline: float, each: float
) -> tuple[dict[int, Progress], dict[str, str]]:
    said: dict[int, Progress] = {}
    failed: dict[str, str] = {}
    for one in running:
        left = min(each, deadline - time.monotonic())
        if left <= 0:
            failed[one.name] = "no time was left in this look"
            continue
        try:
            said[one.row_id] = asker.ask(one.task, left)
        except GWFollowError as error:
            failed[one.name] = str(error)
            log.warning("%s: no progress: %s", one.name, error)
    return said, failed


def _with_nodes(progress: Progress | None, status: JobStatus | None) -> Progress | None:
    """A DAG's nodes beside what the pipeline says; alone where it says nothing."""
    if status is None or status.nodes_done is None or not status.nodes_total:
        return progress if progress is not None and (progress.text or progress.fraction is not None or progress.values) else None
    done, total = status.nodes_done, status.nodes_total
    nodes = f"nodes {done}/{total}"
    values = {"nodes_done": float(done), "nodes_total": float(total)}
    if progress is None or not (progress.text or progress.fraction is not None):
        return Progress(done / total, nodes, values)
    text = progress.text if "node" in progress.text else "; ".join(filter(None, (progress.text, nodes)))
    return replace(progress, text=text, values={**progress.values, **values})


def _write(change: Change, found: Iterable[tuple[_Running, Progress]]) -> int:
    """Rows of those that are farther than they were; no journal: this is a measurement, not a change."""
    written = 0
    for one, progress in found:
        row = change.session.get(ProgressMark, one.row_id)
        new = (one.task.attempt, progress.fraction, progress.text, dict(progress.values))
        if row is None:
            row = ProgressMark(analysis_id=one.row_id)
            change.session.add(row)
        elif (row.attempt, row.fraction, row.line, row.values) == new:
            continue
        row.attempt, row.fraction, row.line, row.values = new
        row.time = now()
        written += 1
    return written


class Asker:
    """Asks pipelines in a process of their own, started at the first question and again after it was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, task: Task, seconds: float) -> Progress:
        """What the task's pipeline says.  Raises `PipelineDidNotSay`: it raised, hung, or ended the process."""
        try:
            process = self._running()
            assert process.stdin is not None
            pickle.dump(task, process.stdin)
            process.stdin.flush()
            answer = pipe.line(process, seconds, "its pipeline did not answer")
        except pipe.NoAnswer as error:
            self._end()
            raise PipelineDidNotSay(str(error)) from None
        except (OSError, EOFError, ValueError) as error:
            self._end()
            raise PipelineDidNotSay("its pipeline ended the process that asked it") from error
        if "failed" in answer:
            raise PipelineDidNotSay(answer["failed"])
        return Progress(answer["fraction"], answer["text"], answer["values"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gwfollow.pipelines.progress_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
            pipe.line(self._process, START_SECONDS, "the process that asks pipelines did not start")
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            _close(stream)
        process.wait()


class PipelineDidNotSay(GWFollowError):
    """Why there is no progress to show."""


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):  # a question that it did not read any more
            stream.close()


__all__ = ["Asker", "Looked", "PipelineDidNotSay", "mark_all"]

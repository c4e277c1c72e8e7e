"""gwfollow's steps over all analyses in one fresh process, as asimov's ``manage build``, ``manage submit`` and ``monitor`` are.

Usage: ours.py build | submit | monitor.  Prints how many analyses it worked on.

In a site each step is an Airflow task of its own and the pass is one poll of the triggerer, which keeps running: here the start of
the interpreter, the imports and the opening of the ledger count as well.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import select

from gwfollow import schedulers
from gwfollow.ledger.schema import Analysis, Attempt, Event, Job
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.schedulers.base import JobState, JobStatus, Logs, Scheduler, Submission, Work
from gwfollow.settings import Settings


class Recorder(Scheduler):
    """Takes every job as ``stub/condor_submit_dag`` does for asimov: the next id, and a line in the file $BENCH_QUEUE."""

    name = "htcondor"

    def __init__(self) -> None:
        self.queue = Path(os.environ["BENCH_QUEUE"])
        self.jobs = self.queue.read_text().count("\n")

    def submit(self, work: Work, key: str) -> Submission:
        self.jobs += 1
        with self.queue.open("a") as queue:
            queue.write(f"{self.jobs}\t{work.name}\t{key}\n")
        return Submission(f"{self.jobs}.0", adopted=False)

    def start(self, job_id: str) -> None: ...

    def find(self, key: str, folder: Path | None = None) -> list[str]:
        return []

    def query(self, job_ids: Collection[str], folders: object = None) -> dict[str, JobStatus]:
        return {}

    def hold(self, job_id: str, reason: str) -> None: ...

    def release(self, job_id: str) -> None: ...

    def remove(self, job_id: str, reason: str) -> None: ...

    def set_priority(self, job_id: str, priority: int) -> None: ...

    def logs(self, work: Work, lines: int = 50) -> Logs:
        return Logs({})


def names(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.read() as session:
        rows = session.execute(
            select(Event.name, Analysis.name)
            .join(Analysis, Analysis.event_id == Event.id)
            .where(Event.active, Analysis.status == "ready")
            .order_by(Event.name, Analysis.id)
        )
        return [(event, analysis) for event, analysis in rows]


def build_all(ledger: Ledger, settings: Settings) -> int:
    from gwfollow.life.build import build

    site = Site(ledger, settings, who="bench")
    return sum(build(site, event, analysis).fresh for event, analysis in names(ledger))


def submit_all(ledger: Ledger, settings: Settings) -> int:
    from gwfollow.life.submit import submit

    recorder = Recorder()
    site = Site(ledger, settings, who="bench", scheduler_for=lambda name, settings: recorder)
    return sum(not submit(site, event, analysis).adopted for event, analysis in names(ledger))


def monitor(ledger: Ledger, settings: Settings) -> str:
    """One poll: what waits is read from the ledger and asked for in one query; each answer is looked at as the shared poller does, and
    what has ended goes through the steps that Airflow's tasks would take.  Prints how many run, how many ended, and what those cost."""
    from gwfollow.life.finish import collect, process, publish
    from gwfollow.life.wait import Verdict, settle
    from gwfollow.schedulers.poller import Poller

    with ledger.read() as session:
        query = select(Job.job_id, Event.name, Analysis.name).join(Attempt, Job.attempt_id == Attempt.id)
        query = query.join(Analysis, Attempt.analysis_id == Analysis.id).join(Event).where(Job.state == "submitted")
        waiting = {row[0]: (row[1], row[2]) for row in session.execute(query) if row[0]}
    scheduler = schedulers.get(settings.scheduler, settings)
    site = Site(ledger, settings, who="bench", scheduler_for=lambda name, settings: scheduler)
    poller = Poller(scheduler.query, settings.poll_period)
    found = scheduler.query(list(waiting))
    news = [job_id for job_id in waiting if poller._is_news(job_id, found[job_id])]
    begin = time.process_time()
    for job_id in news:
        event, analysis = waiting[job_id]
        if settle(site, event, analysis).verdict is Verdict.DONE:
            collect(site, event, analysis)
            process(site, event, analysis)
            publish(site, event, analysis)
    spent = time.process_time() - begin
    running = sum(found[job_id].state is JobState.RUNNING for job_id in waiting)
    return f"{1000 * spent / len(news) if news else 0:.3f} {running} {len(news)}"


if __name__ == "__main__":
    present = Settings.read()
    step = {"build": build_all, "submit": submit_all, "monitor": monitor}[sys.argv[1]]
    print(step(Ledger.open(present.ledger_url), present))

"""Looking at an analysis without touching it: logs, progress, the page that it made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gwfollow.errors import NotFound, explain
from gwfollow.ledger.store import Ledger, find_analysis
from gwfollow.life.site import assets_of, current_attempt, pipeline_for, task_for
from gwfollow.pipelines.base import Progress, Task
from gwfollow.settings import Settings

#: a terminal's escape sequences for colours, which bilby_pipe writes into its logs
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Seen:
    """What there is to see of an analysis' present attempt."""

    event: str
    analysis: str
    pipeline: str
    status: str
    reason: str | None
    attempt: int
    folder: str = ""
    jobs: tuple[str, ...] = ()
    progress: str = ""
    logs: Mapping[str, str] = field(default_factory=dict)


def look(ledger: Ledger, event: str, analysis: str) -> Seen:
    """The present state, the pipeline's progress and the tails of its logs.  Raises `NotFound`."""
    with ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        about = (event, analysis, row.pipeline, row.status, row.reason, row.attempt)
        if attempt is None:
            return Seen(*about)
        jobs = tuple(f"{job.job_id} ({job.scheduler}, {job.state})" for job in attempt.jobs if job.job_id)
        task = task_for(session, row, attempt, Settings.read())
    progress, logs = _from_pipeline(task)
    return Seen(*about, folder=str(task.folder), jobs=jobs, progress=progress, logs=logs)


def page_of(ledger: Ledger, event: str, analysis: str) -> Path:
    """The HTML page among the analysis' assets.  Raises `NotFound` where it has none."""
    with ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        pages = assets_of(session, attempt).get("pages", {}) if attempt else {}
    for file in pages.values():
        if file.path.is_file():
            return file.path
    raise NotFound(f"{event}/{analysis} is {row.status} and has made no page")


def _from_pipeline(task: Task) -> tuple[str, dict[str, str]]:
    """Progress and logs; a plugin's fault in one of them takes its place and hides nothing else."""
    try:
        pipeline = pipeline_for(task)
    except Exception as error:
        return explain(error), {}
    progress, logs, faults = Progress(), dict[Path, str](), []
    try:
        progress = pipeline.check_progress()
    except Exception as error:
        faults.append(f"no progress: {explain(error)}")
    try:
        logs = dict(pipeline.collect_logs())
    except Exception as error:
        faults.append(f"no logs: {explain(error)}")
    percent = f"{progress.fraction:.0%}" if progress.fraction is not None else ""
    text = " ".join(word for word in (percent, progress.text, *faults) if word)
    return text, {str(path): tail for path, tail in logs.items()}

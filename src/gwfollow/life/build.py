"""Build: the attempt's folder with its configuration, written once.

Two builders of the same attempt (a worker that was cut off and its retry) meet at a file lock beside the folder; what the loser wrote
is the winner's, and only the winner's compare-and-set makes it *built*.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError, PipelineError, TransientError, explain
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Attempt, now
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life import data_quality, scan_notes
from gwfollow.life.changes import DOCUMENT, asset_inputs, document_checksum
from gwfollow.life.site import NoWork, Site, attempt_folder, current_attempt, pipeline_for, task_for
from gwfollow.life.stop import leave_attempt
from gwfollow.pipelines.base import Pipeline
from gwfollow.pipelines.makers import check_taken
from gwfollow.repository import outgoing


@dataclass(frozen=True)
class Built:
    attempt: int
    folder: Path
    inputs: Mapping[str, str]  # name -> SHA-256 of what the build was given and read (see `changes`)
    fresh: bool  # False: it had been built before


def build(site: Site, event: str, analysis: str) -> Built:
    """Ensure that the analysis' present attempt is built.

    Raises
    ------
    NoWork : the ledger gives no leave (status, needs)
    PipelineError : the pipeline refused; the analysis is stuck with the reason
    TransientError : somebody else builds it at this moment
    """
    leave_attempt(site, event, analysis)
    claimed = site.ledger.run(lambda change: _claim(site, change, event, analysis), who=site.who)
    if claimed.state != "building":
        return Built(claimed.number, Path(claimed.folder), dict(claimed.inputs), fresh=False)
    try:
        with _sole_builder(Path(claimed.folder)):
            return _build_alone(site, event, analysis, claimed)
    except OSError as error:  # not even the folder of the lock: a full disk, no leave to write
        reason = explain(error)
        stick(site, event, analysis, reason, attempt=claimed.number)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error


def _build_alone(site: Site, event: str, analysis: str, claimed: Attempt) -> Built:
    folder = Path(claimed.folder)
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row)
        if attempt is None or attempt.number != claimed.number:
            raise NoWork(f"{event}/{analysis}: attempt {claimed.number} is no longer the present one")
        if attempt.state != "building":
            return Built(attempt.number, folder, dict(attempt.inputs), fresh=False)
        task = task_for(session, row, attempt, site.settings)
        given = {DOCUMENT: document_checksum(session, row), **asset_inputs(task)}
    try:
        pipeline = pipeline_for(task)
        inputs = {**_run_builder(pipeline, folder), **given}
    except TransientError:
        raise
    except Exception as error:
        reason = explain(error)
        stick(site, event, analysis, reason, attempt=claimed.number)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error
    site.ledger.run(lambda change: _built(site, change, event, analysis, claimed.number, inputs), who=site.who)
    return Built(claimed.number, folder, inputs, fresh=True)


def stick(site: Site, event: str, analysis: str, reason: str, *, attempt: int | None = None) -> None:
    """Make the analysis stuck with a reason; with `attempt`, only while that is the present one, which then counts as failed."""

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        if attempt is not None and row.attempt != attempt:
            return
        present = current_attempt(change.session, row)
        if attempt is not None and present is not None and present.state == "building":
            present.state, present.ended = "failed", now()
        if row.status not in {"stop", "stopped", "cancelled", "finalised", "uploaded"}:
            change.set_status(row, "stuck", reason=reason)
            scan_notes.failed(change, row, reason)
            data_quality.failed(change, row, reason, site.settings)

    site.ledger.run(action, who=site.who)


def _claim(site: Site, change: Change, event: str, analysis: str) -> Attempt:
    """The attempt to build: the present one while it is not spent, a new one after it."""
    row = change.analysis(event, analysis)
    present = current_attempt(change.session, row)
    if row.status not in STARTABLE:
        if row.status in {"running", "finished", "processing", "uploaded", "finalised"} and present is not None:
            return present
        raise NoWork(f"{event}/{analysis} is {row.status}" + (f": {row.reason}" if row.reason else ""))
    missing = unmet(change.session, row)
    if missing:
        raise NoWork(f"{event}/{analysis} waits: {'; '.join(missing)}")
    if present is not None and present.state in {"building", "built"} and row.status == "ready":
        return present
    number = row.attempt + 1
    attempt = Attempt(
        analysis_id=row.id,
        number=number,
        folder=str(attempt_folder(site.settings, row, number)),
        state="building",
        inputs={DOCUMENT: document_checksum(change.session, row)},  # so that a change during the build is seen
    )
    change.session.add(attempt)
    row.attempt = number
    if row.status == "restart":
        change.set_status(row, "ready", reason=None)
    change.journal(f"attempt {number} begun", event=event, analysis=analysis, folder=attempt.folder)
    return attempt


def _built(site: Site, change: Change, event: str, analysis: str, number: int, inputs: Mapping[str, str]) -> None:
    row = change.analysis(event, analysis)
    attempt = current_attempt(change.session, row)
    if attempt is None or attempt.number != number or attempt.state != "building":
        raise NoWork(f"{event}/{analysis}: attempt {number} is no longer the present one")
    attempt.state, attempt.built, attempt.inputs = "built", now(), dict(inputs)
    change.journal(f"attempt {number} built", event=event, analysis=analysis, inputs=dict(inputs))
    outgoing.configuration(change, row, attempt, site.settings)


def _run_builder(pipeline: Pipeline, folder: Path) -> dict[str, str]:
    """The pipeline's build hooks in an empty folder; the checksums of what they read."""
    if folder.is_symlink():
        raise InputError(f"attempt folder {folder}", "a symbolic link", "a folder")
    if folder.exists():
        shutil.rmtree(folder)  # what a builder that was killed has left; nothing of a built attempt is ever touched
    folder.mkdir(parents=True)
    pipeline.before_config()
    pipeline.before_build()
    read = pipeline.build_dag()
    checksums = {name: sha256_of(path) for name, path in read.items()}
    check_taken(pipeline.task, read, checksums)
    return checksums


@contextmanager
def _sole_builder(folder: Path) -> Iterator[None]:
    """Held while this process builds in `folder`; the kernel frees it when the process dies."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.parent / f".{folder.name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(f"another process builds in {folder} at this moment") from None
        yield
    finally:
        os.close(lock)

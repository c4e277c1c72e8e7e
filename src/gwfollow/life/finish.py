"""The end of an analysis: collect its assets, let the pipeline post-process, publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Select, Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from gwfollow.checksums import sha256_of
from gwfollow.errors import PipelineError, TransientError, explain
from gwfollow.ledger import checks
from gwfollow.ledger.reviews import withheld
from gwfollow.ledger.schema import Analysis, Asset, Event, now
from gwfollow.ledger.states import SATISFIES
from gwfollow.ledger.steering import sent_on
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life import data_quality, scan_notes
from gwfollow.life.build import stick
from gwfollow.life.refresh import refresh_after
from gwfollow.life.retraction import taken
from gwfollow.life.site import NoWork, Site, assets_of, current_attempt, last_job, pipeline_for, scheduler_name, task_for
from gwfollow.life.submit import Submitted, hand_over
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Assets, CheckResult, Pipeline, Task
from gwfollow.repository import outgoing
from gwfollow.results.keep import Kept, keep, offers, record
from gwfollow.results.store import Store

if TYPE_CHECKING:
    from gwfollow.quality.labels import Labels

#: files above this many bytes are named in the GraceDB entry and not attached
ATTACH_LIMIT = 5_000_000


@dataclass(frozen=True)
class Collected:
    attempt: int
    assets: Mapping[str, Mapping[str, Mapping[str, str]]]  # name -> label -> {"path", "sha256"}


def collect(site: Site, event: str, analysis: str) -> Collected:
    """Ensure that the present attempt's results are in the ledger: opened, whole, with their checksums.

    Raises
    ------
    NoWork : nothing has run
    PipelineError : the results are not whole; the analysis is stuck with the reason
    """
    with site.ledger.read() as session:
        row, task = _in_hand(site, session, event, analysis)
        if row.status in SATISFIES:
            attempt = current_attempt(session, row)
            return Collected(task.attempt, as_xcom(assets_of(session, attempt)) if attempt else {})
    if row.status not in {"running", "stuck"}:
        raise NoWork(f"{event}/{analysis} is {row.status}")
    try:
        pipeline = pipeline_for(task)
        if not pipeline.detect_completion():
            raise PipelineError("its results are not complete; is the job still running?")
        rows, answers = _rows(pipeline.collect_assets()), checks.valid(pipeline.checks())
    except TransientError:
        raise
    except Exception as error:
        reason = explain(error)
        if not _still_runs(site, event, analysis):
            stick(site, event, analysis, reason)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error
    site.ledger.run(lambda change: _record(site, change, event, analysis, task.attempt, rows, answers), who=site.who)
    return Collected(task.attempt, _nested(rows))


def process(site: Site, event: str, analysis: str) -> Submitted | None:
    """Ensure that the pipeline's own post-processing is with the scheduler; None where it has none or where it is done."""
    with site.ledger.read() as session:
        if _nothing_follows(session, event, analysis):
            return None
        row, task = _going_out(site, session, event, analysis)
        job, again = last_job(current_attempt(session, row), "post"), sent_on(row)
    if row.status in {"uploaded", "finalised"}:
        return None
    if row.status not in {"finished", "processing"}:
        raise NoWork(f"{event}/{analysis} is {row.status}")
    pipeline = pipeline_for(task)
    if job is not None and job.state == "ended" and not again:
        return None
    number = 0 if job is None else job.number + (job.state == "ended")
    work = _guarded(site, event, analysis, pipeline, "after_completion")
    if work is None:
        return None
    where = scheduler_name(task)
    return hand_over(site, event, analysis, work, scheduler=where, attempt=task.attempt, number=number, purpose="post")


def _nothing_follows(session: Session, event: str, analysis: str) -> bool:
    """Whether it is finished and its pipeline has no post-processing, as most have none: a few words of the row say that."""
    row = session.execute(_standing(), {"event": event, "analysis": analysis}).first()
    if row is None or row.status not in {"finished", "processing"} or row.reason or not row.attempt:
        return False
    return registry.find(row.pipeline).after_completion is Pipeline.after_completion


@cache
def _standing() -> Select[Any]:
    row, of = Analysis.__table__.c, Event.__table__.c
    query = select(row.status, row.reason, row.attempt, row.pipeline).join(Event.__table__, row.event_id == of.id)
    return query.where(of.name == bindparam("event"), row.name == bindparam("analysis"))


def publish(site: Site, event: str, analysis: str) -> list[str]:
    """Ensure that the analysis' end is announced (messages in the outbox) and make it *uploaded*; returns what was published.

    Raises
    ------
    NoWork : nothing is finished, it waits for a person's approval, or was rejected
    PipelineError : the pipeline refused; the analysis is stuck with the reason
    """
    with site.ledger.read() as session:
        row, task = _going_out(site, session, event, analysis)
        if row.status in {"uploaded", "finalised"}:
            return []
        if row.status not in {"finished", "processing"}:
            raise NoWork(f"{event}/{analysis} is {row.status}")
        _leave_to_publish(session, row)
        attempt = current_attempt(session, row)
        assets = assets_of(session, attempt) if attempt else {}
    pipeline = pipeline_for(task)
    if row.status == "processing" and not _guarded(site, event, analysis, pipeline, "detect_completion_processing"):
        raise PipelineError(f"{event}/{analysis}: its post-processing is not complete; is its job still running?")
    _guarded(site, event, analysis, pipeline, "after_processing")
    files: Mapping[str, Path] = _guarded(site, event, analysis, pipeline, "store_results")
    labels = data_quality.labels_of(site, pipeline)
    kept = _kept(site, task, assets, files)
    checksums = {name: sha256_of(path) for name, path in files.items()}
    said = _Said(_guarded(site, event, analysis, pipeline, "announcement"), pipeline.tags, labels)
    return site.ledger.run(lambda change: _announce(site, change, task, files, checksums, kept, said), who=site.who)


def _leave_to_publish(session: Session, row: Analysis) -> None:
    if (why_not := withheld(session, row)) is not None:
        raise NoWork(f"{row.event.name}/{row.name} is not published: it {why_not}")


def as_xcom(assets: Assets) -> dict[str, dict[str, dict[str, str]]]:
    """Assets as they travel between tasks: paths and checksums, never contents."""
    return {
        name: {label: {"path": str(file.path), "sha256": file.sha256} for label, file in files.items()}
        for name, files in assets.items()
    }


_AssetRow = tuple[str, str, Path, str, int]


def _rows(assets: Assets) -> list[_AssetRow]:
    rows = []
    for name, files in assets.items():
        for label, file in files.items():
            path = file.path.absolute()
            size = sum(p.stat().st_size for p in path.rglob("*")) if path.is_dir() else path.stat().st_size
            rows.append((name, label, path, file.sha256 or sha256_of(path), size))
    return rows


def _nested(rows: list[_AssetRow]) -> dict[str, dict[str, dict[str, str]]]:
    nested: dict[str, dict[str, dict[str, str]]] = {}
    for name, label, path, sha256, _ in rows:
        nested.setdefault(name, {})[label] = {"path": str(path), "sha256": sha256}
    return nested


def _record(
    site: Site, change: Change, event: str, analysis: str, number: int, rows: list[_AssetRow], answers: Sequence[CheckResult]
) -> None:
    row = change.analysis(event, analysis)
    attempt = current_attempt(change.session, row)
    if attempt is None or attempt.number != number or row.status not in {"running", "stuck", *SATISFIES}:
        raise NoWork(f"{event}/{analysis} is {row.status} at attempt {row.attempt}")
    if row.status in SATISFIES:
        return  # another run was first
    change.session.execute(_NO_ASSETS, {"attempt": attempt.id})
    if rows:
        names = ("attempt_id", "name", "label", "path", "sha256", "size")
        values = [(attempt.id, name, label, str(path), sha256, size) for name, label, path, sha256, size in rows]
        change.session.execute(_NEW_ASSETS, [dict(zip(names, one, strict=True)) for one in values])
    attempt.state, attempt.ended = "collected", now()
    change.set_status(row, "finished", reason=None)
    found = {f"{name}.{label}" if label else name: sha256 for name, label, _, sha256, _ in rows}
    change.journal(f"{len(rows)} assets collected", event=event, analysis=analysis, assets=found)
    if answers:
        checks.record(change, row.event, answers, analysis=row, attempt=number)
    change.session.flush()
    outgoing.psds(change, row, attempt, site.settings)
    refresh_after(change, row)


# nothing of the session is an asset: by their table these statements take a third of what they take by the class
_ASSETS = cast(Table, Asset.__table__)
_NEW_ASSETS = insert(_ASSETS)
_NO_ASSETS = delete(_ASSETS).where(_ASSETS.c.attempt_id == bindparam("attempt"))


def _kept(site: Site, task: Task, assets: Assets, files: Mapping[str, Path]) -> list[Kept]:
    """The attempt's results in the store.  One that is missing or has changed since makes the analysis stuck; a full disk does not."""
    try:
        return keep(Store(site.settings.results_folder), offers(assets, files))
    except TransientError:
        raise
    except Exception as error:
        reason = f"its results cannot be stored: {explain(error)}"
        stick(site, task.event, task.analysis, reason)
        raise PipelineError(f"{task.event}/{task.analysis}: {reason}") from error


@dataclass(frozen=True)
class _Said:
    """What is said of the results: the pipeline's own words (empty: ours), their tags, and the policy of labels, where there are checks."""

    comment: str
    tags: tuple[str, ...]
    labels: Labels | None


def _announce(
    site: Site,
    change: Change,
    task: Task,
    files: Mapping[str, Path],
    checksums: Mapping[str, str],
    kept: Sequence[Kept],
    said: _Said,
) -> list[str]:
    row = change.analysis(task.event, task.analysis)
    if row.status in {"uploaded", "finalised"}:
        return []
    if row.status not in {"finished", "processing"} or row.attempt != task.attempt or taken(row) is not None:
        raise NoWork(f"{task.event}/{task.analysis} is {row.status} at attempt {row.attempt}")
    _leave_to_publish(change.session, row)
    if scan_notes.is_scan(row):
        sent = scan_notes.finished(change, row, files, checksums, site.settings)
    else:
        sent = _send(change, row.event, task, files, checksums, said) if row.event.graceid else []
    if said.labels is not None:
        data_quality.follow(change, row.event, said.labels)
    attempt = current_attempt(change.session, row)
    if attempt is not None:
        record(change, attempt, kept)
    change.set_status(row, "uploaded", reason=None)
    refresh_after(change, row)
    return sent


def _send(
    change: Change, event: Event, task: Task, files: Mapping[str, Path], checksums: Mapping[str, str], said: _Said
) -> list[str]:
    """One log entry for each file, or one without; the key makes it the only one for this attempt."""
    base = f"gracedb:{task.event}/{task.analysis}/{task.attempt}"
    about = f"gwfollow: analysis {task.analysis} ({task.pipeline}) of {task.event} is complete, attempt {task.attempt}"
    entry: dict[str, Any] = {"graceid": event.graceid, "comment": said.comment or about, "tags": list(said.tags)}
    for name, path in files.items():
        large = path.stat().st_size > ATTACH_LIMIT
        text = said.comment or f"{about}: {name}"
        payload = entry | {"comment": text + (f" at {path}, SHA-256 {checksums[name]}" if large else "")}
        if not large:
            called = name if said.comment else f"{task.analysis}-{path.name}"
            payload |= {"file": str(path), "sha256": checksums[name], "filename": called}
        change.send("gracedb", "log", payload, key=f"{base}:{name}", event=event)
    if not files:
        change.send("gracedb", "log", entry, key=base, event=event)
    return list(files) or ["comment"]


def _guarded(site: Site, event: str, analysis: str, pipeline: Pipeline, hook: str) -> Any:
    """Call a hook; what it raises makes the analysis stuck."""
    try:
        return getattr(pipeline, hook)()
    except TransientError:
        raise
    except Exception as error:
        reason = f"{hook}: {explain(error)}"
        stick(site, event, analysis, reason)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error


def _in_hand(site: Site, session: Session, event: str, analysis: str) -> tuple[Analysis, Task]:
    row = find_analysis(session, event, analysis)
    attempt = current_attempt(session, row)
    if attempt is None:
        raise NoWork(f"{event}/{analysis} is {row.status} and has no attempt")
    return row, task_for(session, row, attempt, site.settings)


def _going_out(site: Site, session: Session, event: str, analysis: str) -> tuple[Analysis, Task]:
    """The same where something is to leave the house, which nothing of a retracted event does."""
    row, task = _in_hand(site, session, event, analysis)
    if taken(row) is not None:
        raise NoWork(f"{event}/{analysis} is {row.reason}")
    return row, task


def _still_runs(site: Site, event: str, analysis: str) -> bool:
    """A person marked the wait as a success while the job runs: the analysis is not stuck, only its task is early."""
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, event, analysis))
        job = last_job(attempt)
    if attempt is None or job is None or job.job_id is None or job.state in {"ended", "removed"}:
        return False  # an end that was seen stays one, also when the scheduler has forgotten the job
    return not site.scheduler(job.scheduler).query([job.job_id], {job.job_id: Path(attempt.folder)})[job.job_id].state.ended

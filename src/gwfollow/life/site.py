"""What every step has in hand, and the picture of the ledger that it gives to a pipeline."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from gwfollow import schedulers
from gwfollow.errors import GWFollowError, InputError
from gwfollow.ledger.merge import event_document, merged_document
from gwfollow.ledger.needs import ANALYSES, NEEDS, evaluate, subjects_of
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Job
from gwfollow.ledger.store import Ledger
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import AssetFile, NeededAnalysis, Pipeline, Task
from gwfollow.schedulers.base import Resources, Scheduler
from gwfollow.settings import Settings

#: entries of `Attempt.inputs` that say which analyses the build was given (see `gwfollow.life.changes`)
_TAKEN = re.compile(r"(needs|analyses) (\S+), attempt (\d+)")


class NoWork(GWFollowError):
    """The step has nothing to do for this analysis now; the text says why (it is shown on the skipped task)."""


@dataclass(frozen=True)
class Site:
    """The ledger, the settings and the schedulers of one place, and in whose name the steps act."""

    ledger: Ledger
    settings: Settings
    who: str
    scheduler_for: Callable[[str, Settings], Scheduler] = schedulers.get

    def scheduler(self, name: str) -> Scheduler:
        return self.scheduler_for(name, self.settings)

    def acting(self, who: str) -> Site:
        """The same place in somebody else's name."""
        return replace(self, who=who)


def job_key(event: str, analysis: str, attempt: int, number: int, purpose: str = "main") -> str:
    """``GW150914/bilby/2`` for the first job of attempt 2, ``GW150914/bilby/2.1`` for its first resurrection."""
    key = f"{event}/{analysis}/{attempt}"
    if purpose != "main":
        key += f".{purpose}"
    return f"{key}.{number}" if number else key


def current_attempt(session: Session, analysis: Analysis) -> Attempt | None:
    """The attempt that the analysis is at, None before the first."""
    if not analysis.attempt:
        return None
    loaded: Attempt | None = analysis.__dict__.get("present")  # not the attribute itself, which would ask the database
    if loaded is not None and loaded.number == analysis.attempt:
        return loaded
    return session.scalar(select(Attempt).where(Attempt.analysis_id == analysis.id, Attempt.number == analysis.attempt))


def last_job(attempt: Attempt | None, purpose: str = "main") -> Job | None:
    """The newest job of an attempt: the last resurrection, or the first submission."""
    jobs = [job for job in attempt.jobs if job.purpose == purpose] if attempt else []
    return jobs[-1] if jobs else None


def attempt_folder(settings: Settings, analysis: Analysis, number: int) -> Path:
    """``<working directory>/<event>/<analysis>/attempt-<n>``.

    The working directory is the event's own (key ``working directory``) or ``GWFOLLOW_HOME/events``.
    """
    base = analysis.event.document.get("working directory")
    top = Path(base).expanduser() if base else settings.home_folder / "events"
    if not top.is_absolute():
        raise InputError(f"event {analysis.event.name}, working directory", base, "an absolute path")
    return top / analysis.event.name / analysis.name / f"attempt-{number}"


def assets_of(session: Session, attempt: Attempt) -> dict[str, dict[str, AssetFile]]:
    """What an attempt made: asset name -> label -> file."""
    found: dict[str, dict[str, AssetFile]] = {}
    for name, label, path, sha256 in session.execute(_assets(), {"attempt": attempt.id}):
        found.setdefault(name, {})[label] = AssetFile(Path(path), sha256)
    return found


@cache
def _assets() -> Select[str, str, str, str]:
    columns = (Asset.name, Asset.label, Asset.path, Asset.sha256)
    return select(*columns).where(Asset.attempt_id == bindparam("attempt")).order_by(Asset.id)


def task_for(session: Session, analysis: Analysis, attempt: Attempt, settings: Settings) -> Task:
    """The frozen picture of one attempt that its pipeline is given."""
    event = analysis.event
    document = merged_document(session, analysis)
    scheduler = dict(document.get("scheduler") or {})
    scheduler.setdefault("name", settings.scheduler)
    document["scheduler"] = scheduler
    subjects = _subjects(session, analysis)
    detectors = document.get("interferometers") or _detectors(subjects)
    return Task(
        event=event.name,
        gps=event.gps,
        graceid=event.graceid,
        interferometers=tuple(detectors),
        analysis=analysis.name,
        pipeline=analysis.pipeline,
        document=document,
        attempt=attempt.number,
        folder=Path(attempt.folder),
        configs=settings.configs_folder,
        needed=needed_by(session, analysis, attempt),
        rescues=max((job.number for job in attempt.jobs if job.purpose == "main"), default=0),
        resources=resources_of(scheduler),
        own=dict(analysis.document),
        subjects=subjects,
    )


def _subjects(session: Session, analysis: Analysis) -> dict[str, dict[str, Any]]:
    """The documents of a project analysis' events, in its order; one that is not in the ledger is left out."""
    names = subjects_of(analysis)
    if not names:
        return {}
    found = {event.name: event_document(event) for event in session.scalars(select(Event).where(Event.name.in_(names)))}
    return {name: found[name] for name in names if name in found}


def _detectors(subjects: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """All that saw any of the events."""
    return sorted({name for document in subjects.values() for name in document.get("interferometers") or ()})


def pipeline_for(task: Task) -> Pipeline:
    """The pipeline's instance.  Raises `InputError` for a pipeline that is not installed."""
    return registry.find(task.pipeline)(task)


def scheduler_name(task: Task) -> str:
    return str(task.document["scheduler"]["name"])


def resources_of(scheduler: Mapping[str, Any]) -> Resources:
    """The ledger's ``scheduler`` document (asimov's keys; memory and disk in MB, or with a unit) as `Resources`."""
    return Resources(
        accounting_group=scheduler.get("accounting group"),
        accounting_user=scheduler.get("accounting user") or scheduler.get("accounting group user"),
        cpus=int(scheduler.get("request cpus") or 1),
        memory_mb=megabytes(scheduler.get("request memory"), 1024),
        disk_mb=megabytes(scheduler.get("request disk"), 1024),
        requirements=scheduler.get("requirements"),
        priority=int(scheduler.get("priority") or 0),
        environment={str(k): str(v) for k, v in (scheduler.get("environment") or {}).items()},
        oauth_services=tuple(scheduler.get("oauth services") or ()),
    )


def megabytes(value: Any, default: int) -> int:
    """``4096``, ``"4096 MB"``, ``"4 GB"`` or bilby's ``2.0`` (a plain number below 64 is in GB, as bilby_pipe's own) in MB."""
    if value is None:
        return default
    number, _, unit = str(value).strip().partition(" ")
    factor = {"": 1.0, "MB": 1.0, "M": 1.0, "GB": 1024.0, "G": 1024.0}.get(unit.strip().upper())
    try:
        amount = float(number)
    except ValueError:
        factor = None
    if factor is None or not 0 < amount < math.inf:
        raise InputError("scheduler.request memory or disk", value, "a positive number of MB, or a text such as '4 GB'")
    if not unit and amount < 64:
        factor = 1024.0
    return max(1, round(amount * factor))


def needed_by(session: Session, analysis: Analysis, attempt: Attempt | None = None) -> tuple[NeededAnalysis, ...]:
    """The analyses that it needs, each once, with what they made; one that it also works on counts as an input.

    An attempt that has been built keeps those that it was built with; before that it is what meets its needs now.
    """
    taken = taken_inputs(attempt) if attempt is not None and attempt.state != "building" else []
    if taken:
        found = [_taken(session, analysis, label, number, role == ANALYSES) for role, label, number, _ in taken]
        return tuple(one for one in found if one is not None)
    evaluation = evaluate(session, analysis.event, [analysis])[analysis.name]
    inputs = evaluation.done(ANALYSES)
    return tuple(
        _needed(session, other, current_attempt(session, other), other in inputs)
        for other in dict.fromkeys([*evaluation.done(NEEDS), *inputs])
    )


def taken_inputs(attempt: Attempt) -> list[tuple[str, str, int, str]]:
    """Role, name (with its event's where that is another), attempt and digest of the analyses that a build was given."""
    read = ((_TAKEN.fullmatch(key), value) for key, value in attempt.inputs.items())
    return [(found[1], found[2], int(found[3]), value) for found, value in read if found is not None]


def name_for(event: str, other_event: str, name: str) -> str:
    """An analysis as those of `event` call it: ``bilby``, or ``GW150914/bilby`` where it belongs to another one."""
    return name if other_event == event else f"{other_event}/{name}"


def find_labelled(session: Session, analysis: Analysis, label: str) -> Analysis | None:
    """The analysis that `analysis` calls so (`name_for`); None where it has been withdrawn."""
    event, slash, name = label.rpartition("/")
    wanted = Event.name == event if slash else Event.id == analysis.event_id
    return session.scalar(select(Analysis).join(Event).where(wanted, Analysis.name == name))


def _taken(session: Session, analysis: Analysis, label: str, number: int, is_input: bool) -> NeededAnalysis | None:
    other = find_labelled(session, analysis, label)
    if other is None:
        return None
    attempt = session.scalar(select(Attempt).where(Attempt.analysis_id == other.id, Attempt.number == number))
    return _needed(session, other, attempt, is_input)


def _needed(session: Session, other: Analysis, attempt: Attempt | None, is_input: bool) -> NeededAnalysis:
    return NeededAnalysis(
        name=other.name,
        pipeline=other.pipeline,
        document=merged_document(session, other),
        assets=assets_of(session, attempt) if attempt else {},
        event=other.event.name,
        status=other.status,
        attempt=attempt.number if attempt else 0,
        input=is_input,
    )

"""asimov's own `Event` and analysis objects, made from the ledger's documents; nothing is imitated but the ledger behind them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asimov.event
from asimov import config
from asimov.analysis import ProjectAnalysis, SubjectAnalysis
from asimov.pipeline import Pipeline

#: what asimov takes as arguments of its own, not as settings
_NOT_SETTINGS = frozenset(
    (
        "name", "event", "pipeline", "status", "needs", "analyses", "productions", "ledger", "kind", "repository", "update", "rundir", "subjects",
    )
)  # fmt: skip


class MemoryLedger:
    """asimov's ledger for one analysis: gives its events and lets nothing be written; what has changed is read from the objects."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {"project": {"name": "gwfollow"}, "pipelines": {}, "events": [], "project analyses": []}
        self.events: dict[str, Any] = {}
        self.project_analyses: list[Any] = []

    def __deepcopy__(self, memo: Any) -> MemoryLedger:
        return self  # asimov copies an analysis' arguments deeply, and the ledger is one of them

    def get_event(self, event: Any = None) -> list[Any]:
        return list(self.events.values()) if event is None else [self.events[str(event)]]

    def get_defaults(self) -> dict[str, Any]:
        return {}

    def add_event(self, event: Any) -> None:
        self.events[event.name] = event

    def update_event(self, event: Any) -> None:
        """Seen afterwards: every event's `meta` is compared with what it was."""

    def update_analysis_in_project_analysis(self, analysis: Any) -> None:
        """As `update_event`."""

    def save(self) -> None:
        """As `update_event`."""


def production_of(question: dict[str, Any], table: Any) -> Any:
    """The analysis that the plugin is given, with its events and the analyses that it needs around it."""
    task = question["task"]
    ledger = MemoryLedger()
    for name, settings in task["events"].items():
        ledger.add_event(_event(name, settings, question, ledger))
    for other in task["needed"]:
        _add_needed(ledger.events[other["event"]], other, question, table)
    return {"simple": _simple, "subject": _subject, "project": _project}[task["kind"]](task, question, ledger)


def _event(name: str, settings: dict[str, Any], question: dict[str, Any], ledger: MemoryLedger) -> Any:
    folder = question["folder"]
    given = {**_settings(settings), "working directory": folder}
    event = asimov.event.Event(name, repository=question["repository"], working_directory=folder, ledger=ledger, **given)
    event.repository.event = name
    event.issue_object = None  # plugins of the GitLab era ask for it when they report a fault
    return event


def _settings(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _NOT_SETTINGS}


def _simple(task: dict[str, Any], question: dict[str, Any], ledger: MemoryLedger) -> Any:
    event = ledger.events[task["event"]]
    parameters = _parameters(task, question, needs=task["needs"])
    production = asimov.event.Production.from_dict(parameters, subject=event, ledger=ledger)
    event.add_production(production)
    return production


def _subject(task: dict[str, Any], question: dict[str, Any], ledger: MemoryLedger) -> Any:
    event = ledger.events[task["event"]]
    production = SubjectAnalysis.from_dict(_parameters(task, question, analyses=task["inputs"]), subject=event)
    production.ledger = ledger
    event.add_production(production)
    return production


def _project(task: dict[str, Any], question: dict[str, Any], ledger: MemoryLedger) -> Any:
    parameters = _parameters(
        task,
        question,
        needs=task["needs"],
        analyses=task["inputs"],
        subjects=list(task["events"]),
        working_directory=question["folder"],
    )
    production = ProjectAnalysis.from_dict(parameters, ledger=ledger)
    if isinstance(production.pipeline, str):  # asimov only warns
        raise ValueError(f"the pipeline {production.pipeline} could not be found")
    production.repository = asimov.event.EventRepo(question["repository"])
    ledger.project_analyses.append(production)
    return production


def _parameters(task: dict[str, Any], question: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = {
        **_settings(task["own"]),
        "name": task["name"],
        "pipeline": question["plugin"]["name"].lower(),
        "status": question["status"],
    }
    return {**own, "rundir": task["rundir"], "resurrections": task["rescues"], **more}


def _add_needed(event: Any, other: dict[str, Any], question: dict[str, Any], table: Any) -> None:
    """An analysis that is needed: its pipeline is a stand-in that gives the assets that the ledger knows."""
    with _standing_in(table, other):
        settings = {**_settings(other["document"]), "rundir": other["folder"], "needs": []}
        parameters = {**settings, "name": other["name"], "pipeline": other["pipeline"].lower(), "status": other["status"]}
        production = asimov.event.Production.from_dict(parameters, subject=event, ledger=event.ledger)
    event.add_production(production)
    made = other["assets"].get("config")
    if isinstance(made, str) and Path(made).is_file():
        place = Path(question["repository"], config.get("general", "calibration_directory"), other["name"] + ".ini")
        if not place.exists():
            shutil.copyfile(made, place)


@contextmanager
def _standing_in(table: Any, other: dict[str, Any]) -> Any:
    given = {"name": other["pipeline"], "given": other["assets"], "available_outputs": list(other["assets"])}
    table.standing_in = type("StandIn", (_StandIn,), given)
    try:
        yield
    finally:
        table.standing_in = None


class _StandIn(Pipeline):  # type: ignore[misc]  # asimov has no types
    """The pipeline of an analysis that is needed; that pipeline itself may be gwfollow's, or another plugin."""

    given: dict[str, Any] = {}

    def collect_assets(self) -> dict[str, Any]:
        return dict(self.given)

    def samples(self, absolute: bool = False) -> list[str]:
        found = self.given.get("samples") or []
        return [found] if isinstance(found, str) else list(found.values() if isinstance(found, dict) else found)

    def detect_completion(self) -> bool:
        return True

"""What the child is asked: one attempt of an analysis as JSON, in asimov's key layout."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gwfollow.asimov_plugins import AsimovPlugin
from gwfollow.naming import PROJECT
from gwfollow.pipelines.asimov.assets import as_asimov_says
from gwfollow.pipelines.base import NeededAnalysis, Task
from gwfollow.pipelines.templates import check_values

#: keys of a document that only mean something to gwfollow or to the one analysis
_NO_SETTINGS = frozenset(
    (
        "needs", "analyses", "subjects", "comment", "status", "pipeline", "name", "template", "working directory", "interferometers",
    )
)  # fmt: skip
#: the same for an event or another analysis, whose detectors it keeps
_NO_OTHERS = _NO_SETTINGS - {"interferometers"}
#: assets that plugins look for in the settings of the event: asset -> place
_SETTLED = {"data files": ("data", "data files"), "cache files": ("data", "cache files"), "calibration": ("data", "calibration")}


def kind_of(task: Task) -> str:
    """simple, subject or project, as asimov has a class for each."""
    if task.event == PROJECT:
        return "project"
    return "subject" if task.inputs or task.own.get("analyses") else "simple"


def run_folder(task: Task) -> Path:
    """The plugin's ``production.rundir``: a folder of the analysis' name, as plugins know it, that the builder may make itself."""
    return task.folder / (task.analysis if task.analysis.lower() != "asimov" else f"{task.analysis}-run")


def ask_about(
    task: Task,
    plugin: AsimovPlugin,
    hooks: Sequence[str],
    folder: Path,
    state: Mapping[str, Any],
    *,
    status: str,
    scratch: Path,
    keep_going: bool = False,
    dryrun: bool = False,
) -> dict[str, Any]:
    """The question for `gwfollow_child`, whose own files go to `scratch`: a person's look may run beside a step.

    Raises `InputError` for a value that would break out of its line in an INI file.
    """
    settings = _settings(task)
    check_values(settings, "")
    category = "analyses"
    return {
        "plugin": {"name": plugin.name, "value": plugin.value},
        "hooks": list(hooks),
        "keep going": keep_going,
        "dryrun": dryrun,
        "status": status,
        "state": dict(state),
        "folder": str(task.folder),
        "project": str(scratch),
        "environment": str(folder / "environment"),
        "repository": str(folder / "repository"),
        "config file": str(folder / "repository" / category / f"{task.analysis}.ini"),
        "record": str(scratch / "submitted.jsonl"),
        "programs": str(scratch / "programs"),
        "stored": str(folder / "stored"),
        "config": _config(task, folder, scratch, category),
        "task": {
            "kind": kind_of(task),
            "name": task.analysis,
            "event": task.event,
            "rundir": str(run_folder(task)),
            "rescues": task.rescues,
            "own": _own(task, settings),
            "events": _events(task, settings),
            "needs": [other.name for other in task.needed if not other.input],
            "inputs": [other.name for other in task.inputs],
            "needed": [_needed(other, task) for other in task.needed],
        },
    }


def _settings(task: Task) -> dict[str, Any]:
    """The merged document with the detectors, the time and the files that other analyses made."""
    settings = {key: value for key, value in task.document.items() if key not in _NO_SETTINGS}
    settings["interferometers"] = list(task.interferometers)
    if task.gps is not None:
        settings["event time"] = task.gps
    _mirror_frequencies(settings)
    for asset, (section, key) in _SETTLED.items():
        files = as_asimov_says({asset: task.take(asset)})[asset]
        given = settings.get(section) or {}
        if files and isinstance(files, dict) and not (task.own.get(section) or {}).get(key):
            settings[section] = {**given, key: {**(given.get(key) or {}), **files}}
    return settings


def _mirror_frequencies(settings: dict[str, Any]) -> None:
    """Plugins of asimov 0.7 read these in `quality`, where they no longer stand."""
    likelihood = settings.get("likelihood") or {}
    moved = {key: likelihood[key] for key in ("minimum frequency", "maximum frequency") if key in likelihood}
    if moved:
        settings["quality"] = {**moved, **(settings.get("quality") or {})}


def _own(task: Task, settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in task.own.items() if key not in _NO_SETTINGS or key == "interferometers"}
    if task.event == PROJECT:  # has no event whose settings it inherits
        return {**settings, **own}
    if template := task.get("template"):
        own["template"] = template
    return own


def _events(task: Task, settings: Mapping[str, Any]) -> dict[str, Any]:
    if task.event != PROJECT:
        return {task.event: _without(settings, {key: value for key, value in task.own.items() if key != "interferometers"})}
    names = dict.fromkeys([*task.subjects, *(other.event for other in task.needed)])
    return {name: {key: value for key, value in task.subjects.get(name, {}).items() if key not in _NO_OTHERS} for name in names}


def _without(document: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The document without the values that stand in `taken`: what an event says when an analysis insists on something else is not known."""
    left: dict[str, Any] = {}
    for key, value in document.items():
        mine = taken.get(key)
        if isinstance(value, Mapping):
            left[key] = (
                _without(value, mine if isinstance(mine, Mapping) else {}) if mine is None or isinstance(mine, Mapping) else {}
            )
        elif mine is None:
            left[key] = value
    return left


def _needed(other: NeededAnalysis, task: Task) -> dict[str, Any]:
    document = {key: value for key, value in other.document.items() if key not in _NO_OTHERS}
    files = [file.path for labels in other.assets.values() for file in labels.values()]
    return {
        "name": other.name,
        "event": other.event or task.event,
        "pipeline": other.pipeline.removeprefix("asimov:"),
        "status": other.status or "finished",
        "document": document,
        "assets": as_asimov_says(other.assets),
        "folder": str(files[0].parent if files else task.folder),
    }


def _config(task: Task, folder: Path, scratch: Path, category: str) -> dict[str, dict[str, str]]:
    """What asimov.conf says of places, all inside the attempt's folder, and of accounting."""
    user = task.resources.accounting_user or getpass.getuser()
    config = {
        "general": {
            "git_default": str(folder / "repository"),
            "rundir_default": str(task.folder),
            "webroot": str(folder / "pages"),
            "event_git": "false",
            "calibration_directory": category,
        },
        "project": {"root": str(task.folder), "name": "gwfollow"},
        "logging": {"location": str(folder / "log")},
        "storage": {name: str(scratch / "store") for name in ("root", "directory", "results_store")},
        "scheduler": {"type": "htcondor"},
        "ledger": {"engine": "none"},  # asimov looks for one of its own on import, which costs a third of a second
        "condor": {"user": user, "scheduler": "gwfollow"},
    }
    if task.get("template"):
        config["templating"] = {"directory": str(task.configs)}
    if task.resources.accounting_group:
        config["condor"]["accounting"] = task.resources.accounting_group
    return config

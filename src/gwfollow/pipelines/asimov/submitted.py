"""What a plugin handed to HTCondor, as work that gwfollow submits itself.

A program that asks for nothing but what `Job` can say becomes one; anything else (custom attributes, macros, file transfer) becomes a DAG of one
node, whose submit file says it word for word, so that nothing is lost.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Dag, Job, Task, Work
from gwfollow.pipelines.files import write_text
from gwfollow.schedulers.base import Resources

#: commands of a submit description that `Job` says itself, or that mean nothing where machines share a file system
_SAID = frozenset(
    (
        "executable", "arguments", "output", "error", "log", "initialdir", "universe", "notification", "batch_name", "jobbatchname",
        "request_cpus", "request_memory", "request_disk", "accounting_group", "accounting_group_user", "requirements", "priority",
        "getenv", "should_transfer_files", "when_to_transfer_output", "transfer_executable", "stream_output", "stream_error", "queue",
    )
)  # fmt: skip
#: options of condor_submit_dag that change nothing, or that gwfollow has its own way for
_IDLE_OPTIONS = frozenset(
    ("-batch-name", "-f", "-force", "force", "-verbose", "-v", "-notification", "-suppress_notification", "-n", "-import_env")
)
_NAME = re.compile(r"[^A-Za-z0-9._+-]+")


def work_of(entries: list[Mapping[str, Any]], task: Task, who: str) -> Work | None:
    """The one piece of work among what was written down; None where nothing was.  Raises `PipelineError` for what cannot be passed on."""
    different = {_identity(entry): entry for entry in entries}
    if not different:
        return None
    if len(different) > 1:
        asked = "; ".join(_described(entry) for entry in different.values())
        raise PipelineError(
            f"{who} submitted {len(different)} things in one step: {asked}; gwfollow runs one job or one DAG, write a DAG"
        )
    entry = next(iter(different.values()))
    if entry["kind"] == "dag":
        return _dag(entry, task, who)
    return _program(_description(entry, who), Path(entry["folder"]), task, who)


def _identity(entry: Mapping[str, Any]) -> str:
    return repr(sorted((key, str(value)) for key, value in entry.items() if key != "id"))


def _described(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']} {entry.get('file') or entry['lines'].get('executable', 'without an executable')}"


def _dag(entry: Mapping[str, Any], task: Task, who: str) -> Dag:
    if entry.get("more"):
        raise PipelineError(
            f"{who} submitted several DAG files at once ({entry['file']}, {', '.join(entry['more'])}); join them with SPLICE"
        )
    options = {key: value for key, value in entry["options"].items() if key not in _IDLE_OPTIONS}
    here = options.pop("-usedagdir", None) is not None
    if options:
        asked = " ".join(f"{key} {value}".strip() for key, value in options.items())
        raise PipelineError(
            f"{who} asked condor_submit_dag for {asked}, which gwfollow does not pass on: say it in the DAG file (CONFIG, CATEGORY)"
        )
    file = Path(entry["file"])
    return Dag(file=file, folder=file.parent if here else Path(entry["folder"]), name=_name(file.stem), resources=task.resources)


def _description(entry: Mapping[str, Any], who: str) -> dict[str, str]:
    """The commands of a submit description, names in lower case."""
    if entry["kind"] == "job":
        if entry["several"]:
            raise PipelineError(
                f"{who} submitted several jobs at once (count, queue or itemdata); gwfollow runs one, write a DAG"
            )
        return {key.lower(): value for key, value in entry["lines"].items()}
    if entry["options"].keys() - _IDLE_OPTIONS:
        raise PipelineError(
            f"{who} gave condor_submit {' '.join(entry['options'])}, which gwfollow does not pass on: say it in {entry['file']}"
        )
    return _read_submit_file(Path(entry["file"]), who)


def _read_submit_file(path: Path, who: str) -> dict[str, str]:
    lines: dict[str, str] = {}
    queued = 0
    for line in path.read_text().replace("\\\n", " ").splitlines():
        words = line.split("#")[0].strip() if line.lstrip().startswith("#") else line.strip()
        if not words:
            continue
        if words.split()[0].lower() == "queue":
            queued += 1
            if words.lower() not in {"queue", "queue 1"}:
                raise PipelineError(f"{who}: {path} says {words!r}; gwfollow runs one job, write a DAG")
            continue
        key, equals, value = words.partition("=")
        if not equals:
            raise PipelineError(f"{who}: {path} has the line {words!r}, which is no 'name = value'")
        lines[key.strip().lower()] = value.strip()
    if queued != 1:
        raise PipelineError(f"{who}: {path} has {queued} queue statements, expected one")
    return lines


def _program(lines: dict[str, str], start: Path, task: Task, who: str) -> Work:
    if "executable" not in lines:
        raise PipelineError(f"{who} submitted a job without an executable")
    folder = start / lines.get("initialdir", "")
    name = _name(Path(lines.get("output") or lines.get("batch_name") or task.analysis).stem)
    unsaid = sorted(lines.keys() - _SAID)
    if task.document["scheduler"]["name"] != "local" and (unsaid or any("$(" in value for value in lines.values())):
        return _one_node(lines, folder, name, task)
    return Job(
        executable=folder / lines["executable"],
        arguments=tuple(_arguments(lines.get("arguments", ""))),
        folder=_beside_output(lines, folder),
        name=name,
        resources=_resources(lines, task),
    )


def _beside_output(lines: Mapping[str, str], folder: Path) -> Path:
    """gwfollow writes output beside the job's working folder; a plugin looks for it where it said."""
    return folder if folder.is_dir() else (folder / lines.get("output", "x")).parent


def _one_node(lines: Mapping[str, str], folder: Path, name: str, task: Task) -> Dag:
    """Its commands, word for word, as the one node of a DAG."""
    kept = {key: value for key, value in lines.items() if key not in {"queue", "batch_name", "jobbatchname"}}
    text = "".join(f"{key} = {value}\n" for key, value in {"universe": "vanilla", "initialdir": str(folder), **kept}.items())
    write_text(task.folder / f"{name}.node.sub", f"{text}queue\n")
    write_text(task.folder / f"{name}.dag", f"JOB {name} {name}.node.sub\n")
    return Dag(file=task.folder / f"{name}.dag", folder=task.folder, name=f"{name}-dag", resources=task.resources)


def _resources(lines: Mapping[str, str], task: Task) -> Resources:
    given = task.resources
    environment = dict(given.environment)
    if lines.get("getenv", "").lower() in {"true", "yes", "1"}:
        passed = {key: os.environ[key] for key in ("HOME", "USER", "LANG", "PATH") if key in os.environ}
        environment = passed | environment
    return Resources(
        accounting_group=lines.get("accounting_group") or given.accounting_group,
        accounting_user=lines.get("accounting_group_user") or given.accounting_user,
        cpus=int(lines.get("request_cpus") or given.cpus),
        memory_mb=_size(lines.get("request_memory"), given.memory_mb),
        disk_mb=_size(lines.get("request_disk"), given.disk_mb, kilobytes=True),
        requirements=lines.get("requirements") or given.requirements,
        priority=int(lines.get("priority") or given.priority),
        environment=environment,
        oauth_services=given.oauth_services,
    )


def _size(text: str | None, default: int, *, kilobytes: bool = False) -> int:
    """HTCondor's sizes in MB: a bare number is MB for memory and KB for disk."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text or "", re.IGNORECASE)
    if found is None:
        return default
    factor = {"": 1 / 1024 if kilobytes else 1, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[found[2].upper()]
    return max(1, round(float(found[1]) * factor))


def _arguments(text: str) -> list[str]:
    """Both of HTCondor's syntaxes: words between blanks, or, all in double quotes, words that may stand in single quotes."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        lexer = shlex.shlex(text[1:-1].replace('""', '"'), posix=True)
        lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, "'", "", ""
        return list(lexer)
    return text.split()


def _name(text: str) -> str:
    return _NAME.sub("-", text).strip("-._+") or "job"

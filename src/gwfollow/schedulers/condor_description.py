"""What is submitted to HTCondor: work as a submit description.

Submit descriptions are a language: a newline starts a new command and ``$`` starts a macro.  Here every value either stands for
itself or is refused with `SubmitRefused`; nothing that a blueprint says can become a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gwfollow.errors import SubmitRefused
from gwfollow.schedulers.base import Dag, Job, Resources, Work

#: attributes of the job that gwfollow adds
KEY, STAGED = "GWFollowKey", "GWFollowStaged"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.*-]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check(work: Work, key: str) -> None:
    """Refuse what cannot be said safely, before anything is written or started.  Raises `SubmitRefused`."""
    _matching("job name", work.name, _NAME, "letters, digits and . _ + -")
    _plain("key", key)
    if not work.folder.is_absolute():
        raise SubmitRefused(f"working folder {str(work.folder)!r} is not an absolute path")
    _plain("working folder", str(work.folder))
    _check_resources(work.resources)
    if isinstance(work, Dag):
        _plain("DAG file", str(work.file))
        return
    _plain("executable", str(work.executable))
    for number, argument in enumerate(work.arguments, 1):
        _plain(f"argument {number}", argument, edges=False)
        if re.search(r"\$\$[(\[]", argument):
            raise SubmitRefused(
                f"argument {number} holds $$( or $$[, which HTCondor would replace when the job starts: {argument!r}"
            )


def _check_resources(resources: Resources) -> None:
    for name, value in resources.environment.items():
        _matching("environment variable", name, _VARIABLE, "letters, digits and _")
        _plain(f"environment {name}", value, edges=False)
    for service in resources.oauth_services:
        _matching("credential service", service, _SERVICE, "letters, digits and . _ * -")
    for what, account in (("accounting group", resources.accounting_group), ("accounting user", resources.accounting_user)):
        if account is not None:
            _matching(what, account, _ACCOUNT, "letters, digits and . _ @ + -")
    if resources.requirements is not None:
        _plain("requirements", resources.requirements)
    for what, number in (("cpus", resources.cpus), ("memory_mb", resources.memory_mb), ("disk_mb", resources.disk_mb)):
        if number <= 0:
            raise SubmitRefused(f"{what} is {number}, expected a positive number")


def _matching(what: str, text: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(text):
        raise SubmitRefused(f"{what} {text!r} is not allowed: use {allowed}")


def _plain(what: str, text: str, *, edges: bool = True) -> None:
    """`edges`: the value stands bare in the description, where a blank at an end is lost and a last backslash joins lines."""
    if _CONTROL.search(text):
        raise SubmitRefused(f"{what} {text!r} holds a newline or another control character")
    if edges and (not text or text != text.strip() or text.endswith("\\")):
        raise SubmitRefused(f"{what} {text!r} is empty, or begins or ends with a blank or a backslash")


def job_description(job: Job, key: str) -> dict[str, str]:
    """The whole description of one program; call `check` first."""
    resources = job.resources
    lines = {
        "universe": "vanilla",
        "executable": _verbatim(str(job.executable)),
        # the program and its files are on a file system that the machines share
        "transfer_executable": "False",
        "should_transfer_files": "NO",
        "output": _verbatim(str(job.folder / f"{job.name}.out")),
        "error": _verbatim(str(job.folder / f"{job.name}.err")),
        "request_cpus": str(resources.cpus),
        "request_memory": f"{resources.memory_mb}MB",
        "request_disk": f"{resources.disk_mb}MB",
    }
    if job.arguments:
        lines["arguments"] = _quoted(map(_word, job.arguments))
    if resources.environment:
        lines["environment"] = _quoted(environment_words(resources.environment))
    if resources.requirements is not None:
        lines["requirements"] = _verbatim(f"({resources.requirements})")
    return lines | common_description(job, key)


def common_description(work: Work, key: str) -> dict[str, str]:
    """What a job and the DAGMan job of a DAG have in common."""
    resources = work.resources
    lines = {
        "initialdir": _verbatim(str(work.folder)),
        "log": _verbatim(str(event_log(work))),
        "notification": "never",
        "hold": "True",  # staged: see the module `base`
        "batch_name": _verbatim(key),  # people see it in condor_q; it is also what names the key in the event log
        f"My.{KEY}": _verbatim(classad_string(key)),
        f"My.{STAGED}": "True",
    }
    if resources.accounting_group is not None:
        lines["accounting_group"] = resources.accounting_group
    if resources.accounting_user is not None:
        lines["accounting_group_user"] = resources.accounting_user
    if resources.oauth_services:
        lines["use_oauth_services"] = ", ".join(resources.oauth_services)
    if resources.priority:
        lines["priority"] = str(resources.priority)
    return lines


def event_log(work: Work) -> Path:
    """Where HTCondor writes what happens to the job."""
    return work.folder / f"{work.name}.log"


def environment_words(environment: Mapping[str, str]) -> list[str]:
    """``NAME=value`` in HTCondor's own quoting, without the outer double quotes."""
    return [f"{name}={_word(value)}" for name, value in environment.items()]


def with_environment(line: str, environment: Mapping[str, str]) -> str:
    """`line`, an ``environment`` value that another tool wrote in double quotes, with more variables in front."""
    if not environment:
        return line
    if not line.startswith('"'):
        raise SubmitRefused(f"DAGMan's submit file has an environment that gwfollow cannot add to: {line!r}")
    return _quoted(environment_words(environment))[:-1] + " " + line[1:]


def classad_string(text: str) -> str:
    """A ClassAd string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _word(text: str) -> str:
    """One word of a list: in single quotes where it needs them, doubled inside."""
    if text and not re.search(r"[\s']", text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _quoted(words: Iterable[str]) -> str:
    return '"' + _verbatim(" ".join(words).replace('"', '""')) + '"'


def _verbatim(text: str) -> str:
    """No macro: a dollar that stands for itself."""
    return text.replace("$", "$(DOLLAR)")


__all__ = ["KEY", "STAGED", "check", "classad_string", "common_description", "event_log", "job_description", "with_environment"]

"""What is submitted to HTCondor: work as a submit description.

Submit descriptions are a language: a newline starts a new command and ``$`` starts a macro.  What `checks` has let through stands
for itself here; nothing that a blueprint says can become a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gwfollow.errors import SubmitRefused
from gwfollow.schedulers.base import Job, Work

#: attributes of the job that gwfollow adds
KEY, STAGED = "GWFollowKey", "GWFollowStaged"


def job_description(job: Job, key: str) -> dict[str, str]:
    """The whole description of one program; call `checks.check` first."""
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
    """No macro: a dollar that stands for itself.  Two in a row do so by themselves; written as macros they would not."""
    return re.sub(r"(?<!\$)\$(?!\$)", "$(DOLLAR)", text)


__all__ = ["KEY", "STAGED", "classad_string", "common_description", "event_log", "job_description", "with_environment"]

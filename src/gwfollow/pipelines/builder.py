"""Running a builder: the program of a science code that turns a configuration into a DAG.

Exit code 0 says little: builders end so after they have refused an option, and after a step that they started has failed.  So a
builder has to say its line, within its time, and what it made is looked at (see `dagfile`).
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.files import builder_environment, environment_program, program, tail
from gwfollow.pipelines.reasons import last_error

#: the time limit of a builder (s) unless the document says another under `build time limit`
BUILD_SECONDS = 900.0
LOG = "build.log"
_LEASH = Path(__file__).with_name("leash.py")
#: lines of the builder that a message quotes
QUOTED = 3


def find_builder(task: Task, name: str) -> Path:
    """The builder's program: the document's ``executable``, else `name` in its ``environment``, else `name` beside our own Python.

    Raises `InputError` for an environment that has no such program, `PipelineError` where there is none at all.
    """
    asked = task.get("executable")
    if asked is not None and not isinstance(asked, str):
        raise InputError("executable", asked, f"the name or the absolute path of a program in place of {name}")
    environment = task.get("environment")
    if environment is not None and not (asked and Path(asked).is_absolute()):
        return environment_program(environment, asked or name)
    return program(asked or name)


def prefix(task: Task) -> Path:
    """The top folder of the environment whose programs the DAG's jobs run: the document's ``environment``, else our own."""
    environment = task.get("environment")
    if environment is None:
        return Path(sys.prefix)
    if (
        not isinstance(environment, str)
        or not Path(environment).is_absolute()
        or not re.fullmatch(r"[A-Za-z0-9_./+-]+", environment)
    ):
        raise InputError("environment", environment, "the absolute path of an environment, of letters, digits and _ . / + -")
    return Path(environment)


def prefix_program(task: Task, name: str) -> Path:
    """A companion of the builder, in the same environment.  Raises `InputError` or `PipelineError` where it is not there."""
    environment = task.get("environment")
    return program(name) if environment is None else environment_program(environment, name)


def time_limit(task: Task) -> float:
    """Seconds that the builder may take: the document's ``build time limit``, else `BUILD_SECONDS`.  Raises `InputError`."""
    return inputs.number(task, "build time limit", BUILD_SECONDS, unit="s")


def run_builder(command: Sequence[str], folder: Path, *, success: str, seconds: float, log: str = LOG) -> None:
    """Run the builder in `folder`, with its output in the file `log` there, and end it and its children after `seconds`.

    `success` is what it prints when its work is done; empty for a builder that says nothing.  Raises `PipelineError` with its own words.
    """
    name, place = Path(command[0]).name, folder / log
    with place.open("wb") as output:
        output.write(f"$ {shlex.join(command)}\n".encode())
        output.flush()
        code = _run(command, folder, output.fileno(), seconds)
    if code is None:
        raise PipelineError(
            f"{name} did not finish within {seconds:g} s and was killed with its children; it said last: {_last(place)}; see {place}"
        )
    if code < 0:
        raise PipelineError(f"{name} was killed by {signal.Signals(-code).name}; it said last: {_last(place)}; see {place}")
    if code:
        said = last_error(tail(place, 200)) or _last(place)
        raise PipelineError(f"{name} refused the configuration (exit code {code}): {said}; see {place}")
    if success and success.encode() not in place.read_bytes():
        raise PipelineError(
            f"{name} ended with exit code 0 and never said {success!r}, so its work is not done; it said last: {_last(place)}; see {place}"
        )


def _run(words: Sequence[str], folder: Path, output: int, seconds: float) -> int | None:
    """The exit code; None after `seconds`.  An interrupted builder is killed with its children, and so is one whose worker dies."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), *words],
        cwd=folder,
        env={"USER": getpass.getuser()} | builder_environment(Path(words[0])),  # lalinference_pipe fails without USER
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.returncode is None:  # too long, or this task was interrupted
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def _last(log: Path) -> str:
    lines = [line.strip() for line in tail(log, 200).splitlines() if line.strip() and not line.startswith("$ ")]
    return " | ".join(lines[-QUOTED:]) or "nothing"

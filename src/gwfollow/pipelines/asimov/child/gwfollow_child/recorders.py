"""What a plugin hands to HTCondor is written down, not submitted: gwfollow submits it, exactly once.

Three doors are watched: the Python bindings (asimov's own scheduler goes through them), and the programs condor_submit_dag and
condor_submit, by programs of the same names at the head of PATH.  Each answers with a number that stands for the job.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .plain import plain

#: numbers from here on stand for jobs that gwfollow will submit; no schedd comes so far
FIRST = 1_900_000_000
#: programs that answer in the place of HTCondor's, Slurm's and others' (see `programs`)
PROGRAMS = (
    "condor_submit_dag",
    "condor_submit",
    "condor_rm",
    "condor_hold",
    "condor_release",
    "condor_qedit",
    "sbatch",
    "qsub",
    "bsub",
)


class Book:
    """The file in which submissions are written down, one JSON document a line."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()

    def write(self, entry: Mapping[str, Any]) -> int:
        """Write it down and return the number that stands for the job."""
        with self.path.open("a+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            number = FIRST + sum(1 for _ in stream)
            stream.write(json.dumps({**plain(entry), "id": number}) + "\n")
        return number

    def read(self) -> list[Any]:
        """Everything that was written down, in order."""
        try:
            with self.path.open() as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []


def lead_path(book: Book, folder: str) -> None:
    """Put programs that write down at the head of PATH."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    script = Path(__file__).absolute().with_name("programs.py")
    for name in PROGRAMS:
        path = Path(folder, name)
        words = " ".join(map(shlex.quote, (sys.executable, "-S", "-E", str(script), name)))
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)
    os.environ["PATH"] = folder + os.pathsep + os.environ.get("PATH", os.defpath)
    os.environ["CHILD_RECORD"] = str(book.path)


def lead_bindings(book: Book) -> None:
    """Replace the classes of HTCondor's bindings that talk to its daemons."""
    for name in ("htcondor2", "htcondor"):
        if importlib.util.find_spec(name) is None:
            continue
        try:
            bindings: Any = importlib.import_module(name)
        except Exception as error:  # bindings that do not load here are no door
            sys.stderr.write(f"{name} cannot be imported: {error}\n")
            continue
        bindings.Schedd = type("Schedd", (_Schedd,), {"_book": book})
        bindings.Collector = _Collector
        bindings.Submit = _submit_class(bindings.Submit)


def _submit_class(original: Any) -> Any:
    class Submit(original):  # type: ignore[misc]  # the bindings have no types
        """HTCondor's own, which knows which DAG it was made from."""

        @staticmethod
        def from_dag(filename: Any, options: Any = None) -> Any:
            if not Path(filename).exists():
                raise FileNotFoundError(f"DAG file {filename} does not exist")
            made = Submit({"universe": "scheduler", "executable": "condor_dagman"})
            made._gwfollow_dag = (str(Path.cwd() / filename), dict(options or {}))
            return made

    return Submit


class _Result:
    """As the bindings answer a submission."""

    def __init__(self, number: int) -> None:
        self._number = number

    def cluster(self) -> int:
        return self._number

    def first_proc(self) -> int:
        return 0

    def num_procs(self) -> int:
        return 1

    def clusterad(self) -> dict[str, Any]:
        return {"ClusterId": self._number}

    def __int__(self) -> int:
        return self._number


class _Schedd:
    """A schedd that takes everything and holds nothing."""

    _book: Book

    def __init__(self, location: Any = None) -> None:
        self.location = location

    def submit(
        self, description: Any, count: int = 0, *rest: Any, itemdata: Any = None, queue: Any = None, **more: Any
    ) -> _Result:
        made_from = getattr(description, "_gwfollow_dag", None)
        if made_from is not None:
            entry = {"kind": "dag", "file": made_from[0], "options": made_from[1], "folder": str(Path.cwd())}
        else:
            several = count not in (0, 1) or itemdata is not None or bool(queue)
            lines = {str(key): str(value) for key, value in dict(description).items()}
            entry = {"kind": "job", "lines": lines, "several": several, "folder": str(Path.cwd())}
        return _Result(self._book.write(entry))

    def query(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    xquery = history = query

    def act(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        return {"TotalSuccess": 0, "TotalNotFound": 1, "TotalError": 0, "TotalJobAds": 0}

    edit = act


class _Collector:
    """A collector that knows of one schedd."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def locate(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        return {"Name": "gwfollow", "MyAddress": "<127.0.0.1:0>"}

    def locateAll(self, *args: Any, **kwargs: Any) -> list[dict[str, str]]:
        return [self.locate()]

    def query(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

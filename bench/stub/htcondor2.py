"""Stands for the HTCondor bindings while a monitoring pass is measured: every job that was "submitted" is running.

Only the bench puts this folder on PYTHONPATH (of asimov and of gwfollow alike), so that what is measured is what each does with the
scheduler's answer and not HTCondor's own time.  Jobs are the lines of the file $BENCH_QUEUE, ``id <tab> name <tab> key``; those whose
ids stand in the file of the same name with ``.done`` have left the queue for the history.
"""

from __future__ import annotations

import enum
import os
import re
from pathlib import Path
from typing import Any


class HTCondorException(Exception):
    pass


class DaemonTypes(enum.IntEnum):
    Schedd = 3
    Collector = 5


DaemonType = DaemonTypes


class QueryOpts(enum.IntEnum):
    Default = 0
    DefaultMyJobsOnly = 4


class JobAction(enum.IntEnum):
    Hold = 1
    Release = 2
    Remove = 3


class JobStatus(enum.IntEnum):
    IDLE = 1
    RUNNING = 2
    REMOVED = 3
    COMPLETED = 4
    HELD = 5


class Collector:
    def __init__(self, pool: Any = None) -> None:
        self.pool = pool

    def locate(self, daemon: DaemonTypes, name: str | None = None) -> dict[str, str]:
        return {"Name": name or "bench", "MyAddress": "<127.0.0.1:1>"}

    def locateAll(self, daemon: DaemonTypes) -> list[dict[str, str]]:
        return [self.locate(daemon)]


class Schedd:
    def __init__(self, location: Any = None) -> None:
        self.location = location

    def query(
        self, constraint: Any = None, projection: Any = None, callback: Any = None, limit: int = -1, opts: Any = None
    ) -> list[dict[str, Any]]:
        """One ad for each job of the queue, or of those clusters that the constraint names, as HTCondor itself would choose them."""
        done, wanted = _done(), _clusters(constraint)
        jobs = [one for one in _jobs() if wanted is None or one[0].partition(".")[0] in wanted]
        return [_ad(job, name, key, JobStatus.RUNNING) for job, name, key in jobs if job not in done]

    def history(self, constraint: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        done, wanted = _done(), _clusters(constraint)
        jobs = [one for one in _jobs() if wanted is None or one[0].partition(".")[0] in wanted] if done else []
        return [_ad(job, name, key, JobStatus.COMPLETED) for job, name, key in jobs if job in done]


def _clusters(constraint: Any) -> set[str] | None:
    found = re.search(r"member\(ClusterId, \{([\d, ]+)\}\)", str(constraint))
    return set(found[1].split(", ")) if found else None


def _jobs() -> list[list[str]]:
    return [line.split("\t") for line in Path(os.environ["BENCH_QUEUE"]).read_text().splitlines()]


def _done() -> set[str]:
    file = Path(os.environ["BENCH_QUEUE"] + ".done")
    return set(file.read_text().split()) if file.exists() else set()


def _ad(job: str, name: str, key: str, status: JobStatus) -> dict[str, Any]:
    known = {"ClusterId": int(job), "ProcId": 0, "JobStatus": int(status), "CurrentHosts": 1, "Cmd": "condor_dagman"}
    known |= {"JobBatchName": name, "GWFollowKey": key, "JobUniverse": 7, "EnteredCurrentStatus": 0, "NumJobStarts": 1}
    return known | ({"ExitCode": 0, "ExitBySignal": False} if status is JobStatus.COMPLETED else {})


param: dict[str, str] = {}

"""Jobs that count their own runs, and waiting for them; used by the tests on a real HTCondor."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

from gwfollow.schedulers.base import Dag, Job, JobStatus, Resources
from gwfollow.schedulers.htcondor import HTCondor

SH = Path("/bin/sh")


def shell(folder: Path, script: str = "true", name: str = "job", **resources: object) -> Job:
    """A job that writes a line to the file ``runs`` whenever it is run."""
    return Job(SH, ("-c", f"echo run >> runs; {script}"), folder, name, Resources(**({"memory_mb": 128} | resources)))  # type: ignore[arg-type]


def runs(folder: Path, name: str = "runs") -> int:
    return len((folder / name).read_text().splitlines()) if (folder / name).exists() else 0


def until(scheduler: HTCondor, job_id: str, wanted: Callable[[JobStatus], bool], seconds: float = 90) -> JobStatus:
    end = time.monotonic() + seconds
    while not wanted(status := scheduler.query([job_id])[job_id]):
        assert time.monotonic() < end, status
        time.sleep(0.2)
    return status


def has_ended(status: JobStatus) -> bool:
    return status.state.ended


def chain(folder: Path, **scripts: str) -> Dag:
    """A DAG of nodes that run one after the other; each writes a line to ``runs-<node>``."""
    nodes = list(scripts)
    for node, script in scripts.items():
        arguments = f"-c 'echo run >> runs-{node}; {script}'"
        (folder / f"{node}.sub").write_text(
            f'executable = /bin/sh\narguments = "{arguments}"\nerror = {node}.err\nlog = nodes.log\nrequest_memory = 128\nqueue\n'
        )
    lines = [f"JOB {node} {node}.sub" for node in nodes]
    lines += [f"PARENT {first} CHILD {second}" for first, second in itertools.pairwise(nodes)]
    (folder / "chain.dag").write_text("\n".join(lines) + "\n")
    return Dag(Path("chain.dag"), folder, "chain")

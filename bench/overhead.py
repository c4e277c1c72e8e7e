"""The same bilby analysis through gwfollow and bare: what Airflow, the ledger and the polling add to bilby_pipe and HTCondor.

gwfollow: from ``apply`` to the result read and collected.  Bare: bilby_pipe on the configuration that gwfollow rendered,
condor_submit_dag, and waiting for the end of the DAG.  Both in one run, in turn, on one pool, with the same seed.  The time of the DAG
itself depends on what else the machine does, so that it is taken off: the overhead is what remains.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gwfollow.ledger.store import find_analysis
from gwfollow.life.site import current_attempt, last_job
from gwfollow.sandbox.demo_data import make_event
from measure import BenchError, run
from rig import Rig, rig

#: enough for a sampler that ends within a minute; the answer is not used
QUICK = {"nlive": 50, "naccept": 2, "dlogz": 1.0}
PATIENCE = 900.0
EVENT = "SIM150914"


@dataclass(frozen=True)
class Run:
    """Seconds: from the first command to the end, of the DAG itself, of processor outside of the jobs."""

    wall: float
    dag: float
    cpu: float

    @property
    def overhead(self) -> float:
        return self.wall - self.dag


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2, help="how often each does it, in turn (default 2)")
    options = parser.parse_args()
    try:
        with rig() as stage:
            prepare(stage)
            ours: list[Run] = []
            bare: list[Run] = []
            for number in range(options.repeats):
                ours.append(through_gwfollow(stage, f"bilby{number}"))
                bare.append(without(stage, f"bilby{number}"))
                print(f"  turn {number + 1}: gwfollow {ours[-1].wall:.1f} s, bare {bare[-1].wall:.1f} s", flush=True)
            idle = idle_rate(stage, 20.0)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table(ours, bare))
    waiting = idle * statistics.median(one.wall for one in ours)
    print(
        f"an Airflow that does nothing uses {idle:.1%} of a processor, {waiting:.1f} s in this time; "
        "that is in gwfollow's figure, and shared by all events"
    )
    return 0


def prepare(stage: Rig) -> None:
    """The event with its simulated strain and the estimate of the noise that bilby takes."""
    configs = stage.settings.configs_folder / "blueprints"
    defaults: dict[str, Any] = yaml.safe_load((configs / "demo-defaults.yaml").read_text())
    defaults["pipelines"]["bilby"]["sampler"]["sampler kwargs"].update(QUICK)
    strain = make_event(stage.folder / "data", None).strain
    analyses = yaml.safe_load_all((configs / "demo-analyses.yaml").read_text())
    psd = [{**one, "event": EVENT} for one in analyses if one["pipeline"] == "psd"]
    event = {
        "kind": "event",
        "name": EVENT,
        "event time": strain.gps,
        "interferometers": list(strain.detectors),
        "data": {"channels": strain.channels, "data files": strain.files},
    }
    stage.apply(yaml.safe_dump_all([defaults, event, *psd]))
    stage.until(lambda: stage.statuses(EVENT) == {"psd": "uploaded"}, PATIENCE, "psd uploaded")


def through_gwfollow(stage: Rig, name: str) -> Run:
    """One more analysis on the event, until its result has been read and is in the ledger."""
    used, begun = stage.cpu(), time.time()
    analysis = {"kind": "analysis", "event": EVENT, "name": name, "pipeline": "bilby", "needs": ["psd"], "status": "ready"}
    stage.apply(yaml.safe_dump(analysis))
    stage.until(lambda: stage.statuses(EVENT)[name] in {"finished", "uploaded"}, PATIENCE, f"{name} collected")
    cpu = stage.cpu() - used
    with stage.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, name))
        job = last_job(attempt)
        if attempt is None or attempt.ended is None or job is None or job.job_id is None:
            raise BenchError(f"{name}: the ledger knows no collected attempt")
        return Run(attempt.ended.timestamp() - begun, dag_seconds(job.job_id.partition(".")[0]), cpu)


def without(stage: Rig, name: str) -> Run:
    """bilby_pipe, condor_submit_dag, condor_wait on the configuration of gwfollow's analysis `name`."""
    folder = stage.folder / "bare" / name
    folder.mkdir(parents=True)
    with stage.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, name))
    assert attempt is not None
    ini = f"{name}.ini"
    shutil.copy(Path(attempt.folder) / ini, folder)
    environment = stage.airflow.env()
    begun = time.time()
    built = run(
        [Path(sys.executable).with_name("bilby_pipe"), ini, "--label", name, "--outdir", "run"],
        folder=folder,
        environment=environment,
    )
    dag = f"run/submit/dag_{name}.submit"
    submitted = run(["condor_submit_dag", "-AutoRescue", "1", dag], folder=folder, environment=environment)
    found = re.search(r"cluster (\d+)", submitted.output)
    if found is None:
        raise BenchError(f"condor_submit_dag says {submitted.output}")
    waited = run(["condor_wait", f"{dag}.dagman.log"], folder=folder, environment=environment, timeout=PATIENCE)
    wall = time.time() - begun
    if not list((folder / "run" / "result").glob("*_result.*")):
        raise BenchError(f"the bare run of {name} has no result in {folder}")
    return Run(wall, dag_seconds(found[1]), built.cost.cpu + submitted.cost.cpu + waited.cost.cpu)


def dag_seconds(cluster: str) -> float:
    """How long DAGMan ran, by HTCondor's history (whole seconds)."""
    for _ in range(20):
        done = subprocess.run(
            ["condor_history", cluster, "-limit", "1", "-af", "JobStartDate", "CompletionDate"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        fields = done.stdout.split()
        if len(fields) == 2 and all(field.isdigit() for field in fields):
            return float(fields[1]) - float(fields[0])
        time.sleep(0.5)
    raise BenchError(f"HTCondor's history does not know the DAG {cluster}: {done.stdout or done.stderr}")


def idle_rate(stage: Rig, seconds: float) -> float:
    """Processor seconds for each second that the services use with nothing to do."""
    stage.until(lambda: set(stage.statuses(EVENT).values()) == {"uploaded"}, PATIENCE, "all uploaded")
    time.sleep(10)
    before = stage.cpu()
    time.sleep(seconds)
    return (stage.cpu() - before) / seconds


def table(ours: Sequence[Run], bare: Sequence[Run]) -> str:
    header = f"{'':<46}{'bare':>9}{'gwfollow':>11}{'more':>9}{'ratio':>8}"
    rows = [
        ("whole, first command to the end", "wall"),
        ("  the DAG itself (DAGMan's start to end)", "dag"),
        ("  around it", "overhead"),
        ("processor time outside of the jobs", "cpu"),
    ]
    lines = [header]
    for title, key in rows:
        a, b = (statistics.median(getattr(one, key) for one in runs) for runs in (bare, ours))
        lines.append(f"{title:<46}{a:>7.1f} s{b:>9.1f} s{b - a:>7.1f} s{b / a:>8.2f}")
    a, b = (statistics.median(one.overhead for one in runs) for runs in (bare, ours))
    dag = statistics.median(one.dag for one in (*ours, *bare))
    lines.append(
        f"{'whole, with the same DAG time for both':<46}{dag + a:>7.1f} s{dag + b:>9.1f} s{b - a:>7.1f} s{(dag + b) / (dag + a):>8.2f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

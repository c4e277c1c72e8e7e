"""From an alert to the first job that HTCondor has accepted, with few and with many active events.

Alerts come one after another; each makes a new event with one quick analysis.  *published*: the sender hands the message over;
*inbox*: it is stored; *run*: Airflow has the run of the event's DAG; *job*: HTCondor has taken the job (its ledger entry; HTCondor's own
QDate counts whole seconds and is compared).  The other active events have three analyses each that are done, so that they make no work.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gwfollow.airflow_api import AirflowAPI
from gwfollow.ledger.schema import Job
from gwfollow.naming import EVENT_FILES, event_dag_id, file_dag_id
from latency import percentile
from ledgers import add_events
from measure import BenchError
from rig import Rig, rig

#: seconds: stage -> (p50, p95) that it should stay under
GOALS: dict[str, tuple[float | None, float | None]] = {"inbox": (1.0, None), "run": (None, 10.0), "job": (15.0, 30.0)}
PATIENCE = 180.0
ANALYSIS = "first"


@dataclass(frozen=True)
class Passage:
    """One alert's way; seconds after it was published."""

    event: str
    stages: dict[str, float]
    tasks: dict[str, float] = field(default_factory=dict)  # within Airflow: when each step was scheduled, started, ended


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, nargs="+", default=[0, 200, 1000], help="active events (default 0 200 1000)")
    parser.add_argument("--alerts", type=int, default=20, help="alerts in each row (default 20)")
    parser.add_argument("--apart", type=float, default=2.0, help="seconds between a job and the next alert (default 2)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    found: dict[int, list[Passage]] = {}
    try:
        with rig() as stage:
            print(header(), flush=True)
            for count in sorted(options.events):
                prepare(stage, count)
                found[count] = [one(stage, count, number, options.apart) for number in range(options.alerts)]
                print(*rows(count, found[count]), sep="\n", flush=True)
                if options.json:
                    options.json.write_text(json.dumps({n: [asdict(p) for p in found[n]] for n in found}, indent=1))
            print(breakdown(found))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print("goals: " + ", ".join(f"{stage} {goal(stage)}" for stage in GOALS))
    return 0


def prepare(stage: Rig, count: int) -> None:
    """That many active events, all known to Airflow, and nothing left to parse."""
    add_events(stage.ledger, count)
    api = airflow(stage)
    begun = time.monotonic()
    if known(api) < count:
        for number in range(EVENT_FILES):
            api.ask_parse(file_dag_id(number))
    stage.until(lambda: known(api) >= count, 300.0, f"Airflow knows {count} events")
    print(f"  {count} events known after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    time.sleep(5.0)


def known(api: AirflowAPI) -> int:
    answer = api._call("GET", "dags", params={"dag_id_prefix_pattern": "event.S", "limit": 1}) or {}
    return int(answer["total_entries"])


def one(stage: Rig, count: int, number: int, apart: float) -> Passage:
    event = f"A{count:05d}-{number:03d}"
    text = f"kind: event\nname: {event}\nevent time: 1126259462.4\ninterferometers: [H1]\n---\n"
    text += (
        f"kind: analysis\nevent: {event}\nname: {ANALYSIS}\npipeline: sleeper\nstatus: ready\n"
        "sleeper: {seconds: 0}\nscheduler: {request memory: 64 MB}\n"
    )
    published = time.time()
    stage.apply(text)
    stage.until(lambda: submitted(stage, event) is not None, PATIENCE, f"the job of {event}")
    accepted = submitted(stage, event)
    assert accepted is not None
    tasks = airflow_times(stage, event)
    time.sleep(apart)
    stages = {"run": tasks.pop("run queued"), "job": accepted}
    return Passage(
        event, {k: v - published for k, v in stages.items()}, {k: v - published for k, v in tasks.items() if v > published}
    )


def submitted(stage: Rig, event: str) -> float | None:
    with stage.ledger.read() as session:
        moment = session.scalar(select(Job.submitted).where(Job.key == f"{event}/{ANALYSIS}/1"))
        return moment.timestamp() if moment else None


def airflow_times(stage: Rig, event: str) -> dict[str, float]:
    """When Airflow says that the run and its first tasks moved."""
    api, dag_id = airflow(stage), event_dag_id(event)
    run = api.dag_runs(dag_id)[-1]
    found = {"run queued": run["queued_at"], "run started": run["start_date"]}
    answer = api._call("GET", f"dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances") or {}
    for task in answer["task_instances"]:
        step = task["task_id"].rpartition(".")[2]
        if step in ("plan", "build", "submit"):
            found |= {f"{step} {what}": task[key] for what, key in TASK_TIMES.items()}
    return {name: moment(text) for name, text in found.items() if text}


TASK_TIMES = {"scheduled": "scheduled_when", "queued": "queued_when", "started": "start_date", "ended": "end_date"}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def airflow(stage: Rig) -> AirflowAPI:
    return AirflowAPI(stage.airflow.url, stage.airflow.username, stage.airflow.password)


# ---- what is printed ---------------------------------------------------------------------------------------------------
def header() -> str:
    return f"{'active events':>14}{'alerts':>8}" + "".join(f"{f'{stage} p50':>12}{'p95':>9}{'most':>9}" for stage in GOALS)


def rows(count: int, passages: Sequence[Passage]) -> list[str]:
    line = f"{count:>14}{len(passages):>8}"
    for stage in GOALS:
        found = sorted(p.stages[stage] for p in passages if stage in p.stages)
        if not found:
            line += f"{'-':>12}{'-':>9}{'-':>9}"
            continue
        line += f"{statistics.median(found):>10.2f} s{percentile(found, 95):>7.2f} s{found[-1]:>7.2f} s"
    return [line]


def breakdown(found: dict[int, list[Passage]]) -> str:
    """Medians of the moments inside Airflow, in seconds after the alert."""
    names: list[str] = list(max((p.tasks for ps in found.values() for p in ps), key=len))
    lines = ["medians within Airflow, s after the alert:", f"{'':<18}" + "".join(f"{n:>9}" for n in found)]
    for name in sorted(names, key=lambda n: statistics.median([p.tasks.get(n, 0.0) for ps in found.values() for p in ps])):
        cells: list[Any] = []
        for passages in found.values():
            values = [p.tasks[name] for p in passages if name in p.tasks]
            cells.append(f"{statistics.median(values):>9.2f}" if values else f"{'-':>9}")
        lines.append(f"{name:<18}" + "".join(cells))
    return "\n".join(lines)


def goal(stage: str) -> str:
    p50, p95 = GOALS[stage]
    return " and ".join(f"{name} {value:.0f} s" for name, value in (("p50", p50), ("p95", p95)) if value is not None)


if __name__ == "__main__":
    sys.exit(main())

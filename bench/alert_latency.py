"""From an alert to the first job that HTCondor has accepted, with few and with many active events.

A superevent is made on the local GraceDB, which publishes it to the local Kafka; Airflow's triggerer listens, the policy asks for one
quick analysis.  Alerts come one after another.  *published*: GraceDB is asked for the superevent; *inbox*: its message is being stored;
*run*: Airflow has the run of the event's DAG and has said so; *job*: HTCondor has taken the job, by its ledger entry.  The other active
events have three analyses each that are done, so that they make no work.  *CPU* is what Airflow and its tasks used meanwhile, for each
alert: of the whole row, with what follows the job and with upkeep.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select

from alert_chain import ANALYSIS, QUICK, chain
from gwfollow.airflow_api import AirflowAPI
from gwfollow.ledger.schema import Analysis, Event, Inbox, Job, Outbox
from gwfollow.naming import EVENT_FILES, event_dag_id, file_dag_id
from latency import percentile
from ledgers import add_events
from measure import BenchError
from rig import Rig, rig

#: seconds: stage -> (p50, p95) that it should stay under
GOALS: dict[str, tuple[float | None, float | None]] = {"inbox": (1.0, 1.0), "run": (None, 10.0), "job": (15.0, 30.0)}
PATIENCE = 180.0
#: alerts whose frames a scan finds
MOST = 200
GPS = 1126259462.4
#: makes an alert; the name of its event in the ledger, and when it was published
Publish = Callable[[], tuple[str, float]]


@dataclass(frozen=True)
class Passage:
    """One alert's way; seconds after it was published."""

    event: str
    stages: dict[str, float]
    tasks: dict[str, float] = field(default_factory=dict)  # when each step within Airflow was scheduled, started, ended


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, nargs="+", default=[0, 200, 1000], help="active events (default 0 200 1000)")
    parser.add_argument("--alerts", type=int, default=20, help="alerts in each row (default 20)")
    parser.add_argument("--apart", type=float, default=2.0, help="seconds between a job and the next alert (default 2)")
    parser.add_argument("--bulk", type=int, default=0, help="one more row, while so many analyses of other events go their way")
    parser.add_argument("--blueprint", action="store_true", help="begin with a blueprint that is applied, without alerts")
    parser.add_argument("--scan", action="store_true", help="the policy asks for an omega scan, whose frames are there")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    found: dict[str, list[Passage]] = {}
    try:
        with far_side(options.blueprint, options.scan) as (stage, publish):
            one(stage, publish, 0.0)  # the first wakes everything up
            print(header(), flush=True)
            for title in titles(options.events, options.bulk):
                begin(stage, title, options.bulk)
                apart = options.apart if isinstance(title, int) else 0.0
                before = stage.cpu()
                found[str(title)] = [one(stage, publish, apart) for _ in range(options.alerts)]
                print(row(str(title), found[str(title)], (stage.cpu() - before) / options.alerts), flush=True)
            if options.bulk:
                print(bulk_done(stage, options.bulk))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if options.json:
            options.json.write_text(json.dumps({title: [asdict(p) for p in found[title]] for title in found}, indent=1))
    print(breakdown(found))
    print("goals: " + "; ".join(f"{stage} {goal(stage)}" for stage in GOALS))
    return 0


@contextmanager
def far_side(blueprint: bool, scan: bool) -> Iterator[tuple[Rig, Publish]]:
    """Airflow on HTCondor, and what makes an alert for it."""
    numbers = iter(range(1, 1_000_000))
    if blueprint:
        with rig() as stage:
            yield stage, lambda: by_blueprint(stage, next(numbers))
        return
    with (
        tempfile.TemporaryDirectory(prefix="gwc-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        chain(Path(folder)) as services,
        rig(more=services.environment) as stage,
    ):
        if scan:
            services.scan(GPS, 100 * MOST)
        yield stage, lambda: services.publish(GPS + 100 * next(numbers))


def by_blueprint(stage: Rig, number: int) -> tuple[str, float]:
    event, published = f"A{number:05d}", time.time()
    stage.apply(
        f"kind: event\nname: {event}\nevent time: {GPS}\ninterferometers: [H1]\n---\n{analysis(event, ANALYSIS)}", "gracedb"
    )
    return event, published


def titles(events: Sequence[int], bulk: int) -> list[int | str]:
    return [*sorted(events), *(["bulk"] if bulk else [])]


def begin(stage: Rig, title: int | str, bulk: int) -> None:
    if isinstance(title, int):
        prepare(stage, title)
    else:
        begin_bulk(stage, bulk)


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


def one(stage: Rig, publish: Publish, apart: float) -> Passage:
    event, published = publish()
    job = select(Job.submitted).where(Job.key == f"{event}/{ANALYSIS}/1")
    stage.until(lambda: time_of(stage, job) is not None, PATIENCE, f"the job of {event}")
    queries = {
        "inbox": select(func.min(Inbox.received)).where(Inbox.event == event),
        "run": select(Outbox.delivered).where(Outbox.key == f"run:{event}:rev-1"),
        "job": job,
    }
    times = {name: found for name, query in queries.items() if (found := time_of(stage, query)) is not None}
    tasks = airflow_times(stage, event)
    decided = time_of(stage, select(Outbox.created).where(Outbox.key == f"run:{event}:rev-1"))
    tasks |= {"in the inbox": times["inbox"]} if "inbox" in times else {}
    tasks |= {"policy decided": decided} if decided else {}
    time.sleep(apart)
    return Passage(event, *({name: at - published for name, at in group.items()} for group in (times, tasks)))


def time_of(stage: Rig, query: Select[Any]) -> float | None:
    with stage.ledger.read() as session:
        moment = session.scalar(query)
        return moment.timestamp() if moment else None


def begin_bulk(stage: Rig, analyses: int) -> None:
    """Ten analyses each for as many new events as that takes, all asked for at once."""
    text = "---\n".join(
        f"kind: event\nname: B{event:05d}\nevent time: 1126259462.4\ninterferometers: [H1]\n---\n"
        + "---\n".join(analysis(f"B{event:05d}", f"bulk{number}") for number in range(10))
        for event in range(analyses // 10)
    )
    stage.apply(text)


def bulk_done(stage: Rig, analyses: int) -> str:
    done = select(func.count()).select_from(Analysis).join(Event).where(Event.name.like("B%"), Analysis.status == "uploaded")
    with stage.ledger.read() as session:
        return f"  bulk: while {analyses} analyses of other events went their way; at its end {session.scalar(done)} of them had"


def analysis(event: str, name: str) -> str:
    return f"kind: analysis\nevent: {event}\nname: {name}\n{QUICK}"


def airflow_times(stage: Rig, event: str) -> dict[str, float]:
    """When Airflow says that the run and its first tasks moved."""
    api, dag_id = airflow(stage), event_dag_id(event)
    run = api.dag_runs(dag_id)[-1]
    found = {"run queued": run["queued_at"], "run started": run["start_date"]}
    answer = api._call("GET", f"dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances") or {}
    for task in answer["task_instances"]:
        step = task["task_id"].rpartition(".")[2]
        if step in ("plan", "begin", "data", "build", "scan", "submit"):
            found |= {f"{step} {what}": task[key] for what, key in TASK_TIMES.items()}
    return {name: moment(text) for name, text in found.items() if text}


TASK_TIMES = {"scheduled": "scheduled_when", "queued": "queued_when", "started": "start_date", "ended": "end_date"}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def airflow(stage: Rig) -> AirflowAPI:
    return AirflowAPI(stage.airflow.url, stage.airflow.username, stage.airflow.password)


# ---- what is printed ---------------------------------------------------------------------------------------------------
def header() -> str:
    return (
        f"{'active events':>14}{'alerts':>8}"
        + "".join(f"{f'{stage} p50':>12}{'p95':>9}{'most':>9}" for stage in GOALS)
        + f"{'CPU an alert':>15}"
    )


def row(title: str, passages: Sequence[Passage], cpu: float) -> str:
    line = f"{title:>14}{len(passages):>8}"
    for stage in GOALS:
        found = sorted(p.stages[stage] for p in passages if stage in p.stages)
        if found:
            line += f"{statistics.median(found):>10.2f} s{percentile(found, 95):>7.2f} s{found[-1]:>7.2f} s"
        else:
            line += f"{'-':>12}{'-':>9}{'-':>9}"
    return f"{line}{cpu:>13.1f} s"


def breakdown(found: dict[str, list[Passage]]) -> str:
    """Medians of the moments on the way, in seconds after the alert."""
    lines = ["medians of the moments on the way, s after the alert:", f"{'':<18}" + "".join(f"{title:>9}" for title in found)]
    everything = [p for passages in found.values() for p in passages]
    for name in sorted({name for p in everything for name in p.tasks}, key=lambda name: median(everything, name)):
        lines.append(f"{name:<18}" + "".join(f"{median(passages, name):>9.2f}" for passages in found.values()))
    return "\n".join(lines)


def median(passages: Sequence[Passage], name: str) -> float:
    return statistics.median([p.tasks[name] for p in passages if name in p.tasks] or [float("nan")])


def goal(stage: str) -> str:
    p50, p95 = GOALS[stage]
    return " and ".join(f"{name} {value:.0f} s" for name, value in (("p50", p50), ("p95", p95)) if value is not None)


if __name__ == "__main__":
    sys.exit(main())

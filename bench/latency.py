"""From the end of a job to its assets in the ledger, through a real Airflow and a real HTCondor that is polled every second.

Each job writes the time of its own end; the ledger has the times at which the wait saw the end and at which the assets were collected.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from gwfollow.ledger.store import find_analysis
from gwfollow.life.site import assets_of, current_attempt, last_job
from measure import BenchError, expect
from rig import Rig, rig

#: seconds of the first job: longer than the time for which a wait stays deferred
SHORTEST = 30.0


@dataclass(frozen=True)
class Lag:
    """Seconds after the end of the job."""

    seen: float
    collected: float


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=20, help="jobs in each row (default 20)")
    parser.add_argument("--apart", type=float, nargs="+", default=[4.0, 0.0], help="seconds between two ends (default 4 0)")
    options = parser.parse_args()
    try:
        with rig() as stage:
            print(f"{'':<36}{'seen p50':>10}{'p95':>9}{'collected p50':>15}{'p95':>9}{'most':>9}")
            for number, apart in enumerate(options.apart):
                lags = measure(stage, f"E{number}", options.jobs, apart)
                title = f"{options.jobs} jobs, " + (f"an end every {apart:g} s" if apart else "all ending together")
                print(row(title, lags), flush=True)
            print(starts(stage.airflow.folder / "logs"))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def measure(stage: Rig, event: str, jobs: int, apart: float) -> list[Lag]:
    """An event with that many analyses, all submitted together; what its jobs and the ledger say."""
    names = [f"job{number}" for number in range(jobs)]
    documents = [f"kind: event\nname: {event}\nevent time: 1126259462.4\ninterferometers: [H1]\n"]
    # with all ends together the first job must still sleep when the last one has been submitted
    first = SHORTEST if apart else 3 * SHORTEST
    documents += [
        f"kind: analysis\nevent: {event}\nname: {name}\npipeline: sleeper\nstatus: ready\n"
        f"sleeper: {{seconds: {first + number * apart}}}\nscheduler: {{request memory: 64 MB}}\n"
        for number, name in enumerate(names)
    ]
    stage.apply("---\n".join(documents))
    patience = 300 + first + jobs * apart
    stage.until(lambda: set(stage.statuses(event).values()) == {"uploaded"}, patience, f"all of {event} uploaded")
    return [lag(stage, event, name) for name in names]


def lag(stage: Rig, event: str, name: str) -> Lag:
    with stage.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, event, name))
        job = last_job(attempt)
        if attempt is None or job is None or attempt.ended is None or job.ended is None:
            raise BenchError(f"{event}/{name}: the ledger knows no end of its job")
        expect(len(assets_of(session, attempt)), 1, f"assets of {name}")
        ended = float((Path(attempt.folder) / "ended.txt").read_text())
        return Lag(job.ended.timestamp() - ended, attempt.ended.timestamp() - ended)


def row(title: str, lags: list[Lag]) -> str:
    seen, collected = sorted(lag.seen for lag in lags), sorted(lag.collected for lag in lags)
    return (
        f"{title:<36}{statistics.median(seen):>8.1f} s{percentile(seen, 95):>7.1f} s"
        f"{statistics.median(collected):>13.1f} s{percentile(collected, 95):>7.1f} s{collected[-1]:>7.1f} s"
    )


def percentile(ordered: list[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed."""
    return ordered[max(0, -(-len(ordered) * int(percent) // 100) - 1)]


def starts(logs: Path) -> str:
    """What Airflow itself says that a task of ours spends in the DAG file."""
    found = []
    for log in logs.glob("dag_id=event.*/**/*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if "dag_file_parse_ms" in line:
                found.append(float(json.loads(line)["dag_file_parse_ms"]))
    found.sort()
    if not found:
        raise BenchError("no task log says dag_file_parse_ms")
    return (
        f"dag_file_parse_ms in the logs of {len(found)} tasks: "
        f"least {found[0]:.0f}, p50 {statistics.median(found):.0f}, p95 {percentile(found, 95):.0f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())

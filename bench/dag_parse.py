"""What the files in ``dags/events/`` cost: the DAG processor, which builds a DAG for every active event, and a task, which builds its own.

A change of one event costs the parse of *one file*; *all files* is what a reading of all of them costs.  Each parse is a fresh process:
Airflow's own parsing of a file, with the serialization of its DAGs.  *CPU* leaves out the import of Airflow, which the DAG processor has
behind it when it forks.  *task start* is what a task spends in the file before it does anything: cold in a fresh process; *forked*, as
LocalExecutor does it, from one that has loaded Airflow and its plugins; *again*, for the second time in the same process.  *empty file*
is the same for a file with one DAG without tasks: what Airflow itself takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gwfollow.naming import EVENT_FILES, event_dag_id, event_file
from gwfollow.sandbox.airflow import LocalAirflow
from ledgers import CHAIN, event_name, fill
from measure import BenchError, expect

CHECKOUT = Path(__file__).parents[1]
#: seconds that Airflow gives the processor of one file ([dag_processor] dag_file_processor_timeout)
LIMIT = 50.0
GOAL = 30.0
TASK_GOAL = 10.0  # ms


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, nargs="+", default=[100, 1000, 3000], help="active events (default 100 1000 3000)")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes for each number; the median counts (default 3)")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="gwb-", dir="/tmp") as folder:
            run(Path(folder), options.events, options.repeats)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def run(folder: Path, counts: list[int], repeats: int) -> None:
    airflow = LocalAirflow(folder / "airflow", CHECKOUT)
    airflow.prepare()
    print(
        f"{EVENT_FILES} files in dags/events/, {len(CHAIN)} analyses for each event; medians of {repeats} fresh processes for each file"
    )
    print(
        f"{'events':>8}{'one file: import':>19}{'parse':>9}{'CPU':>9}{'memory':>10}{'whole':>9}{'of 50 s':>9}{'all files: CPU':>17}"
        f"{'task start: cold':>19}{'forked':>12}{'again':>10}{'empty file':>12}"
    )
    for count in counts:
        home = folder / str(count)
        home.mkdir()
        environment = airflow.env() | {
            "GWFOLLOW_HOME": str(home),
            "GWFOLLOW_LEDGER": fill(home, count),
            "PYTHONPATH": str(CHECKOUT / "plugins"),
        }
        files = [middle([ask("parse", number, count, environment) for _ in range(repeats)]) for number in range(EVENT_FILES)]
        expect(sum(int(file["dags"]) for file in files), count + EVENT_FILES, "DAGs serialized")
        # ids of a new ledger count from 1
        starts = [ask("task", event_file(count // 2 + 1), count, environment) for _ in range(repeats)]
        print(row(count, files, middle(starts)), flush=True)
    print(
        f"goals: {counts[-1]} events parsed in under {GOAL:.0f} s in all, no file above {LIMIT:.0f} s; "
        f"a task's start in a forked worker under {TASK_GOAL:.0f} ms"
    )


def ask(what: str, number: int, events: int, environment: dict[str, str]) -> dict[str, float]:
    """The figures that `dag_parse_child` prints as its last line."""
    wanted = event_dag_id(event_name(events // 2))
    child = Path(__file__).with_name("dag_parse_child.py")
    done = subprocess.run(
        [sys.executable, str(child), what, str(CHECKOUT / "dags" / "events" / f"file_{number}.py"), wanted],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        raise BenchError(f"{what} of {events} events: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def row(count: int, files: list[dict[str, float]], start: dict[str, float]) -> str:
    one = middle(files)
    whole = max(file["import"] + file["parse"] for file in files)
    return (
        f"{count:>8}{one['import']:>17.1f} s{one['parse']:>7.1f} s{one['cpu']:>7.1f} s{one['memory']:>7.0f} MB{whole:>7.1f} s"
        f"{whole / LIMIT:>9.0%}{sum(file['cpu'] for file in files):>15.1f} s"
        f"{start['cold']:>16.0f} ms{start['first']:>9.1f} ms{start['again']:>7.1f} ms{start['empty']:>9.1f} ms"
    )


if __name__ == "__main__":
    os.environ.pop("AIRFLOW_HOME", None)
    sys.exit(main())

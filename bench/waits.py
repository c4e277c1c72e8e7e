"""A thousand waits in one event loop, as a triggerer holds them, on a real HTCondor: queries for each poll, CPU, memory.

The waits are the real triggers on the real shared poller; the jobs are real and idle.  HTCondor counts the queries itself: its schedd
logs every command that it gets.  No Airflow is started: its triggerer would add its own housekeeping to each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from gwfollow.provider.site import scheduler_from, scheduler_identity
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.condor_description import KEY
from gwfollow.settings import Settings
from measure import BenchError, expect

PLUGINS = Path(__file__).parents[1] / "plugins"
#: the schedd names each command in its log; no tool asks it anything by itself
POOL = "SCHEDD_DEBUG = D_COMMAND\nMAX_SCHEDD_LOG = 1Gb\n"
QUERY = "QUERY_JOB_ADS"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--waits", type=int, default=1000, help="jobs, each waited for (default 1000)")
    parser.add_argument("--periods", type=float, nargs="+", default=[1, 10, 60], help="seconds between polls (default 1 10 60)")
    parser.add_argument("--polls", type=int, default=4, help="polls to watch (default 4, and no less than 20 s)")
    options = parser.parse_args()
    sys.path.insert(0, str(PLUGINS))
    with (
        tempfile.TemporaryDirectory(prefix="gwb-", dir="/tmp") as folder,
        PersonalPool(Path(folder) / "pool", extra=POOL) as pool,
    ):
        os.environ.update(pool.env())
        try:
            jobs = submit(Path(folder), options.waits)
            print(f"{len(jobs)} waits on {len(jobs)} idle jobs of one schedd")
            print(
                f"{'period':>8}{'watched':>10}{'polls due':>11}{'queries':>9}{'loop CPU':>11}{'worker CPU':>12}{'both':>8}{'memory':>19}"
            )
            for period in options.periods:
                print(asyncio.run(watch(pool, jobs, period, max(options.polls * period, 20.0))), flush=True)
            print(asyncio.run(release(jobs)))
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    print(
        "goals: one query for each poll, CPU under 1% at a period of 10 s or more; memory is what the waits add, and the whole process"
    )
    return 0


def submit(folder: Path, count: int) -> list[str]:
    """Idle jobs that no machine will take, each under a key as gwfollow gives it; their ids."""
    import htcondor2

    description = htcondor2.Submit(
        {
            "executable": "/bin/true",
            "requirements": "false",
            "initialdir": str(folder),
            f"My.{KEY}": '"bench/$(Process)/1"',
        }
    )
    done = htcondor2.Schedd().submit(description, count=count)
    return [f"{done.cluster()}.{process}" for process in range(count)]


async def watch(pool: PersonalPool, jobs: list[str], period: float, seconds: float) -> str:
    """One line of the table: what happened in `seconds` while all waits stood."""
    process = psutil.Process()
    waits, added = await begin(jobs, period)
    worker = workers(process)
    before, loop_before, worker_before = queries(pool), time.process_time(), cpu(worker)
    begun = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - begun
    loop, asking, asked = time.process_time() - loop_before, cpu(worker) - worker_before, queries(pool) - before
    expect(sum(not wait.done() for wait in waits), len(jobs), "waits that still stand")
    await end(waits)
    memory = process.memory_info().rss / 1e6
    return (
        f"{period:>6.0f} s{took:>8.0f} s{took / period:>11.0f}{asked:>9}{loop / took:>11.2%}{asking / took:>12.2%}"
        f"{(loop + asking) / took:>8.2%}{added:>6.1f} of {memory:.0f} MB"
    )


async def begin(jobs: list[str], period: float) -> tuple[list[asyncio.Task[None]], float]:
    """All waits at work, a first poll behind them; the memory in MB that they took."""
    from sensors import SchedulerJobTrigger

    process = psutil.Process()
    settings = Settings(poll_seconds=str(period))
    identity = scheduler_identity("htcondor", settings)
    await asyncio.to_thread(scheduler_from(identity).query, jobs)  # starts the worker process
    before = process.memory_info().rss

    async def wait(number: int, job_id: str) -> None:
        trigger = SchedulerJobTrigger(
            event=f"S{number:06d}",
            analysis="bilby",
            purpose="main",
            job_id=job_id,
            scheduler=identity,
            task_id="bilby.wait",
            waiter=f"{number}:1",
            settle=0.0,
            ledger_conn_id=None,
            htcondor_conn_id=None,
        )
        async for _ in trigger.run():
            return

    waits = [asyncio.create_task(wait(number, job_id)) for number, job_id in enumerate(jobs)]
    await asyncio.sleep(1.0)
    # so that the window begins half a period away from a poll, and holds a whole number of them
    await asyncio.sleep(period / 2)
    return waits, (process.memory_info().rss - before) / 1e6


async def release(jobs: list[str]) -> str:
    """Hold all jobs: how long until every wait has noticed, at a period of one second."""
    waits, _ = await begin(jobs, 1.0)
    cluster = jobs[0].partition(".")[0]
    scheduler = scheduler_from(scheduler_identity("htcondor", Settings()))
    begun = time.monotonic()
    await asyncio.to_thread(scheduler.hold, f"{cluster}.0", "bench")
    await asyncio.wait(waits, timeout=60)
    expect(sum(wait.done() for wait in waits), len(jobs), "waits that noticed the hold")
    return f"all jobs held at once: the last of {len(jobs)} waits noticed after {time.monotonic() - begun:.1f} s (period 1 s)"


async def end(waits: list[asyncio.Task[None]]) -> None:
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def workers(process: psutil.Process) -> list[psutil.Process]:
    """The processes that ask HTCondor for this one."""
    return [child for child in process.children() if "gwfollow.schedulers.condor_worker" in child.cmdline()]


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of processor that they have used."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def queries(pool: PersonalPool) -> int:
    """How many times the schedd was asked for jobs, by its own log."""
    return sum(QUERY in line for line in (pool.folder / "log" / "SchedLog").read_text(errors="replace").splitlines())


if __name__ == "__main__":
    sys.exit(main())

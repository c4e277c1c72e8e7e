"""The report of 1000 events x 5 analyses, and asimov's own ``asimov report html`` of as many, in the same run.  See README.md here."""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy import insert, select, update

from asimov_env import ensure
from asimov_side import Asimov
from blueprints import PIPELINE
from gwfollow.ledger.schema import Analysis, Attempt, Journal, Need, Result, Review, now
from gwfollow.ledger.store import Ledger
from gwfollow_side import GWFollow
from measure import BenchError, Cost, Row, expect, run, table

ANALYSES = 5
#: a posterior's summary as the ledger has it, with as many parameters as bilby's results have
SUMMARY = {
    "format": "bilby HDF5",
    "runs": [
        {
            "label": "run",
            "samples": 5000,
            "approximant": "IMRPhenomXPHM",
            "sampler": "dynesty",
            "evidence": {
                "ln_evidence": -4180.2,
                "ln_evidence_error": 0.2,
                "ln_noise_evidence": -4480.2,
                "ln_bayes_factor": 300.0,
            },
            "parameters": {f"parameter_{n}": {"median": 30.9 + n, "low": 29.7 + n, "high": 32.2 + n} for n in range(60)},
        }
    ],
}


def enrich(home: Path) -> None:
    """What a year of work leaves in the ledger: statuses, needs in a chain, attempts, results with summaries, reviews, journal."""
    ledger = Ledger.open(f"sqlite:///{home / 'ledger.db'}")
    with ledger.change(who="bench") as change:
        session = change.session
        rows = session.execute(
            select(Analysis.id, Analysis.event_id, Analysis.name).order_by(Analysis.event_id, Analysis.id)
        ).all()
        session.execute(update(Analysis).values(status="uploaded", attempt=1))
        session.execute(
            update(Analysis).where(Analysis.id % 10 == 0).values(status="stuck", reason="job held: disk full on node 7")
        )
        session.execute(update(Analysis).where(Analysis.id % 10 == 1).values(status="running"))
        attempts = [
            {"id": row.id, "analysis_id": row.id, "number": 1, "folder": f"/run/{row.id}", "created": now()} for row in rows
        ]
        session.execute(insert(Attempt), attempts)
        before = {row.id: earlier.id for earlier, row in itertools.pairwise(rows) if earlier.event_id == row.event_id}
        needs = [{"analysis_id": a, "position": 0, "condition": "run", "needed_id": b} for a, b in before.items()]
        session.execute(insert(Need), needs)
        results = {"name": "samples", "filename": "run_result.hdf5", "sha256": "0" * 64, "size": 20_000_000, "summary": SUMMARY}
        session.execute(insert(Result), [{"attempt_id": row.id, **results} for row in rows])
        reviews = {"verdict": "approved", "person": "alice", "message": "converged"}
        session.execute(insert(Review), [{"analysis_id": row.id, **reviews} for row in rows[:: ANALYSES * 2]])
        journal = [
            {"time": now(), "who": "bench", "event": f"GW{(row.event_id - 1):06d}", "analysis": row.name, "what": what}
            for row in rows
            for what in ("ready -> running", "running -> finished", "1 results stored", "finished -> uploaded")
        ]
        session.execute(insert(Journal), journal)
    ledger.close()


def peak_megabytes(command: list[str], environment: dict[str, str], folder: Path) -> float:
    """Peak resident memory of a command, MB, by GNU time's own means: the kernel's account of the child."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(done.stderr[-1000:])
    return float(done.stdout.split()[-1])


def ours(side: GWFollow, title: str, rows: list[Row], pages: int) -> Row:
    row = Row(title)
    done = run([side.gwfollow, "report", "-o", side.folder / "site"], folder=side.folder, environment=side.environment)
    expect(len(list((side.folder / "site" / "events").glob("*.html"))), side.events, "pages in gwfollow's report")
    expect(int(done.output.split("events, ")[1].split()[0]), pages, "new pages in gwfollow's report")
    row.add("gwfollow", done.cost)
    rows.append(row)
    return row


def theirs(side: Asimov) -> Cost:
    done = run([side.asimov, "report", "html"], folder=side.project, environment=side.environment)
    written = list(side.folder.rglob("index.html"))
    expect(len(written) > 0, True, "a page in asimov's report")
    expect(written[0].read_text().lower().count(PIPELINE) >= side.total, True, "analyses in asimov's report")
    return done.cost


def beside_asimov(work: Path, events: int, rows: tuple[Row, ...], mine: float) -> None:
    them = Asimov(ensure(), work / "asimov", events, ANALYSES)
    them.apply_events()
    them.apply_analyses()
    for row in rows:
        row.add("asimov", theirs(them))
    other = peak_megabytes([str(them.asimov), "report", "html"], them.environment, them.project)
    print(table(rows, "gwfollow", "asimov"))
    print(f"peak memory: asimov {other:.0f} MB, gwfollow {mine:.0f} MB; ratio {other / mine:.1f}")
    print("bare: the same for both; with results: gwfollow's has needs, posteriors, reviews, journal, asimov's is as before")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument(
        "--alone", action="store_true", help="without asimov, whose preparation takes a quarter of an hour at 1000"
    )
    parser.add_argument("--keep", action="store_true", help="keep the work folder")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="gwfollow-report-"))
    us = GWFollow(work / "gwfollow", options.events, ANALYSES)
    us.apply_events()
    us.apply_analyses()
    rows: list[Row] = []
    bare = ours(us, f"report of {options.events} x {ANALYSES}, bare", rows, options.events)
    enrich(work / "gwfollow" / "home")
    first = ours(us, "the same with results", rows, options.events)
    again = ours(us, "again, nothing has changed", rows, 0)
    mine = peak_megabytes([str(us.gwfollow), "report", "-o", str(us.folder / "site2")], us.environment, us.folder)
    if options.alone:
        for row in rows:
            print(f"{row.title}: {row.median('gwfollow').cpu:.2f} s CPU, {row.median('gwfollow').wall:.2f} s")
        site = sum(p.stat().st_size for p in (us.folder / "site" / "events").iterdir()) / 1e6
        print(f"peak memory {mine:.0f} MB, site {site:.0f} MB")
    else:
        beside_asimov(work, options.events, (bare, first, again), mine)
    if options.keep:
        print(work)
    else:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    os.environ.pop("GWFOLLOW_HOME", None)
    sys.exit(main())

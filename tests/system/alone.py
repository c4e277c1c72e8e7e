"""The life of an analysis on real services without Airflow: what its tasks do, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.wait import Outcome, Verdict, settle
from gwfollow.schedulers.base import JobState
from gwfollow.schedulers.poller import shared_poller
from gwfollow.settings import Settings

EVENT = "GW150914"


@contextmanager
def site_in(folder: Path, *analyses: str) -> Iterator[Site]:
    """A ledger in a SQLite file with analyses of the toy pipeline, each as ``name: {keys}`` in YAML, and this machine's HTCondor."""
    settings = Settings(home=str(folder), scheduler="htcondor", poll_seconds="1")
    documents = [f"kind: event\nname: {EVENT}\nevent time: 1126259462.4\ninterferometers: [H1]\n"]
    documents += [f"kind: analysis\nevent: {EVENT}\npipeline: toy\n{analysis}\n" for analysis in analyses]
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text("---\n".join(documents), "test.yaml").blueprints)
    yield Site(ledger, settings, who="test")
    ledger.close()


async def follow(site: Site, analysis: str) -> Outcome:
    """The wait: settled at once, and again whenever the poller that all share has news."""
    sure = False
    while (outcome := await asyncio.to_thread(settle, site, EVENT, analysis, sure=sure)).verdict is Verdict.WAIT:
        scheduler = site.scheduler(outcome.scheduler)
        poller = shared_poller(("alone", site.settings.home), site.settings.poll_period, lambda: scheduler.query)  # noqa: B023
        sure = (await poller.wait(outcome.job_id)).state is JobState.UNKNOWN
    return outcome


def row(site: Site, analysis: str) -> Analysis:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, analysis)


def folder_of(site: Site, analysis: str, attempt: int = 1) -> Path:
    return site.settings.home_folder / "events" / EVENT / analysis / f"attempt-{attempt}"


def runs(folder: Path) -> int:
    """How often the job itself ran, by its own count."""
    return len((folder / "runs.txt").read_text().splitlines()) if (folder / "runs.txt").exists() else 0

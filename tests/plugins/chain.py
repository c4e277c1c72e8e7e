"""Steps that several tests of operators take."""

from __future__ import annotations

import time

from airflow.sdk.exceptions import TaskDeferred
from tasks import context

from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from pe_operators import BuildOperator, CollectOperator, SubmitOperator
from sensors import SchedulerJobSensor

EVENT = "GW150914"
ABOUT = {"event": EVENT, "analysis": "echo"}


def row(site: Site) -> tuple[str, str | None, int]:
    with site.ledger.read() as session:
        found = find_analysis(session, EVENT, "echo")
        return found.status, found.reason, found.attempt


def set_document(site: Site, **keys: object) -> None:
    with site.ledger.change(who="test") as change:
        analysis = change.analysis(EVENT, "echo")
        analysis.document = {**analysis.document, **keys}


def run_to_the_end(site: Site) -> dict[str, object]:
    """Build, submit, wait as long as the job takes, collect."""
    BuildOperator(task_id="build", **ABOUT).execute(context())
    SubmitOperator(task_id="submit", **ABOUT).execute(context())
    wait = SchedulerJobSensor(task_id="wait", **ABOUT)
    for _ in range(100):
        try:
            wait.execute(context())
            break
        except TaskDeferred:
            time.sleep(0.1)
    return CollectOperator(task_id="collect", **ABOUT).execute(context())

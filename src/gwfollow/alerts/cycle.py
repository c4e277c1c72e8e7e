"""What follows when something has come: process the inbox, deliver what that causes.  And the question to GraceDB when it is time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from gwfollow.alerts.folders import Folders
from gwfollow.ledger.schema import Inbox
from gwfollow.life import Site

if TYPE_CHECKING:
    from gwfollow.alerts.reconcile import GraceDB
    from gwfollow.alerts.reconcile import Report as Reconciled

log = logging.getLogger(__name__)

#: seconds for which an alert's run waits for a busy Airflow to read the event's DAG; after that it is upkeep's, a minute later
RUN_SECONDS = 30.0
#: messages after which the first runs of a burst are started
FIRST = 50


@dataclass(frozen=True)
class Done:
    """One cycle: the reports of what was done, as far as it was."""

    processed: Any  # gwfollow.alerts.process.Report
    delivered: Any  # gwfollow.ledger.outbox.Report; None where no Airflow is known


def process_and_deliver(site: Site) -> Done:
    """Everything new in the inbox goes through the policy; the runs that it asks for are asked for at once."""
    from gwfollow.alerts.process import Report, process
    from gwfollow.delivery import deliver_now

    def deliver() -> Any:
        return deliver_now(site.ledger, site.settings, who=site.who, seconds=RUN_SECONDS)

    first = process(site, limit=FIRST)
    delivered = deliver()
    rest = process(site) if waiting(site) else Report()
    return Done(Report([*first.events, *rest.events]), deliver() if rest.work else delivered)


def waiting(site: Site) -> int:
    """How many messages in the inbox nobody has processed."""
    with site.ledger.read() as session:
        return session.scalar(select(func.count()).where(Inbox.state == "new")) or 0


def reconcile_if_due(site: Site, client: GraceDB | None, *, now_anyway: bool = False) -> Reconciled | None:
    """Ask GraceDB when the period has passed; None where it has not, or there is none to ask."""
    from gwfollow.alerts import reconcile

    if client is None or not (now_anyway or reconcile.is_due(site.ledger, site.settings)):
        return None
    report = reconcile.reconcile(
        site.ledger, Folders(site.settings.data_folder), client, categories=reconcile.categories_for(site.settings)
    )
    (log.warning if report.error else log.info)("reconcile: %s", report)
    return report


__all__ = ["Done", "process_and_deliver", "reconcile_if_due", "waiting"]

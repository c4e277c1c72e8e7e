"""Operators for alerts: process the inbox, reconcile with GraceDB, fetch sky maps, tell how we are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pe_operators.base import open_site

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site


class _AlertOperator(BaseOperator):
    """
    :param ledger_conn_id: connection of type ``gwfollow_ledger``; where it is not defined the settings decide
    """

    def __init__(
        self, *, ledger_conn_id: str | None = "gwfollow_ledger", htcondor_conn_id: str | None = "htcondor_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id, self.htcondor_conn_id = ledger_conn_id, htcondor_conn_id

    def site(self) -> Site:
        return open_site("airflow: alerts", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)


class ProcessInboxOperator(_AlertOperator):
    """Everything new in the inbox goes through the policy, and the runs that it asks for are asked for at once.

    Once more changes nothing: what is done is done.
    """

    def execute(self, context: Context) -> str:
        from gwfollow.alerts.cycle import process_and_deliver, waiting

        site = self.site()
        return str(process_and_deliver(site).processed) if waiting(site) else "nothing new"


class ReconcileOperator(_AlertOperator):
    """Asks GraceDB for what no alert told us of, when ``GWFOLLOW_RECONCILE_SECONDS`` have passed since the last time.

    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    def __init__(self, *, gracedb_conn_id: str = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracedb_conn_id = gracedb_conn_id

    def execute(self, context: Context) -> str:
        from gwfollow.alerts.cycle import reconcile_if_due
        from gwfollow.provider.hooks.gracedb import GraceDBHook

        report = reconcile_if_due(self.site(), GraceDBHook(self.gracedb_conn_id).client())
        return str(report) if report else "not yet, or no GraceDB is known"


class FetchSkymapsOperator(_AlertOperator):
    """Fetches the sky maps that alerts only name, the newest of each event, from GraceDB.

    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    def __init__(self, *, gracedb_conn_id: str = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracedb_conn_id = gracedb_conn_id

    def execute(self, context: Context) -> list[str]:
        from gwfollow.alerts.skymap_fetch import fetch_skymaps
        from gwfollow.provider.hooks.gracedb import GraceDBHook

        return [str(path) for path in fetch_skymaps(self.site(), GraceDBHook(self.gracedb_conn_id).client())]


class HealthOperator(_AlertOperator):
    """Tells Airflow's metrics (StatsD or OpenTelemetry, as Airflow is configured) how we are; ``gwfollow.*``."""

    def execute(self, context: Context) -> str:
        from airflow.sdk.observability.stats import gauge

        from gwfollow.alerts import health, signs
        from gwfollow.errors import GWFollowError
        from gwfollow.ledger.schema import now

        site = self.site()
        report = health.check(site.ledger, site.settings)
        try:
            rows = signs.read(site.ledger)
        except GWFollowError:
            rows = []
        for name, value in health.metrics(report, rows, site.settings, now()).items():
            gauge(name, value)
        return report.line()


__all__ = ["FetchSkymapsOperator", "HealthOperator", "ProcessInboxOperator", "ReconcileOperator"]

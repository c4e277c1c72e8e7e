"""Operators of the scheduled upkeep: deliver the outbox, ask for runs that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pe_operators.base import open_site

if TYPE_CHECKING:
    from airflow.sdk import Context


class _SiteOperator(BaseOperator):
    def __init__(
        self, *, ledger_conn_id: str | None = "gwfollow_ledger", htcondor_conn_id: str | None = "htcondor_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id, self.htcondor_conn_id = ledger_conn_id, htcondor_conn_id


class DeliverOperator(_SiteOperator):
    """Delivers what is due in the outbox.

    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    def __init__(self, *, gracedb_conn_id: str | None = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracedb_conn_id = gracedb_conn_id

    def execute(self, context: Context) -> str:
        from gwfollow.provider.site import deliver

        site = open_site("airflow: upkeep", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)
        return deliver(site, gracedb_conn_id=self.gracedb_conn_id)


class ProgressOperator(_SiteOperator):
    """Looks how far every running analysis is and writes it into the ledger."""

    def execute(self, context: Context) -> str:
        from gwfollow.life.progress import mark_all

        site = open_site("airflow: upkeep", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)
        return str(mark_all(site))


class SweepOperator(_SiteOperator):
    """Asks for a run of every event that has work and no run at it, and for fresh attempts of what has other inputs by now; archives
    events of scans on request that ended days ago.
    """

    def execute(self, context: Context) -> list[str]:
        from gwfollow.life.missed import catch_up
        from gwfollow.life.request import retire
        from gwfollow.life.sweep import sweep
        from gwfollow.provider.site import run_is_active

        site = open_site("airflow: upkeep", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)
        if retired := retire(site):
            self.log.info("archived: %s", ", ".join(retired))
        if late := catch_up(site):
            self.log.info("to be made anew: %s", ", ".join(late))
        active = run_is_active(site.settings)
        if active is None:
            self.log.warning("GWFOLLOW_AIRFLOW_URL is not set: runs are started by hand only")
            return []
        return sweep(site, active)

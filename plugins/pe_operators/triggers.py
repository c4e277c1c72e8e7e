"""What our triggers share: how Airflow stores them, the moment that it needs before they fire, and one look at the ledger for all."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from pe_operators.base import open_site

if TYPE_CHECKING:
    from gwfollow.ledger.store import Ledger
    from gwfollow.schedulers.base import JobStatus
    from gwfollow.schedulers.poller import Query


class SettledTrigger(BaseTrigger):
    """Fires once, with what `wait` found, and no sooner than `settle` seconds after it began.

    Airflow's LocalExecutor can fail a task that comes back while its first exit is still being recorded.
    """

    #: names of what it is made with, all of them attributes
    ARGUMENTS: ClassVar[tuple[str, ...]]
    settle: float

    @abstractmethod
    async def wait(self) -> dict[str, Any]:
        """What the task is told."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in self.ARGUMENTS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        begun = time.monotonic()
        found = await self.wait()
        await asyncio.sleep(max(0.0, self.settle - (time.monotonic() - begun)))
        yield TriggerEvent(found)


class LedgerTrigger(SettledTrigger):
    """Waits for what the ledger comes to say of an analysis; all of one kind in a triggerer share one look at it every `period` s."""

    ARGUMENTS = ("event", "analysis", "period", "settle", "ledger_conn_id", "htcondor_conn_id")

    def __init__(
        self,
        *,
        event: str,
        analysis: str,
        period: float,
        settle: float,
        ledger_conn_id: str | None,
        htcondor_conn_id: str | None,
    ) -> None:
        super().__init__()
        self.event, self.analysis, self.period, self.settle = event, analysis, period, settle
        self.ledger_conn_id, self.htcondor_conn_id = ledger_conn_id, htcondor_conn_id

    async def told(self, kind: str, key: str, look: Callable[[Ledger, Collection[str]], dict[str, JobStatus]]) -> JobStatus:
        """What `look` says of `key` once it has come to an end; `kind` is that of the triggers that share the look."""
        from gwfollow.schedulers.poller import shared_poller

        def query() -> Query:
            site = open_site(f"airflow: {kind}", ledger_conn_id=self.ledger_conn_id, htcondor_conn_id=self.htcondor_conn_id)
            return lambda keys: look(site.ledger, keys)

        return await shared_poller((kind, self.ledger_conn_id), self.period, query).wait(key)


__all__ = ["LedgerTrigger", "SettledTrigger"]

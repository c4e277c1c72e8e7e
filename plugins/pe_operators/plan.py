"""The first and the last task of a run: what it has work for, and whether all of that came out well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.bases.skipmixin import SkipMixin

from pe_operators.base import EventOperator, translated

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanOperator(EventOperator, SkipMixin):
    """Reads the ledger, removes the jobs of analyses that are to stop, and skips in one stroke every group without work.

    A run that a person triggers (or upkeep, with ``{"everything": true}``) also takes up what is in hand already.
    """

    inherits_from_skipmixin = True
    ui_color = "#e8f0fe"

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.plan import plan
        from gwfollow.life.stop import stop

        run = context["dag_run"]
        everything = bool((run.conf or {}).get("everything")) or not run.run_id.startswith("rev-")
        site = self.site(context)
        found = translated(lambda: plan(site, self.event, everything=everything))
        for analysis in found.stop:
            translated(lambda analysis=analysis: stop(site, self.event, analysis))  # type: ignore[misc]
        for analysis, reason in found.skipped.items():
            self.log.info("%s: %s", analysis, reason)
        work = set(found.work)
        idle = [task for task in self.dag.tasks if (about := analyses_of(task)) and not work & set(about)]
        context["ti"].xcom_push(
            "return_value", {"work": list(found.work), "stopped": list(found.stop), "skipped": dict(found.skipped)}
        )
        self.skip(context["ti"], idle)
        return {"work": list(found.work), "stopped": list(found.stop), "skipped": dict(found.skipped)}


def analyses_of(task: Any) -> Sequence[str]:
    """The analyses that a task works on: one, or those of which it tells; none for the tasks of the run itself."""
    one = getattr(task, "analysis", None)
    return (one,) if one is not None else getattr(task, "analyses", ())


class VerdictOperator(BaseOperator):
    """Downstream of every analysis: fails with the run's analyses, so that the run's state is true (a skipped leaf would hide them)."""

    ui_color = "#e8f0fe"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": "none_failed", **kwargs})

    def execute(self, context: Context) -> None:
        self.log.info("everything that this run worked on is done")

"""Build an analysis: its attempt's folder with the configuration that a person may want to look at first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pe_operators.base import CLEAR, AnalysisOperator, cleared_by_person, person_site, translated
from pe_operators.collect import CollectOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site


class BuildOperator(AnalysisOperator):
    """Ensures that the present attempt is built.  Clearing this task in the web UI asks for a fresh attempt; the old folder stays.

    What the groups before it have collected comes by XCom and is held against the ledger, which decides; both are in the result.
    """

    ui_color = "#fff4d6"

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.again import ask_again
        from gwfollow.life.build import build

        site = self.site(context)
        if cleared_by_person(context):
            site = person_site(site, self.event, self.task_id, CLEAR)
            why = f"its {self.task_id.rpartition('.')[2]} was cleared in the web UI"
            translated(lambda: ask_again(site, self.event, self.analysis, why=why))
        differs = self.check_handover(site, context)
        built = translated(lambda: build(site, self.event, self.analysis))
        self.log.info("attempt %d %s in %s", built.attempt, "built" if built.fresh else "was built before", built.folder)
        return {
            "attempt": built.attempt,
            "folder": str(built.folder),
            "inputs": dict(built.inputs),
            "taken": self.taken(site),
            "differs": differs,
        }

    def check_handover(self, site: Site, context: Context) -> list[str]:
        """What the ledger says otherwise than this run's XComs because it has gone on.

        Fails, and leaves the analysis as it is, where they contradict each other.
        """
        from gwfollow.life.handover import compare

        pushed = {}
        for task in collected_before(self):
            value = context["ti"].xcom_pull(task_ids=task.task_id)
            if isinstance(value, dict):  # none of a group that was skipped: its files are in the ledger from an earlier run
                pushed[task.analysis] = value
        differs = translated(lambda: compare(pushed, self.taken(site))) if pushed else []
        for sentence in differs:
            self.log.warning("%s", sentence)
        return differs

    def taken(self, site: Site) -> dict[str, Any]:
        """What the ledger gives to this analysis, as *collect* pushes it."""
        from gwfollow.life.handover import handed_by_ledger

        return translated(lambda: handed_by_ledger(site, self.event, self.analysis))


def collected_before(operator: AnalysisOperator) -> Iterator[CollectOperator]:
    """The *collect* tasks that lead to an analysis; what stands before the operator in its own analysis is looked through."""
    for task in operator.upstream_list if operator.has_dag() else ():
        if isinstance(task, CollectOperator):
            yield task
        elif isinstance(task, AnalysisOperator) and task.analysis == operator.analysis:
            yield from collected_before(task)

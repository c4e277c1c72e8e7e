"""Build an analysis: its attempt's folder with the configuration that a person may want to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_operators.base import CLEAR, AnalysisOperator, cleared_by_person, person_site, translated

if TYPE_CHECKING:
    from airflow.sdk import Context


class BuildOperator(AnalysisOperator):
    """Ensures that the present attempt is built.  Clearing this task in the web UI asks for a fresh attempt; the old folder stays."""

    ui_color = "#fff4d6"

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.again import ask_again
        from gwfollow.life.build import build

        site = self.site(context)
        if cleared_by_person(context):
            site = person_site(site, self.event, self.task_id, CLEAR)
            translated(lambda: ask_again(site, self.event, self.analysis, why="its build was cleared in the web UI"))
        built = translated(lambda: build(site, self.event, self.analysis))
        self.log.info("attempt %d %s in %s", built.attempt, "built" if built.fresh else "was built before", built.folder)
        return {"attempt": built.attempt, "folder": str(built.folder), "inputs": dict(built.inputs)}

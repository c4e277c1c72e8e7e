"""Submit an analysis: exactly one job for its key, adopted when it is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_operators.base import AnalysisOperator, translated
from pe_operators.links import JobLogLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class SubmitOperator(AnalysisOperator):
    """Ensures that the present attempt's job is with its scheduler."""

    ui_color = "#e2f5e9"
    operator_extra_links = (JobLogLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.submit import submit

        done = translated(lambda: submit(self.site(context), self.event, self.analysis))
        self.log.info("job %s (%s) %s, key %s", done.job_id, done.scheduler, "adopted" if done.adopted else "submitted", done.key)
        return {"key": done.key, "scheduler": done.scheduler, "job_id": done.job_id, "adopted": done.adopted}

"""Collect an analysis' results: opened, whole, with their checksums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_operators.base import AnalysisOperator, translated
from pe_operators.links import JobLogLink, ResultPageLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class CollectOperator(AnalysisOperator):
    """Ensures that the results are in the ledger; hands on paths and SHA-256 by XCom, never contents."""

    ui_color = "#e2f5e9"
    operator_extra_links = (JobLogLink(), ResultPageLink())

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.finish import collect

        found = translated(lambda: collect(self.site(context), self.event, self.analysis))
        return {"attempt": found.attempt, "assets": {name: dict(files) for name, files in found.assets.items()}}

"""Publish an analysis: messages for the outside world, through the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_operators.base import AnalysisOperator, sent_on_by_person, translated
from pe_operators.links import ResultPageLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishOperator(AnalysisOperator):
    """Stores what is to be said of the analysis and tries at once to deliver it; what does not get through is delivered by upkeep.

    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    ui_color = "#f3e8fd"
    operator_extra_links = (ResultPageLink(),)

    def __init__(self, *, gracedb_conn_id: str | None = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracedb_conn_id = gracedb_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.finish import publish
        from gwfollow.provider.site import deliver

        sent_on_by_person(self, context)
        site = self.site(context)
        sent = translated(lambda: publish(site, self.event, self.analysis))
        report = deliver(site, gracedb_conn_id=self.gracedb_conn_id)
        self.log.info("published %s; %s", ", ".join(sent) or "nothing new", report)
        return {"published": sent}

"""Ask for an omega scan, for the DAG ``omega_scan``: its form is read here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_operators.links import EventLink, ResultPageLink
from pe_operators.omega_scan import RequestsScan

if TYPE_CHECKING:
    from airflow.sdk import Context


class RequestScanOperator(RequestsScan):
    """Ensures that the ledger has the scan, and asks for the run of its event's DAG, which does the work.

    Everything is checked at the door: what is refused fails the task at once, and nothing is stored.

    The other arguments: see `RequestsScan`.

    :param again: also where it has been scanned: a fresh attempt
    :returns: event, analysis, revision of the event, and whether there is work
    """

    template_fields = ("event", "again", *RequestsScan.ASKED)
    ui_color = "#fff4d6"
    operator_extra_links = (ResultPageLink(), EventLink())

    def __init__(self, *, again: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.again = again

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.provider.site import deliver

        site = self.site(context)
        requested = self.request(site, again=str(self.again).lower() == "true")
        done = "asked for" if requested.work else "was asked for before"
        self.log.info("scan %s of event %s %s", requested.analysis, requested.event, done)
        try:
            self.log.info("%s", deliver(site, gracedb_conn_id=None))
        except Exception as error:  # stored: upkeep asks for the run
            self.log.warning("left for upkeep to deliver: %s", error)
        return {
            "event": requested.event,
            "analysis": requested.analysis,
            "revision": requested.revision,
            "work": requested.work,
        }

"""Launch an omega scan, and tell of all scans of an event before and after them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pe_operators.base import EventOperator, translated
from pe_operators.build import BuildOperator
from pe_operators.links import JobLogLink, ResultPageLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site
    from gwfollow.life.request import Requested

#: for so long the scans, which wait behind the announcement, wait for its delivery, s
PATIENCE = 5.0


class RequestsScan(EventOperator):
    """An operator whose arguments say which scan is meant; all may be templated, and an empty text counts as not said.

    :param event: name in the ledger; empty: the scan has an event of its own, named after its time
    :param gps: GPS s, or a UTC time in ISO 8601; None: the event's time
    :param channel_set: a name among the channel sets of the configs, or a file
    :param channels: instead of a channel set, or those of it that are wanted: a list, or a text with commas
    :param ifo: the detector, for a check (the channels say it)
    :param frames: where the frames of `channels` are: a folder, ``datafind``, ``datafind:HOST`` or ``gwosc``
    :param frame_type: of the frames of `channels`, e.g. H1_R
    :param engine: ``gwfollow`` or ``gwdetchar``; None: what the channel set says
    :param scheduler: ``htcondor`` or ``local``; None: the site's
    :param accounting_group: None: the channel set's, or the project's
    :param title: for people
    """

    #: what `gwfollow.scans.asked.read` reads
    ASKED = (
        *("gps", "channel_set", "channels", "ifo", "frames", "frame_type"),
        *("engine", "scheduler", "accounting_group", "title"),
    )

    def __init__(
        self,
        *,
        event: str = "",
        gps: float | str | None = None,
        channel_set: str | None = None,
        channels: Sequence[str] | str | None = None,
        ifo: str | None = None,
        frames: str | None = None,
        frame_type: str | None = None,
        engine: str | None = None,
        scheduler: str | None = None,
        accounting_group: str | None = None,
        title: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(event=event, **kwargs)
        self.gps, self.channel_set, self.channels, self.ifo = gps, channel_set, channels, ifo
        self.frames, self.frame_type, self.engine, self.scheduler = frames, frame_type, engine, scheduler
        self.accounting_group, self.title = accounting_group, title

    def request(self, site: Site, *, again: bool = False) -> Requested:
        """Ensure that the ledger has the scan; from then on the operator is about its event and its analysis."""
        from gwfollow.life.request import scan
        from gwfollow.scans.asked import read

        asked = {name: _said(getattr(self, name)) for name in self.ASKED}
        requested = translated(lambda: scan(site, read(**asked), event=_said(self.event), again=again))
        self.event, self.analysis = requested.event, requested.analysis
        return requested


class OmegaScanOperator(RequestsScan, BuildOperator):
    """Ensures that an omega scan runs: built, and exactly one job with its scheduler.

    With `channel_set` or `channels` the ledger is made to have that scan first, and its event's own DAG takes it to its end (collect,
    publish); without, `analysis` names one that is there.  Where no `event` is named the scan has an event of its own.

        OmegaScanOperator(task_id="scan", event="S250101a", channel_set="H1_strain", scheduler="local")

    Clearing this task in the web UI asks for a fresh attempt; the old folder stays.  It does not wait: SchedulerJobSensor does.

    The arguments that say which scan is meant: see `RequestsScan`.

    :returns: event, analysis, attempt, folder, key, scheduler, job_id, adopted
    """

    template_fields = ("event", "analysis", *RequestsScan.ASKED)
    ui_color = "#e2f5e9"
    operator_extra_links = (JobLogLink(), ResultPageLink())

    def __init__(self, *, analysis: str = "", **kwargs: Any) -> None:
        super().__init__(analysis=analysis, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.submit import submit

        if _said(self.channel_set) or _said(self.channels):
            self.request(self.site(context))
        built = super().execute(context)
        done = translated(lambda: submit(self.site(context), self.event, self.analysis))
        self.log.info("job %s (%s) %s, key %s", done.job_id, done.scheduler, "adopted" if done.adopted else "submitted", done.key)
        job = {"key": done.key, "scheduler": done.scheduler, "job_id": done.job_id, "adopted": done.adopted}
        return {"event": self.event, "analysis": self.analysis, **built, **job}


class _TellsOfScans(EventOperator):
    """:param analyses: names of those that it tells of; it is skipped with them when a run has no work for any

    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    ui_color = "#f3e8fd"

    def __init__(self, *, analyses: Sequence[str] = (), gracedb_conn_id: str | None = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.analyses, self.gracedb_conn_id = list(analyses), gracedb_conn_id

    def deliver(self, site: Site) -> None:
        """What has been stored is safe: whatever hinders the delivery is no failure of this task, and upkeep tries again.

        A GraceDB that hangs is left to a thread that ends with this process, which the outbox bears as it bears a crash.
        """
        thread = threading.Thread(target=self._deliver, args=(site,), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        if thread.is_alive():
            self.log.warning("not delivered within %g s: left for upkeep", PATIENCE)

    def _deliver(self, site: Site) -> None:
        from gwfollow.provider.site import deliver

        try:
            self.log.info("%s", deliver(site, gracedb_conn_id=self.gracedb_conn_id, seconds=PATIENCE))
        except Exception as error:
            self.log.warning("left for upkeep to deliver: %s", error)


class BeginScansOperator(_TellsOfScans):
    """Says which scans begin.  An announcement that cannot be made holds up no scan: the log says why."""

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.errors import TransientError
        from gwfollow.life.scan_notes import begun

        site = self.site(context)
        try:
            names = begun(site, self.event)
        except TransientError:
            raise
        except Exception:
            self.log.exception("the scans begin without an announcement")
            return {"begun": []}
        self.log.info("begun: %s", ", ".join(names) or "nothing that has not been announced")
        self.deliver(site)
        return {"begun": names}


class ScanSummaryOperator(_TellsOfScans):
    """After all scans, whatever became of them: names exactly what finished, failed and was skipped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.scan_notes import summary

        site = self.site(context)
        text = translated(lambda: summary(site, self.event))
        self.log.info("%s", text or "nothing to sum up")
        self.deliver(site)
        return {"summary": text}


def _said(value: Any) -> Any:
    """None for what a template made of nothing."""
    return None if value is None or value == "" or value == "None" or value == [] else value

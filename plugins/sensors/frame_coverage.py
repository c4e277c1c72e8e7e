"""Wait for frames without a worker: all types that an analysis reads at once, each until its own deadline, on one shared watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from pe_operators.base import CLEAR, AnalysisOperator, cleared_by_person, person_site, translated
from pe_operators.triggers import SettledTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.life import Site


class FrameCoverageTrigger(SettledTrigger):
    """Fires when every type is settled, or some seconds after a first one is complete (`gwfollow.data.arrival`).

    All these triggers of a triggerer share one watch: who waits for the same type and stretch costs one look.

    :param wanted: `gwfollow.data.arrival.Wanted`, as dictionaries
    :param poll_seconds: seconds between two looks at a folder; servers are asked less often
    """

    ARGUMENTS = ("wanted", "poll_seconds", "settle")

    def __init__(self, *, wanted: list[dict[str, Any]], poll_seconds: float, settle: float) -> None:
        super().__init__()
        self.wanted, self.poll_seconds, self.settle = wanted, poll_seconds, settle

    async def wait(self) -> dict[str, Any]:
        from gwfollow.data.arrival import Wanted
        from gwfollow.data.watch import shared_watch

        awaited = await shared_watch(self.poll_seconds).wait([Wanted.from_dict(each) for each in self.wanted])
        return {"report": awaited.report(), "lack": awaited.lack(), "wanted": self.wanted}


class FrameCoverageSensor(AnalysisOperator):
    """Waits for the frames that the analysis' pipeline awaits (`Pipeline.awaits`).

    What ends the wait: every type is complete or past its own deadline, or five seconds have gone since a first one was complete and the
    pipeline waits itself for the others.  Where nothing can be done with what came, the analysis is cancelled with the reason and the
    task is skipped; clearing the task makes such an analysis ready again and waits once more.

    :param poll_seconds: seconds between two looks at a folder, for everybody who waits; servers are asked every five at most
    :returns: ``{"complete", "frames": [{"ifo", "frame_type", "stretch", "complete", "settled", "missing", "text"}]}``
    """

    ui_color = "#fdeaea"

    def __init__(self, *, poll_seconds: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.poll_seconds = poll_seconds

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.awaited import await_again

        site = self.site(context)
        if cleared_by_person(context):
            why = "its wait for data was cleared in the web UI"
            person = person_site(site, self.event, self.task_id, CLEAR)
            translated(lambda: await_again(person, self.event, self.analysis, why=why))
        return self._follow(site)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Called when the trigger fired."""
        from gwfollow.data.arrival import Wanted
        from gwfollow.life.awaited import wants

        site = self.site(context)
        if event["lack"]:
            wanted = translated(lambda: wants(site, self.event, self.analysis))
            if wanted != [Wanted.from_dict(each) for each in event["wanted"]]:
                self.log.info("what is awaited has changed meanwhile")  # the event has another time, or another run has begun
                return self._follow(site)
        return self._conclude(site, event["report"], event["lack"])

    def _follow(self, site: Site) -> dict[str, Any]:
        from gwfollow.life.awaited import look

        awaited = translated(lambda: look(site, self.event, self.analysis))
        if awaited.over:
            return self._conclude(site, awaited.report(), awaited.lack())
        for sentence in awaited.sentences():
            self.log.info("%s", sentence)
        self.defer(
            trigger=FrameCoverageTrigger(
                wanted=[each.wanted.as_dict() for each in awaited.types],
                poll_seconds=self.poll_seconds,
                settle=site.settings.settle_period,
            ),
            method_name="resume",
            timeout=None,
        )
        raise AssertionError("defer does not return")

    def _conclude(self, site: Site, report: dict[str, Any], lack: str) -> dict[str, Any]:
        from gwfollow.life.awaited import skip

        for frames in report["frames"]:
            self.log.info("%s", frames["text"])
        if lack:
            translated(lambda: skip(site, self.event, self.analysis, lack))
            raise AirflowSkipException(f"{self.event}/{self.analysis}: {lack}")
        return report


__all__ = ["FrameCoverageSensor", "FrameCoverageTrigger"]

"""Wait for result files without a worker: for analyses that run outside of gwfollow's schedulers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow.sdk import Context


class ResultFileTrigger(BaseTrigger):
    """Fires when files match every pattern and have kept their size for two polls; one poll for all patterns of a triggerer."""

    def __init__(self, *, patterns: list[str], poll_seconds: float) -> None:
        super().__init__()
        self.patterns, self.poll_seconds = patterns, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "sensors.result_file.ResultFileTrigger", {"patterns": self.patterns, "poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from gwfollow.results.files import StableFiles
        from gwfollow.schedulers.poller import shared_poller

        poller = shared_poller(("files", self.poll_seconds), self.poll_seconds, lambda: StableFiles().query)
        await asyncio.gather(*(poller.wait(pattern) for pattern in self.patterns))
        yield TriggerEvent({"patterns": self.patterns})


class ResultFileSensor(BaseSensorOperator):
    """Succeeds when each pattern matches at least one file that can be read whole.

    HDF5 and JSON files are opened before they count: a file that exists is not yet a result.

    :param patterns: absolute paths or globs (templated)
    :param poll_seconds: seconds between two looks
    :returns: path and SHA-256 of every file, by pattern
    """

    template_fields = ("patterns",)

    def __init__(self, *, patterns: list[str], poll_seconds: float = 30.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patterns, self.poll_seconds = patterns, poll_seconds

    def execute(self, context: Context) -> list[dict[str, str]]:
        self._wait()
        raise AssertionError("defer does not return")

    def resume(self, context: Context, event: dict[str, Any]) -> list[dict[str, str]]:
        from gwfollow.errors import PermanentError
        from gwfollow.results.files import read_whole

        try:
            return [found for pattern in self.patterns for found in read_whole(pattern)]
        except PermanentError as error:
            raise AirflowFailException(str(error)) from error

    def _wait(self) -> None:
        self.defer(
            trigger=ResultFileTrigger(patterns=list(self.patterns), poll_seconds=self.poll_seconds),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
        )

"""One poll for everybody who waits on a scheduler, in an asyncio event loop.

However many jobs are waited for, there is one `Scheduler.query` a period; a scheduler that is silent is asked less and less often (up
to five minutes) and nothing is concluded from its silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Collection, Hashable

from gwfollow.errors import SchedulerSilent
from gwfollow.schedulers.base import JobState, JobStatus

log = logging.getLogger(__name__)

#: a job is only reported as unknown after this many polls in a row said so: between queue and history there is a gap
UNKNOWN_POLLS = 3
#: seconds between two questions to a silent scheduler, at most
SILENT_PERIOD = 300.0

Query = Callable[[Collection[str]], dict[str, JobStatus]]


class Poller:
    """Wakes those who wait when there is something for them to do.

    Parameters
    ----------
    query : blocking bulk query, run in a thread
    period : seconds between two polls
    """

    def __init__(self, query: Query, period: float) -> None:
        self._query, self._period = query, period
        self._waiting: dict[str, set[asyncio.Future[JobStatus]]] = {}
        self._unknown: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, job_id: str) -> JobStatus:
        """The job's status once it ended, is held, is staged, or is unknown for several polls."""
        future: asyncio.Future[JobStatus] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll_while_anybody_waits())
        try:
            return await future
        finally:
            left = self._waiting.get(job_id, set())
            left.discard(future)
            if not left:
                self._waiting.pop(job_id, None)
                self._unknown.pop(job_id, None)

    async def _poll_while_anybody_waits(self) -> None:
        silence = 0
        while self._waiting:
            try:
                found = await asyncio.to_thread(self._query, list(self._waiting))
                silence = 0
                self._tell(found)
            except SchedulerSilent as error:
                silence += 1
                log.warning(
                    "the scheduler is silent (%d times in a row), %d jobs wait on: %s", silence, len(self._waiting), error
                )
            except Exception:
                silence += 1
                log.exception("the poll failed; %d jobs wait on", len(self._waiting))
            await asyncio.sleep(self._pause(silence))

    def _pause(self, silence: int) -> float:
        if not silence:
            return self._period
        return min(max(SILENT_PERIOD, self._period), self._period * 2.0 ** min(silence, 16)) * random.uniform(0.8, 1.0)

    def _tell(self, found: dict[str, JobStatus]) -> None:
        for job_id, futures in list(self._waiting.items()):
            status = found.get(job_id, JobStatus(JobState.UNKNOWN))
            if self._is_news(job_id, status):
                for future in futures:
                    if not future.done():
                        future.set_result(status)

    def _is_news(self, job_id: str, status: JobStatus) -> bool:
        if status.state is JobState.UNKNOWN:
            self._unknown[job_id] = self._unknown.get(job_id, 0) + 1
            return self._unknown[job_id] >= UNKNOWN_POLLS
        self._unknown.pop(job_id, None)
        return status.state.ended or status.state in (JobState.HELD, JobState.STAGED)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


_pollers: dict[tuple[int, Hashable], Poller] = {}


def shared_poller(identity: Hashable, period: float, make_query: Callable[[], Query]) -> Poller:
    """The one poller of this event loop for the scheduler `identity`; `make_query` is called when there is none yet."""
    key = (id(asyncio.get_running_loop()), identity)
    if key not in _pollers:
        _pollers[key] = Poller(make_query(), period)
    return _pollers[key]

"""The shared poller: one query a period however many wait, and nothing concluded from silence."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from gwfollow.errors import SchedulerSilent
from gwfollow.schedulers import poller as module
from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.schedulers.poller import UNKNOWN_POLLS, Poller, shared_poller


class Counted:
    """A bulk query that counts its calls; `answers` maps ids to states."""

    def __init__(self, **answers: JobState) -> None:
        self.answers, self.calls, self.silent = answers, 0, 0

    def __call__(self, job_ids: Collection[str]) -> dict[str, JobStatus]:
        self.calls += 1
        if self.silent:
            self.silent -= 1
            raise SchedulerSilent("no answer")
        return {i: JobStatus(self.answers.get(i, JobState.RUNNING)) for i in job_ids}


def test_a_thousand_waiters_share_each_poll() -> None:
    async def scenario() -> int:
        query = Counted()
        poller = Poller(query, 0.05)
        waiters = [asyncio.create_task(poller.wait(f"j{i}")) for i in range(1000)]
        while query.calls < 3:
            await asyncio.sleep(0.01)
        calls = query.calls
        query.answers = {f"j{i}": JobState.COMPLETED for i in range(1000)}
        states = await asyncio.gather(*waiters)
        assert all(status.state is JobState.COMPLETED for status in states)
        assert query.calls <= calls + 2
        return query.calls

    assert asyncio.run(scenario()) < 20


def test_polling_ends_with_the_last_waiter() -> None:
    async def scenario() -> None:
        query = Counted(a=JobState.COMPLETED)
        poller = Poller(query, 0.01)
        await poller.wait("a")
        await asyncio.sleep(0.05)
        calls = query.calls
        await asyncio.sleep(0.1)
        assert query.calls == calls

    asyncio.run(scenario())


def test_a_cancelled_waiter_is_forgotten_and_the_others_wait_on() -> None:
    async def scenario() -> None:
        query = Counted()
        poller = Poller(query, 0.01)
        first, second = (asyncio.create_task(poller.wait("a")) for _ in range(2))
        await asyncio.sleep(0.03)
        first.cancel()
        query.answers = {"a": JobState.HELD}
        assert (await second).state is JobState.HELD

    asyncio.run(scenario())


def test_a_silent_scheduler_is_waited_for() -> None:
    async def scenario() -> None:
        query = Counted(a=JobState.COMPLETED)
        query.silent = 3
        assert (await Poller(query, 0.01).wait("a")).state is JobState.COMPLETED
        assert query.calls == 4

    asyncio.run(scenario())


def test_a_job_is_unknown_only_after_several_polls_in_a_row() -> None:
    async def scenario() -> None:
        query = Counted(a=JobState.UNKNOWN)
        assert (await Poller(query, 0.01).wait("a")).state is JobState.UNKNOWN
        assert query.calls == UNKNOWN_POLLS

    asyncio.run(scenario())


def test_a_query_that_breaks_does_not_end_the_waiting() -> None:
    async def scenario() -> None:
        calls = []

        def broken_once(job_ids: Collection[str]) -> dict[str, JobStatus]:
            calls.append(1)
            if len(calls) == 1:
                raise ValueError("a fault of ours")
            return {i: JobStatus(JobState.COMPLETED) for i in job_ids}

        assert (await Poller(broken_once, 0.01).wait("a")).state is JobState.COMPLETED

    asyncio.run(scenario())


def test_the_pause_grows_with_silence_up_to_its_limit() -> None:
    poller = Poller(Counted(), 2.0)
    assert poller._pause(0) == 2.0
    assert poller._pause(1) <= 4.0
    assert module.SILENT_PERIOD * 0.8 <= poller._pause(50) <= module.SILENT_PERIOD


@pytest.mark.parametrize("same", [True, False])
def test_there_is_one_poller_for_each_scheduler(same: bool) -> None:
    async def scenario() -> None:
        first = shared_poller("pool-a", 1.0, Counted)
        second = shared_poller("pool-a" if same else "pool-b", 1.0, Counted)
        assert (first is second) is same

    asyncio.run(scenario())

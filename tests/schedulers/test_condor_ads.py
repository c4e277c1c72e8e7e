"""What HTCondor's attributes mean; the attributes are those that HTCondor 25.14 was seen to write."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.schedulers.condor_ads import ended, from_events, in_queue


def ad(status: int, **values: Any) -> dict[str, Any]:
    return {"ClusterId": 12, "ProcId": 0, "JobStatus": status, "GWFollowKey": "E/a/1", "GWFollowStaged": True} | values


@pytest.mark.parametrize(
    ("queued", "state"),
    [
        (ad(1), JobState.IDLE),
        (ad(2), JobState.RUNNING),
        (ad(3), JobState.RUNNING),  # until it has left the queue
        (ad(4, ExitCode=0, ExitBySignal=False), JobState.COMPLETED),
        (ad(5, HoldReasonCode=15), JobState.STAGED),
        (ad(5, HoldReasonCode=1), JobState.HELD),
        (ad(5, HoldReasonCode=15, GWFollowStaged=None), JobState.HELD),
        (ad(6), JobState.RUNNING),
        (ad(7), JobState.RUNNING),
    ],
)
def test_states_of_a_queued_job(queued: dict[str, Any], state: JobState) -> None:
    assert in_queue(queued).state is state


def test_a_hold_says_why() -> None:
    status = in_queue(ad(5, HoldReasonCode=34, HoldReason="memory usage exceeded request_memory"))
    assert status.describe() == "held: memory usage exceeded request_memory"
    assert status.hold_code == 34


def test_a_held_node_is_the_hold_of_its_dag() -> None:
    node = {
        "ClusterId": 13,
        "ProcId": 0,
        "JobStatus": 5,
        "DAGNodeName": "analysis",
        "HoldReason": "no such file",
        "HoldReasonCode": 6,
    }
    status = in_queue(ad(2, DAG_NodesDone=1, DAG_NodesTotal=3), [node])
    assert (status.state, status.hold_code, status.nodes_done) == (JobState.HELD, 6, 1)
    assert status.reason == "node analysis (job 13.0): no such file"


def test_the_signal_of_an_earlier_eviction_is_not_the_end() -> None:
    status = ended(ad(4, ExitBySignal=False, ExitCode=0, ExitSignal=15, NumVacates=1))
    assert status.succeeded
    assert (status.signal, status.evictions) == (None, 1)


def test_a_killed_job_has_a_signal_and_no_exit_code() -> None:
    status = ended(ad(4, ExitBySignal=True, ExitSignal=9))
    assert (status.signal, status.exit_code, status.succeeded) == (9, None, False)


def test_a_removed_job_says_why() -> None:
    assert ended(ad(3, RemoveReason="via condor_rm")) == JobStatus(JobState.REMOVED, "E/a/1", reason="via condor_rm")


def event(kind: str, job_id: str = "12.0", **values: Any) -> dict[str, Any]:
    return {"MyType": kind, "job_id": job_id, "EventTime": "2026-11-20T12:00:00"} | values


SUBMITTED = event("SubmitEvent", key="E/a/1")


def test_an_event_log_decides_only_when_it_shows_an_end() -> None:
    normal = event("JobTerminatedEvent", TerminatedNormally=True, ReturnValue=2)
    killed = event("JobTerminatedEvent", TerminatedNormally=False, TerminatedBySignal=11)
    removed = event("JobAbortedEvent", Reason="via condor_rm")
    assert from_events([SUBMITTED, normal], "12.0") == JobStatus(JobState.COMPLETED, "E/a/1", exit_code=2)
    assert from_events([SUBMITTED, killed], "12.0") == JobStatus(JobState.COMPLETED, "E/a/1", signal=11)
    assert from_events([SUBMITTED, removed], "12.0") == JobStatus(JobState.REMOVED, "E/a/1", reason="via condor_rm")
    unknown = from_events([SUBMITTED, event("ExecuteEvent")], "12.0")
    assert unknown is not None
    assert unknown.state is JobState.UNKNOWN
    assert "ends with ExecuteEvent" in unknown.reason


def test_the_event_log_of_another_job_says_nothing() -> None:
    assert from_events([event("JobTerminatedEvent", "11.0", TerminatedNormally=True, ReturnValue=0)], "12.0") is None

"""What HTCondor says of a job (its ClassAd, or its event log), as a `JobStatus`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.schedulers.condor_description import KEY, STAGED

Ad = Mapping[str, Any]

#: attributes asked of the queue and of the history; nothing else travels
PROJECTION = [
    *("ClusterId", "ProcId", "JobStatus", "Iwd", KEY, STAGED),
    *("HoldReason", "HoldReasonCode", "RemoveReason", "ExitCode", "ExitBySignal", "ExitSignal"),
    *("NumVacates", "RemoteHost", "LastRemoteHost"),
    *("DAG_NodesDone", "DAG_NodesTotal", "DAGManJobId", "DAGNodeName", "JobUniverse"),
]

IDLE, REMOVED, COMPLETED, HELD = 1, 3, 4, 5  # HTCondor's JobStatus; 2, 6 and 7 are kinds of running
DAGMAN = 7  # HTCondor's JobUniverse of a DAG's manager
#: HoldReasonCode of a job that was submitted with ``hold = true``
SUBMITTED_ON_HOLD = 15


def job_id(ad: Ad) -> str:
    return f"{ad['ClusterId']}.{ad['ProcId']}"


def is_staged(ad: Ad) -> bool:
    """Submitted by gwfollow and never released; a person's hold has another code."""
    return ad.get("JobStatus") == HELD and bool(ad.get(STAGED)) and ad.get("HoldReasonCode") == SUBMITTED_ON_HOLD


def in_queue(ad: Ad, held_nodes: Iterable[Ad] = ()) -> JobStatus:
    """Status of a job that the queue lists; `held_nodes` are the held nodes of this DAG."""
    status = ad["JobStatus"]
    if status == COMPLETED:
        return ended(ad)
    common = _common(ad)
    if status == REMOVED:  # until it has left the queue its processes may still be there
        return JobStatus(JobState.RUNNING, reason=f"is being removed: {ad.get('RemoveReason') or ''}", **common)
    if is_staged(ad):
        return JobStatus(JobState.STAGED, **common)
    if status == HELD:
        return JobStatus(JobState.HELD, reason=_hold_reason(ad), hold_code=ad.get("HoldReasonCode"), **common)
    for node in held_nodes:
        reason = f"node {node.get('DAGNodeName')} (job {job_id(node)}): {_hold_reason(node)}"
        return JobStatus(JobState.HELD, reason=reason, hold_code=node.get("HoldReasonCode"), **common)
    return JobStatus(JobState.IDLE if status == IDLE else JobState.RUNNING, **common)


def ended(ad: Ad) -> JobStatus:
    """Status of a job that the history lists."""
    common = _common(ad)
    if ad["JobStatus"] != COMPLETED:
        return JobStatus(JobState.REMOVED, reason=str(ad.get("RemoveReason") or ""), **common)
    if ad.get("ExitBySignal"):  # ExitSignal alone proves nothing: it stays from an earlier eviction
        return JobStatus(JobState.COMPLETED, signal=ad.get("ExitSignal"), **common)
    return JobStatus(JobState.COMPLETED, exit_code=ad.get("ExitCode"), **common)


def _common(ad: Ad) -> dict[str, Any]:
    return {
        "key": ad.get(KEY),
        "evictions": ad.get("NumVacates") or 0,
        "host": ad.get("RemoteHost") or ad.get("LastRemoteHost") or "",
        "nodes_done": ad.get("DAG_NodesDone"),
        "nodes_total": ad.get("DAG_NodesTotal"),
    }


def _hold_reason(ad: Ad) -> str:
    return str(ad.get("HoldReason") or f"no reason given (code {ad.get('HoldReasonCode')})")


def from_events(events: Iterable[Ad], wanted: str) -> JobStatus | None:
    """Status of job `wanted` by its event log, for a job that neither queue nor history knows; None where the log is silent too.

    Only an end that the log shows counts as one.  A log that ends before says where the job was last seen: UNKNOWN.
    """
    last: Ad | None = None
    key, evictions = None, 0
    for event in events:
        if event["job_id"] != wanted:
            continue
        last = event
        if event["MyType"] == "SubmitEvent":
            key = event.get("key")
        evictions += event["MyType"] == "JobEvictedEvent"
    if last is None:
        return None
    return _from_last_event(last, key, evictions)


def _from_last_event(event: Ad, key: str | None, evictions: int) -> JobStatus:
    kind = event["MyType"]
    if kind == "JobTerminatedEvent":
        if event.get("TerminatedNormally"):
            return JobStatus(JobState.COMPLETED, key, exit_code=event.get("ReturnValue"), evictions=evictions)
        return JobStatus(JobState.COMPLETED, key, signal=event.get("TerminatedBySignal"), evictions=evictions)
    if kind == "JobAbortedEvent":
        return JobStatus(JobState.REMOVED, key, reason=str(event.get("Reason") or ""), evictions=evictions)
    reason = f"in neither queue nor history; its event log ends with {kind} at {event.get('EventTime')}"
    return JobStatus(JobState.UNKNOWN, key, reason=reason, evictions=evictions)


__all__ = ["PROJECTION", "ended", "from_events", "in_queue", "is_staged", "job_id"]

"""HTCondor, through its Python bindings in a process of their own (see `condor_worker`).

A staged job is one that was submitted on hold and has never been released.  DAGs run under DAGMan; the nodes of a DAG follow what is
done to it, and a held node shows as the hold of its DAG, because the DAG would wait for it for ever.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.schedulers.base import Dag, JobState, JobStatus, Logs, Scheduler, Submission, Work
from gwfollow.schedulers.checks import check
from gwfollow.schedulers.condor_ads import DAGMAN, HELD, SUBMITTED_ON_HOLD, ended, from_events, in_queue, job_id
from gwfollow.schedulers.condor_client import CondorClient
from gwfollow.schedulers.condor_description import (
    KEY,
    STAGED,
    classad_string,
    common_description,
    event_log,
    job_description,
)
from gwfollow.schedulers.tails import node_logs, tails

#: seconds that one question may take
TIMEOUT = 40.0
#: ids named one by one in a question to the history; more are asked for by their range
LISTED_IDS = 500
_ID = re.compile(r"(\d+)\.(\d+)")


class HTCondor(Scheduler):
    """One schedd.

    Parameters
    ----------
    schedd, collector : name and address; empty means those of this machine's configuration
    timeout : s, after which a question counts as unanswered
    """

    name = "htcondor"

    def __init__(self, schedd: str = "", collector: str = "", *, timeout: float = TIMEOUT) -> None:
        self._client = CondorClient(schedd, collector, timeout)

    # ---- submission ----------------------------------------------------------------------------------------------------
    def submit(self, work: Work, key: str) -> Submission:
        check(work, key)
        dag: dict[str, Any] | None = None
        if isinstance(work, Dag):
            lines = common_description(work, key)
            file = work.folder / work.file
            dag = {"file": str(file), "priority": work.resources.priority, "environment": dict(work.resources.environment)}
        else:
            lines = job_description(work, key)
        folder, log = str(work.folder), str(event_log(work))
        return Submission(**self._client.ask("submit", key=key, folder=folder, log=log, lines=lines, dag=dag))

    def start(self, job_id: str) -> None:
        number = _cluster(job_id)
        mine = self._client.ask("queue", constraint=f"ClusterId == {number}")
        staged = f"JobStatus == {HELD} && HoldReasonCode == {SUBMITTED_ON_HOLD} && {STAGED} =?= true"
        self._act("Release", f"ClusterId == {number} && {staged}", "started by gwfollow")
        for ad in mine:  # a caller that was killed between its submission and the ledger left one that nobody will start
            twin = f"{KEY} =?= {classad_string(ad[KEY])} && Iwd =?= {classad_string(ad['Iwd'])} && ClusterId != {number}"
            self._act("Remove", f"{twin} && {staged}", f"job {job_id} was recorded under this key")

    def find(self, key: str, folder: Path | None = None) -> list[str]:
        constraint = f"{KEY} =?= {classad_string(key)}"
        ads = self._client.ask("queue", constraint=constraint) + self._client.ask("history", constraint=constraint)
        inside = [ad for ad in ads if folder is None or Path(ad["Iwd"]).is_relative_to(folder)]
        return [job_id(ad) for ad in sorted({job_id(ad): ad for ad in inside}.values(), key=lambda ad: ad["ClusterId"])]

    def claim(self, job_id: str, key: str) -> bool:
        found: bool = self._client.ask("claim", cluster=_cluster(job_id), key=key)
        return found

    # ---- questions -----------------------------------------------------------------------------------------------------
    def query(self, job_ids: Collection[str], folders: Mapping[str, Path] | None = None) -> dict[str, JobStatus]:
        wanted = {one: _cluster(one) for one in job_ids}
        if not wanted:
            return {}
        found = self._from_queue(wanted)
        left = {one: cluster for one, cluster in wanted.items() if one not in found}
        if left:
            found |= self._from_history(left)
        for one in left.keys() - found.keys():
            found[one] = self._from_event_log(one, (folders or {}).get(one))
        return found

    def _from_queue(self, wanted: Mapping[str, int]) -> dict[str, JobStatus]:
        ours = f"{KEY} =!= undefined"
        if len(wanted) <= LISTED_IDS:  # a look at one job must not cost what the whole queue does
            ours += f" && member(ClusterId, {{{', '.join(map(str, sorted(set(wanted.values()))))}}})"
        # a DAG may hold DAGs: whose a held node is shows only by way of all managers between them, which are few
        inside = f"DAGManJobId =!= undefined && (JobStatus == {HELD} || JobUniverse == {DAGMAN})"
        ads = self._client.ask("queue", constraint=f"({ours}) || ({inside})")
        managers = {ad["ClusterId"]: ad["DAGManJobId"] for ad in ads if "DAGManJobId" in ad and ad.get("JobUniverse") == DAGMAN}
        held_nodes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for ad in ads:
            if "DAGManJobId" in ad and ad["JobStatus"] == HELD:
                held_nodes[f"{_top(ad['DAGManJobId'], managers)}.0"].append(ad)
        return {job_id(ad): in_queue(ad, held_nodes[job_id(ad)]) for ad in ads if KEY in ad and job_id(ad) in wanted}

    def _from_history(self, wanted: Mapping[str, int]) -> dict[str, JobStatus]:
        clusters = set(wanted.values())
        if len(clusters) <= LISTED_IDS:  # `match` ends the search in a long history as soon as all are found
            which = f"member(ClusterId, {{{', '.join(map(str, sorted(clusters)))}}})"
            ads = self._client.ask("history", constraint=f"{KEY} =!= undefined && {which}", match=len(clusters))
        else:
            which = f"ClusterId >= {min(clusters)} && ClusterId <= {max(clusters)}"
            ads = self._client.ask("history", constraint=f"{KEY} =!= undefined && {which}")
        return {job_id(ad): ended(ad) for ad in ads if job_id(ad) in wanted}

    def _from_event_log(self, one: str, folder: Path | None) -> JobStatus:
        for log in [] if folder is None else [*folder.glob("*.log"), *folder.glob("*/*.log")]:
            status = from_events(self._client.ask("events", path=str(log)), one)
            if status is not None:
                return status
        return JobStatus(JobState.UNKNOWN, reason="in neither queue nor history, and no event log tells of it")

    # ---- changes -------------------------------------------------------------------------------------------------------
    def hold(self, job_id: str, reason: str) -> None:
        self._act("Hold", self._with_nodes(job_id), reason)

    def release(self, job_id: str) -> None:
        by_a_person = "HoldReasonCode == 1"  # a node's own fault is not cured by a release
        self._act("Release", self._with_nodes(job_id, by_a_person), "released by gwfollow")

    def remove(self, job_id: str, reason: str) -> None:
        # DAGMan removes its nodes and writes the rescue file
        self._act("Remove", f"ClusterId == {_cluster(job_id)}", reason)

    def set_priority(self, job_id: str, priority: int) -> None:
        self._client.ask("priority", constraint=self._with_nodes(job_id), priority=priority)

    def _with_nodes(self, job_id: str, nodes: str = "true") -> str:
        """The job and, of a DAG, what it has in the queue down to the DAGs inside it, as far as `nodes` holds of that."""
        number = _cluster(job_id)
        family, new = {number}, {number}
        while new:
            inside = f"member(DAGManJobId, {{{', '.join(map(str, sorted(new)))}}}) && JobUniverse == {DAGMAN}"
            new = {ad["ClusterId"] for ad in self._client.ask("queue", constraint=inside)} - family
            family |= new
        return f"ClusterId == {number} || (member(DAGManJobId, {{{', '.join(map(str, sorted(family)))}}}) && {nodes})"

    def _act(self, action: str, constraint: str, reason: str) -> None:
        self._client.ask("act", action=action, constraint=constraint, reason=" ".join(reason.split()))

    # ---- logs ----------------------------------------------------------------------------------------------------------
    def logs(self, work: Work, lines: int = 50) -> Logs:
        if isinstance(work, Dag):
            file = work.folder / work.file
            paths = [event_log(work), file.with_name(file.name + ".dagman.out"), *node_logs(file, work.folder)]
        else:
            paths = [work.folder / f"{work.name}.{end}" for end in ("log", "out", "err")]
        return Logs(tails(paths, lines))

    def close(self) -> None:
        """End the process that talks to HTCondor; the next question starts it again."""
        self._client.close()


def _cluster(job_id: str) -> int:
    """Raises `InputError` for what is not an id of HTCondor."""
    found = _ID.fullmatch(job_id)
    if found is None:
        raise InputError("HTCondor job id", job_id, "cluster.process, such as 12.0")
    return int(found[1])


def _top(cluster: int, managers: Mapping[int, int]) -> int:
    """The DAG that is inside no other; `managers` maps each that is inside one to that one."""
    while cluster in managers:
        cluster = managers[cluster]
    return cluster


__all__ = ["HTCondor"]

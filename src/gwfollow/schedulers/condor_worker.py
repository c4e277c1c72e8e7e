"""The process that talks to HTCondor: ``python -m gwfollow.schedulers.condor_worker SCHEDD COLLECTOR``.

HTCondor's bindings hold Python's interpreter lock while they wait for a daemon: one hung schedd would stop every thread and every
event loop of the process that asks (measured: 20 s for a query).  So `condor_client` keeps one such process, asks it by lines of JSON
on standard input, and kills it when it does not answer in time.

A request is ``{"op": name, ...arguments}``; the answer is ``{"ok": value}``, ``{"refused": text}`` (HTCondor read it and said no) or
``{"silent": text}`` (no answer from HTCondor).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import classad2
import htcondor2

from gwfollow.schedulers.condor_ads import PROJECTION
from gwfollow.schedulers.condor_description import KEY, classad_string, with_environment

#: seconds between two looks whether the process that started this one is still there
WATCH_SECONDS = 30.0
LOCK_FILE = ".gwfollow-submit.lock"
ACTIONS = {name: getattr(htcondor2.JobAction, name) for name in ("Hold", "Release", "Remove")}


class Refused(Exception):
    """HTCondor, or its submit language, says no."""


class Worker:
    """Answers requests; the methods that `answer` calls are named by the request."""

    def __init__(self, schedd: str, collector: str) -> None:
        self._name, self._collector = schedd, collector
        self._schedd: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = getattr(self, f"op_{request.pop('op')}")
        try:
            try:
                return {"ok": operation(**request)}
            except htcondor2.HTCondorException:
                # a Schedd object holds the port of a daemon that may have been restarted since
                self._schedd = None
                return {"ok": operation(**request)}
        except Refused as error:
            return {"refused": str(error)}
        except htcondor2.HTCondorException as error:
            self._schedd = None
            return {"silent": str(error)}

    @property
    def schedd(self) -> Any:
        if self._schedd is None:
            self._schedd = self._locate()
        return self._schedd

    def _locate(self) -> Any:
        if not (self._name or self._collector):
            return htcondor2.Schedd()
        collector = htcondor2.Collector(self._collector or None)
        where = collector.locate(htcondor2.DaemonType.Schedd, self._name or None)
        if where is None:  # Schedd(None) would be another one, the local schedd
            raise htcondor2.HTCondorException(f"the collector knows no schedd named {self._name!r}")
        return htcondor2.Schedd(where)

    # ---- questions -----------------------------------------------------------------------------------------------------
    def op_queue(self, constraint: str) -> list[dict[str, Any]]:
        return [_plain(ad) for ad in self.schedd.query(constraint=constraint, projection=PROJECTION)]

    def op_history(self, constraint: str, match: int = -1) -> list[dict[str, Any]]:
        return [_plain(ad) for ad in self.schedd.history(constraint=constraint, projection=PROJECTION, match=match)]

    def op_events(self, path: str) -> list[dict[str, Any]]:
        """The job's event log; one that is not there or not readable says nothing."""
        try:
            with htcondor2.JobEventLog(path) as log:
                return [_event(event) for event in log.events(stop_after=0)]
        except (htcondor2.HTCondorException, OSError):
            return []

    # ---- changes -------------------------------------------------------------------------------------------------------
    def op_act(self, action: str, constraint: str, reason: str) -> dict[str, int]:
        result = self.schedd.act(ACTIONS[action], constraint, reason=(reason, 0))
        if result is None:
            raise htcondor2.HTCondorException(f"no answer to {action}")
        if result["TotalPermissionDenied"]:
            raise Refused(f"{action} of {constraint}: permission denied")
        return {"done": int(result["TotalSuccess"])}

    def op_priority(self, constraint: str, priority: int) -> None:
        self.schedd.edit(constraint, "JobPrio", str(priority))

    def op_claim(self, cluster: int, key: str) -> bool:
        """Whether the job now has this key; one that has another keeps it."""
        mine = f"ClusterId == {cluster}"
        if self.schedd.query(constraint=f"{mine} && {KEY} =?= undefined", projection=["ClusterId"]):
            try:
                self.schedd.edit(f"{mine} && {KEY} =?= undefined", KEY, classad_string(key))
            except htcondor2.HTCondorException as error:
                self._refused_or_silent(error)
        ads = self.schedd.query(constraint=mine, projection=[KEY])
        return bool(ads) and all(ad.get(KEY) == key for ad in ads)

    def op_submit(self, key: str, folder: str, log: str, lines: dict[str, str], dag: dict[str, Any] | None) -> dict[str, Any]:
        """Adopt what is there under `key`, or submit; nobody else does either for this folder meanwhile."""
        with _lock(Path(folder)):
            known = self._known(key, folder, log)
            if known is not None:
                return {"job_id": known, "adopted": True}
            return {"job_id": self._submit(lines, folder, dag), "adopted": False}

    def _known(self, key: str, folder: str, log: str) -> str | None:
        """The job of this key and folder, wherever HTCondor still speaks of it."""
        constraint = f"{KEY} == {classad_string(key)} && Iwd == {classad_string(folder)}"
        for ads in (self.op_queue(constraint), self.op_history(constraint)):
            # a removed one is what another caller staged and gave up: the last choice
            for ad in sorted(ads, key=lambda ad: (ad["JobStatus"] == htcondor2.JobStatus.REMOVED, ad["ClusterId"])):
                return f"{ad['ClusterId']}.{ad['ProcId']}"
        for event in self.op_events(log):
            if event.get("key") == key:
                return str(event["job_id"])
        return None

    def _submit(self, lines: dict[str, str], folder: str, dag: dict[str, Any] | None) -> str:
        try:
            submit = _describe_dag(lines, folder, dag) if dag else htcondor2.Submit(lines)
        except (htcondor2.HTCondorException, ValueError, OSError) as error:
            raise Refused(str(error)) from error
        try:
            result = self.schedd.submit(submit)
        except (htcondor2.HTCondorException, ValueError) as error:
            self._refused_or_silent(error)
        return f"{result.cluster()}.{result.first_proc()}"

    def _refused_or_silent(self, error: Exception) -> NoReturn:
        """A schedd that answers a question right after it did not take the job has refused it."""
        self.schedd.query(constraint="false", projection=["ClusterId"])
        raise Refused(str(error)) from error


def _describe_dag(lines: dict[str, str], folder: str, dag: dict[str, Any]) -> Any:
    """DAGMan's own job.  A rescue file beside the DAG is taken up (AutoRescue); files of an earlier submission do not stop it."""
    os.chdir(folder)  # DAGMan reads relative paths from where it was submitted
    submit = htcondor2.Submit.from_dag(dag["file"], {"UpdateSubmit": True, "AutoRescue": 1, "Priority": dag["priority"]})
    for name, value in lines.items():
        submit[name] = value
    submit["environment"] = with_environment(submit["environment"], dag["environment"])
    return submit


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Of two that submit from one folder, one waits; the lock goes with the process that holds it, however it ends."""
    try:
        file = (folder / LOCK_FILE).open("w")
    except OSError as error:
        raise Refused(f"cannot write in the working folder {folder}: {error.strerror}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _plain(ad: Any) -> dict[str, Any]:
    return {name: _value(ad.get(name)) for name in PROJECTION if name in ad}


def _event(event: Any) -> dict[str, Any]:
    wanted = ("MyType", "EventTime", "Reason", "ReturnValue", "TerminatedNormally", "TerminatedBySignal")
    found = {name: _value(event[name]) for name in wanted if name in event}
    notes = event.get("StructuredNotes")
    if isinstance(notes, classad2.ClassAd):
        found["key"] = notes.get("JobBatchName")
    return found | {"job_id": f"{event.cluster}.{event.proc}"}


def _value(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) and not isinstance(value, classad2.Value) else None


def serve(worker: Worker, requests: Any, answers: Any) -> None:
    """Until standard input ends, or the process that started this one is gone."""
    parent = os.getppid()
    while True:
        while not select.select([requests], [], [], WATCH_SECONDS)[0]:
            if os.getppid() != parent:
                return
        line = requests.readline()
        if not line:
            return
        answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")
        answers.flush()


def main() -> None:
    # the bindings print: their words must not mix with the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(Worker(sys.argv[1], sys.argv[2]), sys.stdin, answers)


if __name__ == "__main__":
    main()

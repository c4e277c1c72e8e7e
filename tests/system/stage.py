"""What the tests on a real Airflow do with it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gwfollow.airflow_api import AirflowAPI
from gwfollow.delivery import deliver_now
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.life.site import current_attempt, last_job
from gwfollow.naming import event_dag_id
from gwfollow.sandbox.airflow import LocalAirflow
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings

#: seconds for what takes ten where nothing else runs: the other half of the tests does, and Airflow's LocalExecutor may fail a task that
#: comes back while its first exit is being recorded, which then is tried again
PATIENCE = 180.0


@dataclass
class Stage:
    """The services, and what the tests do with them."""

    airflow: LocalAirflow
    api: AirflowAPI
    ledger: Ledger
    settings: Settings
    kafka: LocalKafka
    metrics: socket.socket  # that receives what Airflow tells StatsD

    def apply(self, event: str, *analyses: str) -> None:
        """Apply an event with analyses of the toy pipeline, each as ``name: {keys}`` in YAML, and ask for the run."""
        documents = [f"kind: event\nname: {event}\nevent time: 1126259462.4\ninterferometers: [H1]\n"]
        documents += [f"kind: analysis\nevent: {event}\npipeline: toy\n{analysis}\n" for analysis in analyses]
        with self.ledger.change(who="test") as change:
            apply(change, read_text("---\n".join(documents), "test.yaml").blueprints)
        self.deliver()

    def add(self, event: str, analysis: str) -> None:
        """One more analysis on an event that is there."""
        with self.ledger.change(who="test") as change:
            text = f"kind: analysis\nevent: {event}\npipeline: toy\n{analysis}\n"
            apply(change, read_text(text, "more.yaml").blueprints)
        self.deliver()

    def set(self, event: str, analysis: str, status: str) -> None:
        with self.ledger.change(who="test", why="a test") as change:
            change.set_status(change.analysis(event, analysis), status)
            change.give_work(change.event(event))
        self.deliver()

    def deliver(self) -> None:
        for _ in range(10):
            report = deliver_now(self.ledger, self.settings, seconds=30)
            if report is not None and not report.pending:
                return
            time.sleep(1)

    def row(self, event: str, analysis: str) -> Analysis:
        with self.ledger.read() as session:
            return find_analysis(session, event, analysis)

    def folder(self, event: str, analysis: str, attempt: int = 1) -> Path:
        return self.settings.home_folder / "events" / event / analysis / f"attempt-{attempt}"

    def job_id(self, event: str, analysis: str) -> str:
        """The scheduler's id of the newest job."""
        with self.ledger.read() as session:
            job = last_job(current_attempt(session, find_analysis(session, event, analysis)))
            assert job is not None
            assert job.job_id is not None
            return job.job_id

    def go(self, event: str, analysis: str, attempt: int = 1) -> None:
        (self.folder(event, analysis, attempt) / "go").touch()

    def runs(self, event: str, analysis: str, attempt: int = 1) -> int:
        """How often the job itself ran, by its own count."""
        file = self.folder(event, analysis, attempt) / "runs.txt"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def until_status(self, event: str, analysis: str, *statuses: str) -> None:
        until(lambda: self.row(event, analysis).status in statuses, lambda: self.explain(event))

    def task(self, event: str, task_id: str, run_id: str | None = None) -> dict[str, Any]:
        run_id = run_id or self.api.dag_runs(event_dag_id(event))[0]["dag_run_id"]
        found = self.api._call("GET", f"dags/{event_dag_id(event)}/dagRuns/{run_id}/taskInstances/{task_id}", missing_ok=True)
        return found or {"state": None}

    def pushed(self, event: str, task_id: str) -> Any:
        """What a task of the newest run has handed on by XCom."""
        dag_id = event_dag_id(event)
        run_id = self.api.dag_runs(dag_id)[0]["dag_run_id"]
        path = (
            f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=false&stringify=false"
        )
        found = self.api._call("GET", path)
        assert found is not None
        return found["value"]

    def until_task(self, event: str, task_id: str, *states: str, run_id: str | None = None) -> None:
        until(lambda: self.task(event, task_id, run_id)["state"] in states, lambda: self.explain(event))

    def clear(self, event: str, task_id: str, run_id: str) -> None:
        """As the button in the web UI does, with what comes after.

        Not before the run has ended: Airflow 3.3.2 may lose a clear that meets its scheduler just ending the run.
        """
        dag_id = event_dag_id(event)
        until(lambda: {r["dag_run_id"]: r["state"] for r in self.api.dag_runs(dag_id)}[run_id] in ("success", "failed"))
        body = {
            "dry_run": False,
            "task_ids": [task_id],
            "dag_run_id": run_id,
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.api._call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)

    def explain(self, event: str) -> str:
        """Everything that a person would look at first."""
        lines = []
        with self.ledger.read() as session:
            lines += [f"{a.name}: {a.status} ({a.reason})" for a in find_event(session, event).analyses]
        for run in self.api.dag_runs(event_dag_id(event)):
            lines.append(f"run {run['dag_run_id']}: {run['state']}")
            answer = self.api._call("GET", f"dags/{event_dag_id(event)}/dagRuns/{run['dag_run_id']}/taskInstances") or {}
            lines += [f"  {ti['task_id']}: {ti['state']} (try {ti['try_number']})" for ti in answer.get("task_instances", [])]
        return "\n".join(lines)


def until(condition: Callable[[], bool], explain: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE:.0f} s\n{explain()}", pytrace=True)
        time.sleep(0.5)

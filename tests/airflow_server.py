"""A real Airflow for tests: API server and DAG processor on SQLite, in a folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from gwfollow.naming import EVENT_FILES
from gwfollow.sandbox.airflow import free_port

#: one DAG for each event in events.json, as pe_operators.event_dags makes them from the ledger
EVENTS = """
import json, time
from pathlib import Path
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from gwfollow.naming import event_file, file_dag_id, revision_row

own = DAG(file_dag_id({number}), schedule=None)
events = json.loads(Path("{events}").read_text())
Path("{events}.{number}").touch()
time.sleep({seconds})
for name, (event_id, revision) in events.items():
    if event_file(event_id) == {number}:
        with DAG("event." + name, schedule=None, is_paused_upon_creation=False, doc_md=revision_row(revision)) as dag:
            EmptyOperator(task_id="plan")
        globals()[dag.dag_id] = dag
"""
READY_SECONDS = 200.0


class AirflowServer:
    """Without a scheduler: runs are made and stay queued."""

    def __init__(self, folder: Path, events: dict[str, tuple[int, int]]) -> None:
        """`events`: name -> (id of its row in the ledger, revision)."""
        self.folder = folder
        self.password = secrets.token_hex(8)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "dags" / "events").mkdir(parents=True)
        (folder / "plugins").mkdir()
        self.set_events(events)
        for number in range(EVENT_FILES):
            self.write_file(number)
        (folder / "passwords.json").write_text(json.dumps({"admin": self.password}))
        self._processes: list[subprocess.Popen[bytes]] = []

    def set_events(self, events: dict[str, tuple[int, int]]) -> None:
        (self.folder / "events.json").write_text(json.dumps(events))

    def write_file(self, number: int, *, seconds: float = 0.0) -> None:
        """A file of events; `seconds` pass between its look at the events, which leaves events.json.<number>, and its end."""
        text = EVENTS.format(number=number, events=self.folder / "events.json", seconds=seconds)
        (self.folder / "dags" / "events" / f"file_{number}.py").write_text(text)

    @property
    def login_file(self) -> Path:
        file = self.folder / "login.json"
        file.write_text(json.dumps({"username": "admin", "password": self.password}))
        return file

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "GWFOLLOW"))}
        return kept | {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.folder / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        }

    def start(self) -> None:
        environment = self.environment
        self._airflow(environment, "db", "migrate").wait()
        port = ["--host", "127.0.0.1", "--port", str(self.port)]
        self._processes = [
            self._airflow(environment, "api-server", *port),
            self._airflow(environment, "dag-processor"),
        ]
        end = time.monotonic() + READY_SECONDS
        while not self._ready():
            if time.monotonic() > end or any(process.poll() is not None for process in self._processes):
                self.stop()
                raise RuntimeError(f"Airflow did not start: see {self.folder / 'server.log'}")
            time.sleep(0.3)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []

    def _airflow(self, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "airflow", *arguments]
            return subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/version", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

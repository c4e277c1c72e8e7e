"""An Airflow of one's own: SQLite, LocalExecutor, a port and a password of its own; for the demo and the tests.

Its secrets stand in ``airflow.cfg`` (mode 600) and in the password file, not in the environment, which jobs may inherit.
"""

from __future__ import annotations

import base64
import configparser
import contextlib
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from gwfollow.errors import PermanentError, TransientError
from gwfollow.sandbox.processes import Service, tail

COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer")
#: seconds until all components answer, on a slow machine
START_SECONDS = 180.0
#: where its ports are: the kernel's own choice begins at 32768
PORTS = range(20000, 32000)
#: tasks that run at once
PARALLELISM = 6
#: a component that dies is started again, as systemd or a container engine does it at a site: Airflow 3.3.2's scheduler ends with a
#: StaleDataError when a person clears a task at the moment at which it looks at the run
KEEP_UP = """n=0; while [ $n -lt 20 ]; do "$@"; c=$?; n=$((n+1)); echo "gwfollow: $2 ended with $c; start $n again" >&2; sleep 1; done"""


class LocalAirflow:
    """One Airflow installation in a folder.

    Parameters
    ----------
    folder : becomes AIRFLOW_HOME
    checkout : the folder with ``dags`` and ``plugins``
    environment : what its tasks see on top of the present environment (settings of gwfollow, CONDOR_CONFIG, ...)
    port : 0 takes a free one
    options : more of airflow.cfg, section -> key -> value
    """

    def __init__(
        self,
        folder: Path,
        checkout: Path,
        *,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        options: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.folder, self.checkout = folder.absolute(), checkout.absolute()
        self.environment = dict(environment or {})
        self.port = port or free_port()
        self.options = options or {}
        self.url = f"http://localhost:{self.port}"
        self.username = "admin"
        self.login_file = self.folder / "login.json"
        self.services = [Service(self.folder, name) for name in COMPONENTS]

    @property
    def password(self) -> str:
        return str(json.loads(self.login_file.read_text())["password"])

    def prepare(self) -> None:
        """Write the configuration and make the database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(12)
        private(self.login_file, json.dumps({"username": self.username, "password": password}))
        private(self.folder / "passwords.json", json.dumps({self.username: password}))
        config = configparser.ConfigParser(interpolation=None)
        config.read_dict({**self._config(), **{k: {**self._config().get(k, {}), **v} for k, v in self.options.items()}})
        text = io.StringIO()
        config.write(text)
        private(self.folder / "airflow.cfg", text.getvalue())
        made = subprocess.run(
            [airflow_command(), "db", "migrate"], env=self.env(), capture_output=True, text=True, timeout=300, check=False
        )
        if made.returncode:
            raise PermanentError(f"airflow db migrate failed: {(made.stderr or made.stdout).strip().splitlines()[-1:]}")

    def start(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Start all components and wait until they answer.  Raises `TransientError` with the last words of those that do not."""
        for service in self.services:
            service.start(["sh", "-c", KEEP_UP, "keep-up", airflow_command(), service.name], env=self.env())
        deadline = time.monotonic() + START_SECONDS
        while (missing := self._not_ready()) and time.monotonic() < deadline:
            tell(f"waiting for {', '.join(missing)}")
            time.sleep(0.5)
        if missing:
            words = "\n".join(tail(service.log) for service in self.services if service.name in missing)
            raise TransientError(f"Airflow's {', '.join(missing)} did not start within {START_SECONDS:.0f} s:\n{words}")

    def stop(self) -> None:
        """Stop all components and their children, and wait until they are gone."""
        with ThreadPoolExecutor(len(self.services)) as threads:
            list(threads.map(Service.stop, self.services))

    def env(self) -> dict[str, str]:
        """The environment of the components."""
        bin_folder = Path(sys.executable).parent
        mine = {"AIRFLOW_HOME": str(self.folder), "PATH": f"{bin_folder}:{os.environ.get('PATH', '')}", "PYTHONUNBUFFERED": "1"}
        # the environment outranks airflow.cfg: another Airflow's variables must not reach this one
        rest = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW__", "AIRFLOW_HOME"))}
        path = {"PATH": f"{bin_folder}:{self.environment['PATH']}"} if "PATH" in self.environment else {}
        return {**rest, **mine, **self.environment, **path}

    def _not_ready(self) -> list[str]:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return list(COMPONENTS)
        parts = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}
        return [name for name, key in parts.items() if (health.get(key) or {}).get("status") != "healthy"]

    def _config(self) -> dict[str, dict[str, str]]:
        return {
            "core": {
                "dags_folder": str(self.checkout / "dags"),
                "plugins_folder": str(self.checkout / "plugins"),
                "load_examples": "False",
                "executor": "LocalExecutor",
                "parallelism": str(PARALLELISM),
                # tasks wait where priorities count; two more than run, so that a worker that ends has its next
                "default_pool_task_slot_count": str(PARALLELISM + 2),
                # with the default of 30 s a second change of an event would wait so long for its run
                "min_serialized_dag_update_interval": "0",
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "simple_auth_manager_users": f"{self.username}:admin",
                "simple_auth_manager_passwords_file": str(self.folder / "passwords.json"),
                "execution_api_server_url": f"{self.url}/execution/",
                "lazy_load_plugins": "True",
            },
            "database": {"sql_alchemy_conn": f"sqlite:///{self.folder / 'airflow.db'}"},
            "api": {
                "host": "127.0.0.1",
                "port": str(self.port),
                "base_url": self.url,
                "secret_key": secrets.token_urlsafe(32),
                "workers": "1",
            },
            "api_auth": {"jwt_secret": secrets.token_urlsafe(32)},
            "dag_processor": {
                "refresh_interval": "5",
                "bundle_refresh_check_interval": "1",
                # a change that gives work asks for its file: between those only words on the pages get old
                "min_file_process_interval": "120",
            },
            "scheduler": {
                "catchup_by_default": "False",
                # between two looks when there is nothing to do: each step of a chain waits half of it
                "scheduler_idle_sleep_time": "0.25",
            },
            "logging": {
                "base_log_folder": str(self.folder / "logs"),
                # servers of their own, so that two Airflows fit on one machine
                "worker_log_server_port": str(free_port()),
                "trigger_log_server_port": str(free_port()),
            },
            "usage_data_collection": {"enabled": "False"},
        }


def airflow_command() -> str:
    """The ``airflow`` beside this Python."""
    return str(Path(sys.executable).parent / "airflow")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on.

    Below those that the kernel gives to whoever wants any: between this look and Airflow's start lies the making of its database.
    """
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(text)

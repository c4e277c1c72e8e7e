"""Asking Airflow for things: a small client of its REST API (v2) with what gwfollow needs.

    api = AirflowAPI("http://localhost:8080", "gwfollow", password)
    api.ask_parse("events.3")
    api.start_run("event.GW150914", "rev-3", {"event": "GW150914"})

Airflow's own API does not hold the caller up: asking for a parse or a run returns when the request is stored.  Every call has
time-outs.  `RemoteSilent` where there is no answer, or one that says "later"; `RemoteRefused` where Airflow read the request and said no.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.http_answers import detail, retry_after
from gwfollow.settings import Settings

#: seconds to connect, and between two bytes of an answer
TIMEOUT = (5.0, 30.0)
#: characters of a note that Airflow keeps
NOTE_LENGTH = 1000
PAGE = 100
#: seconds before a request that Airflow failed at is sent again
REPEATS = (0.2, 1.0)


class AirflowAPI:
    """One login at one Airflow; the token is asked for when it is first needed, and again when Airflow no longer takes it."""

    def __init__(self, url: str, username: str, password: str, *, timeout: tuple[float, float] = TIMEOUT) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError("GWFOLLOW_AIRFLOW_URL", url, "an address that begins with http:// or https://")
        self.url, self.username, self.timeout = url.rstrip("/"), username, timeout
        self._password, self._token = password, ""
        self._session = requests.Session()
        # a proxy or ~/.netrc of the user has no business between us and our Airflow
        self._session.trust_env = False

    def __repr__(self) -> str:
        return f"AirflowAPI({self.url!r}, {self.username!r})"

    @classmethod
    def from_settings(cls, settings: Settings) -> AirflowAPI | None:
        """The Airflow of the settings; None where they name none.  Raises `InputError` for a login file that is not one."""
        if not settings.airflow_url:
            return None
        username, password = read_login(settings.airflow_login_file)
        return cls(settings.airflow_url, username, password)

    # ---- DAGs ----------------------------------------------------------------------------------------------------------
    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG's details; None when Airflow has not parsed it, or its file no longer has it."""
        answer = self._call("GET", f"dags/{_part(dag_id)}/details", missing_ok=True)
        return None if answer is None or answer.get("is_stale") else answer

    def ask_parse(self, dag_id: str) -> None:
        """Ask the DAG processor to read the file that has this DAG before others.

        Airflow forgets the question where it is just reading that file.  Raises `RemoteSilent` where it does not know the DAG (the DAG
        processor has not come so far).
        """
        dag = self._call("GET", f"dags/{_part(dag_id)}/details", missing_ok=True)
        if dag is None:
            raise RemoteSilent(
                f"Airflow at {self.url} has not read the file of the DAG {dag_id} yet (is its DAG processor running?)"
            )
        # 409: asked already
        self._call("PUT", f"parseDagFile/{_part(dag['file_token'])}", also_ok=(409,))

    # ---- runs ----------------------------------------------------------------------------------------------------------
    def start_run(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> bool:
        """Start a run; False when Airflow has a run with this id already.

        Raises `RemoteSilent` where Airflow does not have the DAG (yet), or cannot read its file just now.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        response = self._request("POST", f"dags/{_part(dag_id)}/dagRuns", json=body)
        if response.status_code == 409:
            return False
        if response.status_code == 404:
            raise RemoteSilent(f"Airflow does not know the DAG {dag_id} (yet)")
        if response.status_code == 400 and "import errors" in response.text:
            raise RemoteSilent(f"Airflow cannot read the file of the DAG {dag_id}: see its import errors")
        self._check(response)
        return True

    def has_run(self, dag_id: str, run_id: str) -> bool:
        return self._call("GET", f"dags/{_part(dag_id)}/dagRuns/{_part(run_id)}", missing_ok=True) is not None

    def dag_runs(self, dag_id: str, *, limit: int = 25) -> list[dict[str, Any]]:
        """The newest runs of a DAG, newest first; an empty list where Airflow does not have it."""
        query = {"limit": limit, "order_by": "-run_after"}
        answer = self._call("GET", f"dags/{_part(dag_id)}/dagRuns", params=query, missing_ok=True)
        return list(answer["dag_runs"]) if answer else []

    def dags_at_work(self) -> set[str]:
        """Ids of all DAGs that have a run which is queued or running; one question however many DAGs there are (100 runs a page)."""
        query = {"state": ["queued", "running"], "order_by": "id"}
        return {str(run["dag_id"]) for run in self._pages("dags/~/dagRuns", "dag_runs", query)}

    # ---- what people see, what they did --------------------------------------------------------------------------------
    def set_note(self, dag_id: str, run_id: str, task_id: str, note: str, *, map_index: int = -1) -> None:
        """Write the note beside a task instance (shown in the web UI; cut to what Airflow keeps)."""
        if len(note) > NOTE_LENGTH:
            note = note[: NOTE_LENGTH - 3] + "..."
        path = f"dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances/{_part(task_id)}"
        if map_index >= 0:
            path += f"/{map_index}"
        self._call("PATCH", path, params={"update_mask": "note"}, json={"note": note})

    def event_log(self, *, event: str | None = None, dag_id: str | None = None, limit: int = 25) -> list[dict[str, Any]]:
        """What people did, newest first, e.g. ``event="post_clear_task_instances"``; each has ``when``, ``owner`` and ``extra``."""
        query: dict[str, Any] = {"limit": limit, "order_by": "-event_log_id"}
        query |= {"event": event} if event else {}
        query |= {"dag_id": dag_id} if dag_id else {}
        answer = self._call("GET", "eventLogs", params=query)
        return list(answer["event_logs"]) if answer else []

    def store_connection(self, conn_id: str, conn_type: str, *, host: str, password: str, extra: dict[str, Any]) -> None:
        """Define a connection, or define it anew; the password travels in the body of the request alone."""
        body = {"connection_id": conn_id, "conn_type": conn_type, "host": host, "password": password, "extra": json.dumps(extra)}
        if self._request("POST", "connections", json=body).status_code == 409:
            self._call("PATCH", f"connections/{_part(conn_id)}", json=body)
        elif self._call("GET", f"connections/{_part(conn_id)}", missing_ok=True) is None:
            raise RemoteRefused(f"Airflow at {self.url} did not store the connection {conn_id}")

    # ---- the wire ------------------------------------------------------------------------------------------------------
    def _pages(self, path: str, key: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        offset, total = 0, 1
        while offset < total:
            answer = self._call("GET", path, params={**query, "limit": PAGE, "offset": offset}) or {}
            yield from answer[key]
            total, offset = answer["total_entries"], offset + PAGE

    def _call(
        self, method: str, path: str, *, missing_ok: bool = False, also_ok: tuple[int, ...] = (), **options: Any
    ) -> dict[str, Any] | None:
        """The answer's JSON; None for 404 (where `missing_ok`), for a status in `also_ok` and for an empty answer."""
        response = self._request(method, path, **options)
        if (missing_ok and response.status_code == 404) or response.status_code in also_ok:
            return None
        self._check(response)
        if not response.content or response.content == b"null":
            return None
        try:
            return dict(response.json())
        except ValueError:
            raise RemoteSilent(f"{self.url} did not answer like Airflow (no JSON)") from None

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Every request of ours may be repeated: a busy SQLite database of Airflow's lets some fail (500)."""
        for pause in REPEATS:
            response = self._request_once(method, path, **options)
            if response.status_code != 500:
                return response
            time.sleep(pause)
        return self._request_once(method, path, **options)

    def _request_once(self, method: str, path: str, **options: Any) -> requests.Response:
        if not self._token:
            self._token = self._login()
        response = self._send(method, f"api/v2/{path}", headers={"Authorization": f"Bearer {self._token}"}, **options)
        # 401: its time is over; 403 with these words: Airflow has a new signing key since
        if response.status_code == 401 or (response.status_code == 403 and "Invalid JWT token" in response.text):
            self._token = self._login()
            response = self._send(method, f"api/v2/{path}", headers={"Authorization": f"Bearer {self._token}"}, **options)
        return response

    def _login(self) -> str:
        body = {"username": self.username, "password": self._password}
        response = self._send("POST", "auth/token", json=body)
        if response.status_code in (400, 401, 403):
            # not the fault of the message that made us log in: it waits until a person has mended the login
            raise RemoteSilent(f"Airflow at {self.url} does not accept the login of {self.username!r}")
        self._check(response)
        try:
            return str(response.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise RemoteSilent(f"{self.url} did not answer like Airflow (no token)") from None

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, f"{self.url}/{path}", timeout=self.timeout, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise RemoteSilent(f"Airflow at {self.url} does not answer ({type(error).__name__})") from error

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        if status < 300:
            return
        text = f"Airflow at {self.url} answered {status}: {detail(response)}"
        if status == 401 or status == 408 or status == 429 or status >= 500:
            raise RemoteSilent(text, retry_after(response))
        raise RemoteRefused(text)


def read_login(file: str) -> tuple[str, str]:
    """User name and password from a JSON file.  Raises `InputError`, which never shows what stands in the file."""
    if not file:
        raise InputError("GWFOLLOW_AIRFLOW_LOGIN_FILE", file, "a file with Airflow's user name and password")
    expected = 'a JSON file {"username": ..., "password": ...}'
    try:
        login = json.loads(Path(file).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"GWFOLLOW_AIRFLOW_LOGIN_FILE {file}", type(error).__name__, expected) from None
    if not isinstance(login, dict) or not all(isinstance(login.get(key), str) for key in ("username", "password")):
        raise InputError(f"GWFOLLOW_AIRFLOW_LOGIN_FILE {file}", "something else", expected)
    return login["username"], login["password"]


def _part(text: str) -> str:
    return quote(text, safe="")


__all__ = ["AirflowAPI", "read_login"]

"""Where the outbox goes: runs of an event's DAG to Airflow, log entries and labels to GraceDB.

report = deliver(ledger, destinations(settings), who="upkeep")
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gwfollow.airflow_api import AirflowAPI
from gwfollow.errors import GWFollowError, PermanentError, RemoteSilent
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.outbox import Destination, Message, Report, deliver, scrub
from gwfollow.ledger.store import Ledger
from gwfollow.naming import event_dag_id, event_file, file_dag_id, read_revision
from gwfollow.settings import Settings

log = logging.getLogger(__name__)

#: seconds that a run waits for its DAG to be read from the file
PARSE_SECONDS = 15.0
#: seconds between two looks at whether it has been
LOOK_SECONDS = 0.2
#: seconds after which Airflow is asked again: it forgets a question that comes while it reads the very file
ASK_SECONDS = 2.0
#: how far GraceDB's clock may be behind ours, s
CLOCK_SKEW = 300.0


class AirflowRuns:
    """Messages ``run``: {"event", "run_id"}.  The run id makes a second request harmless: Airflow says 409.

    A change of an event changes its DAG, so the run waits until Airflow has read the DAG at the run's revision: one on the old structure
    would not know the analysis that it is meant for.  The DAG's page says which revision it shows; no clocks are compared.
    """

    claim_seconds = 90.0  # may be shorter than the slowest send: a second one is harmless

    def __init__(self, api: AirflowAPI, *, parse_seconds: float = PARSE_SECONDS) -> None:
        self.api, self.parse_seconds = api, parse_seconds

    def send(self, message: Message) -> dict[str, Any]:
        dag_id, run_id = self._names(message)
        self._until_read(dag_id, message)
        conf = {"event": message.payload["event"], "gwfollow": message.key}
        if message.payload.get("everything"):
            conf["everything"] = True
        new = self.api.start_run(dag_id, run_id, conf)
        return {"dag_id": dag_id, "run_id": run_id, "new": new}

    def already(self, message: Message) -> dict[str, Any] | None:
        dag_id, run_id = self._names(message)
        return {"dag_id": dag_id, "run_id": run_id, "new": False} if self.api.has_run(dag_id, run_id) else None

    def _names(self, message: Message) -> tuple[str, str]:
        if message.kind != "run":
            raise PermanentError(f"Airflow takes messages of the kind run, not {message.kind!r}")
        return event_dag_id(message.payload["event"]), message.payload["run_id"]

    def _until_read(self, dag_id: str, message: Message) -> None:
        revision = int(message.payload["run_id"].removeprefix("rev-"))
        begun, next_ask = time.monotonic(), 0.0
        while not self._is_read(dag_id, revision):
            passed = time.monotonic() - begun
            if passed > self.parse_seconds:
                raise RemoteSilent(f"Airflow has not read the DAG {dag_id} at revision {revision} in {self.parse_seconds:g} s")
            if passed >= next_ask:
                if message.event_id is None:
                    raise PermanentError(f"{message.key}: names no event, so that no DAG file can be asked for")
                self.api.ask_parse(file_dag_id(event_file(message.event_id)))
                next_ask = passed + ASK_SECONDS
            time.sleep(LOOK_SECONDS)

    def _is_read(self, dag_id: str, revision: int) -> bool:
        dag = self.api.dag(dag_id)
        found = read_revision(dag["doc_md"] or "") if dag else None
        return found is not None and found >= revision


class GraceDBWriter:
    """Messages ``log``: {"graceid", "comment", "tags", and "file", "sha256", "filename", "label" where there are any}, and
    ``label``: {"graceid", "label"}.
    """

    claim_seconds = 600.0

    def __init__(self, client: GraceDBClient) -> None:
        self.client = client
        self._name: str | None = None

    def send(self, message: Message) -> dict[str, Any]:
        payload = message.payload
        if message.kind == "label":
            self.client.add_label(payload["graceid"], payload["label"])
            return {"label": payload["label"]}
        if message.kind != "log":
            raise PermanentError(f"GraceDB takes messages of the kinds log and label, not {message.kind!r}")
        answer = self.client.write_log(
            payload["graceid"],
            payload["comment"],
            tags=payload.get("tags", ()),
            file=_read(payload),
            label=payload.get("label"),
        )
        return _entry(answer)

    def already(self, message: Message) -> dict[str, Any] | None:
        """A label that is there; a log entry of ours with this comment, these tags and this file, not older than the message."""
        payload = message.payload
        if message.kind == "label":
            return {"label": payload["label"]} if payload["label"] in self.client.labels(payload["graceid"]) else None
        oldest = message.created - timedelta(seconds=CLOCK_SKEW)
        for entry in reversed(self.client.logs(payload["graceid"])):
            if self._same(entry, payload) and _created(entry) >= oldest:
                return _entry(entry)
        return None

    def _same(self, entry: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        if self._name is None:
            self._name = self.client.whoami() or ""
        return (
            entry["comment"] == payload["comment"]
            and set(payload.get("tags", ())) <= set(entry["tag_names"])
            and (entry.get("filename") or "") == _file_name(payload)
            and self._name in ("", entry["issuer"])
        )


def destinations(
    settings: Settings, *, airflow: AirflowAPI | None = None, gracedb: GraceDBClient | None = None
) -> dict[str, Destination]:
    """Every destination that is known: those given (made from Airflow connections), and those of the settings.

    Raises `InputError` where the settings are wrong.
    """
    found: dict[str, Destination] = {}
    if (api := airflow or AirflowAPI.from_settings(settings)) is not None:
        found["airflow"] = AirflowRuns(api)
    if (client := gracedb or GraceDBClient.from_settings(settings)) is not None:
        found["gracedb"] = GraceDBWriter(client)
    return found


def deliver_now(ledger: Ledger, settings: Settings, *, who: str = "delivery", seconds: float = 5.0) -> Report | None:
    """Start the runs that a change just asked for, within some seconds; upkeep does what is left.

    Never raises: the change itself is stored.  None where the settings name no Airflow, or it could not be asked.
    """
    try:
        api = AirflowAPI.from_settings(settings)
        if api is None:
            return None
        api.timeout = (2.0, seconds)
        runs = AirflowRuns(api, parse_seconds=seconds)
        report = deliver(ledger, {"airflow": runs}, who=who, deadline=seconds)
    except GWFollowError as error:
        log.warning("runs are left for upkeep to start: %s", scrub(str(error)))
        return None
    except Exception as error:  # the change is stored: whatever this is, it must not look as if it were not
        log.error("runs are left for upkeep to start: %s: %s", type(error).__name__, scrub(str(error)))
        return None
    for failure in [*report.failed, *report.poisoned]:
        log.warning("%s is left for upkeep: %s", failure.key, failure.reason)
    return report


def _read(payload: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Name and contents of the file to send, the very bytes whose checksum the message holds."""
    if not payload.get("file"):
        return None
    path = Path(payload["file"])
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(contents).hexdigest() != payload["sha256"]:
        raise PermanentError(f"{path}: has changed since its message was stored (SHA-256 differs)")
    return _file_name(payload), contents


def _file_name(payload: Mapping[str, Any]) -> str:
    if not payload.get("file"):
        return ""
    return str(payload.get("filename") or Path(payload["file"]).name)


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("N", "filename", "file_version") if entry.get(key) not in (None, "")}


def _created(entry: Mapping[str, Any]) -> datetime:
    moment = datetime.fromisoformat(str(entry["created"]).removesuffix(" UTC"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


__all__ = ["AirflowRuns", "GraceDBWriter", "deliver_now", "destinations"]

"""Where the outbox goes: runs of an event's DAG to Airflow, log entries and labels to GraceDB, configurations to git, and what is to be
cleaned to the disk.

report = deliver(ledger, destinations(settings, ledger), who="upkeep")
"""

from __future__ import annotations

import logging
import time
from typing import Any

from gwfollow.airflow_api import AirflowAPI
from gwfollow.errors import GWFollowError, PermanentError, RemoteSilent
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.writer import GraceDBWriter
from gwfollow.ledger.outbox import Destination, Message, Report, deliver, scrub
from gwfollow.ledger.store import Ledger
from gwfollow.naming import event_dag_id, event_file, file_dag_id, read_revision
from gwfollow.repository.writer import RepositoryWriter
from gwfollow.settings import Settings

log = logging.getLogger(__name__)

#: seconds that a run waits for its DAG to be read from the file
PARSE_SECONDS = 15.0
#: seconds between two looks at whether it has been
LOOK_SECONDS = 0.2
#: seconds after which Airflow is asked again: it forgets a question that comes while it reads the very file
ASK_SECONDS = 2.0


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


def destinations(
    settings: Settings, ledger: Ledger, *, airflow: AirflowAPI | None = None, gracedb: GraceDBClient | None = None
) -> dict[str, Destination]:
    """Every destination that is known: those given (made from Airflow connections), and those of the settings.

    Raises `InputError` where the settings are wrong.
    """
    from gwfollow.life.disk import DiskCleaner  # schedulers and pipelines with it: `deliver_now` needs none of them

    # an event may name a repository of its own
    found: dict[str, Destination] = {"repository": RepositoryWriter(settings), "disk": DiskCleaner(ledger, settings)}
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


__all__ = ["AirflowRuns", "GraceDBWriter", "deliver_now", "destinations"]

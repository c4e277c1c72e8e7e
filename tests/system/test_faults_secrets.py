"""A token in a connection, used by a run on a real Airflow and a real HTCondor, also for a request that fails: it is nowhere else."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from stage import Stage, until

from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Event, Outbox
from gwfollow.naming import event_dag_id
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.htcondor import PersonalPool

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"
EVENT = "E-secret"

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def gracedb(stage: Stage, tmp_path: Path) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path / "gracedb", faults=True) as running:
        yield running
        stage.api._call("DELETE", "connections/gracedb_default", missing_ok=True)


def files_with(text: str, *folders: Path) -> set[Path]:
    """Every file below the folders that holds the text."""
    wanted = text.encode()
    found = set()
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        try:
            if wanted in path.read_bytes():
                found.add(path)
        except FileNotFoundError:
            continue  # Airflow's own temporary files
    return found


def processes_with(text: str) -> list[str]:
    """Command lines and environments of all processes that hold the text."""
    wanted, found = text.encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if wanted in (process / name).read_bytes():
                    found.append(f"{process / name}: {(process / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
    return found


def classads() -> str:
    asked = [subprocess.run([tool, "-l"], capture_output=True, text=True, check=True) for tool in ("condor_q", "condor_history")]
    return "".join(answer.stdout for answer in asked)


def begin(stage: Stage, graceid: str, analysis: str) -> None:
    text = (
        f"kind: event\nname: {EVENT}\nevent time: 1126259462.4\ninterferometers: [H1]\ngid: {graceid}\n---\n"
        f"kind: analysis\nevent: {EVENT}\npipeline: toy\nname: {analysis}\ntoy: {{go: true}}\n"
    )
    with stage.ledger.change(who="test") as change:
        apply(change, read_text(text, "secret.yaml").blueprints)
    stage.deliver()


def due(stage: Stage) -> float:
    """Unix time from which the message to GraceDB may be sent again."""
    query = select(Outbox.next_try).join(Event, Outbox.event_id == Event.id).where(Event.name == EVENT)
    with stage.ledger.read() as session:
        return session.scalars(query.where(Outbox.destination == "gracedb")).one().timestamp()


def test_a_token_in_a_connection_is_used_and_is_nowhere_else(
    stage: Stage, pool: PersonalPool, gracedb: LocalGraceDB, tmp_path: Path
) -> None:
    token, control = gracedb.token(), f"control-{time.time_ns():x}"
    canaries = [token, *token.split(".")[1:]]
    client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=token)
    graceid = client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"]
    stage.api.store_connection("gracedb_default", "gracedb", host=gracedb.url, password=token, extra={"ca": gracedb.ca})

    # it is used: once for a request that fails, once for one that arrives
    gracedb.fail({"method": "POST", "path": "log", "status": 500})
    begin(stage, graceid, control)
    until(lambda: bool(processes_with(token)) or stage.row(EVENT, control).status == "uploaded", lambda: stage.explain(EVENT))
    assert processes_with(token) == []
    stage.until_task(EVENT, f"{control}.publish", "success")
    until(lambda: gracedb.fired() == 1)
    until(lambda: time.time() > due(stage))
    stage.api.start_run("upkeep", f"deliver-{control}")
    until(lambda: any(control in str(entry["comment"]) for entry in client.logs(graceid)), lambda: stage.explain(EVENT))
    stage.until_task(EVENT, "verdict", "success")

    # the search finds what is there: the analysis' name, in every place where the token must not be
    top, home = stage.airflow.folder.parent, stage.settings.home_folder
    with sqlite3.connect(stage.airflow.folder / "airflow.db") as database:
        query = "SELECT is_encrypted, password FROM connection WHERE conn_id = 'gracedb_default'"
        encrypted, stored = database.execute(query).fetchone()
        assert encrypted
        database.execute("PRAGMA wal_checkpoint")
    where = files_with(control, top, pool.folder)
    for place in (stage.airflow.folder / "logs", home / "events", pool.folder / "spool"):
        assert any(path.is_relative_to(place) for path in where), place
    assert {path.name.partition("-")[0] for path in where} >= {"airflow.db", "ledger.db"}
    assert files_with(stored, stage.airflow.folder), "the connection is stored elsewhere"
    assert control in classads()
    planted = top / "planted.txt"
    planted.write_text(f"Authorization: Bearer {token}")
    assert [files_with(canary, top) for canary in canaries] == [{planted}] * 3
    planted.unlink()

    for canary in canaries:
        assert files_with(canary, top, pool.folder) == set()
        assert canary not in classads()
    runs = stage.api.dag_runs(event_dag_id(EVENT))
    assert runs
    assert processes_with(token) == []

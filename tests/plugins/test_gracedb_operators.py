"""The operators for GraceDB, against the local one: written once, fetched whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from sqlalchemy import select
from tasks import context

from gwfollow.errors import RemoteSilent, TransientError
from gwfollow.gracedb import session
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.schema import Event, Outbox
from gwfollow.life import Site
from gwfollow.sandbox.gracedb import LocalGraceDB
from pe_operators import GraceDBAnnotateOperator, GraceDBFetchFilesOperator, GraceDBLabelOperator

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"
EVENT = "GW150914"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), faults=True) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GraceDBClient:
    """Somebody who looks; the operators have a connection of their own."""
    server.fail()
    extra = {"ca": server.ca}
    connection = {"conn_type": "gracedb", "host": server.url, "password": server.token("airflow"), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GRACEDB_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(session, "READ_PAUSE", 0.0)
    return GraceDBClient(server.url, ca=server.ca, token=server.token("somebody"))


@pytest.fixture
def graceid(site: Site, client: GraceDBClient) -> str:
    event = client.create_event("CBC", "gstlal", EVENT_FILE)
    name = str(client.create_superevent(event["gpstime"], event["graceid"])["superevent_id"])
    with site.ledger.change(who="test") as change:
        change.event(EVENT).graceid = name
    return name


def run(operator: type, run_id: str = "rev-1", **arguments: Any) -> Any:
    with DAG("test"):
        task = operator(task_id="task", event=EVENT, **arguments)
    return task.execute(context(run_id=run_id))


def new(stored: dict[str, bool]) -> list[bool]:
    """Of each message, whether it had not been stored before."""
    return list(stored.values())


def comments(client: GraceDBClient, graceid: str) -> list[tuple[str, list[str], str, str]]:
    return [(log["comment"], log["tag_names"], log["filename"], log["issuer"]) for log in client.logs(graceid)]


def test_an_annotation_is_there_once_for_retries_clears_and_further_runs(
    client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    file = tmp_path / "samples.h5"
    file.write_bytes(b"samples")
    said = {"comment": "PE is done", "tags": ["pe"], "file": str(file)}

    first = run(GraceDBAnnotateOperator, **said)
    again = [run(GraceDBAnnotateOperator, run_id, **said) for run_id in ("rev-1", "rev-2")]

    assert (new(first), [new(one) for one in again]) == ([True], [[False], [False]])
    assert comments(client, graceid) == [("PE is done", ["pe"], "samples.h5", "airflow")]
    assert client.download(graceid, "samples.h5") == b"samples"

    run(GraceDBAnnotateOperator, once="rev-2", **said)
    assert len(comments(client, graceid)) == 2


def test_where_gracedb_is_away_the_task_succeeds_and_upkeep_delivers(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, site: Site
) -> None:
    server.fail({"method": "POST", "status": 500})

    assert new(run(GraceDBAnnotateOperator, comment="later")) == [True]

    assert server.fired() == 1
    assert comments(client, graceid) == []
    with site.ledger.read() as reading:
        assert reading.scalars(select(Outbox.state).where(Outbox.destination == "gracedb")).all() == ["pending"]


def test_labels_come_and_go_and_a_cleared_task_does_not_repeat_what_was_undone_since(client: GraceDBClient, graceid: str) -> None:
    run(GraceDBLabelOperator, add=["PE_READY", "DQV"])
    assert client.labels(graceid) == {"PE_READY", "DQV"}
    client.remove_label(graceid, "PE_READY")
    assert new(run(GraceDBLabelOperator, add=["PE_READY", "DQV"])) == [False, False]
    assert client.labels(graceid) == {"DQV"}

    run(GraceDBLabelOperator, "rev-2", add=["PE_READY"], remove=["DQV"])
    assert client.labels(graceid) == {"PE_READY"}
    run(GraceDBLabelOperator, "rev-3", remove=["PE_READY"])
    assert client.labels(graceid) == set()


def test_files_are_fetched_to_the_events_folder_with_their_checksums_and_again_at_no_cost(
    client: GraceDBClient, graceid: str, site: Site
) -> None:
    client.write_log(graceid, "sky map", file=("bayestar.fits", b"sky"))
    folder = site.settings.data_folder / "current_run" / graceid / "gracedb"

    (first,) = run(GraceDBFetchFilesOperator, patterns=["*.fits*"])
    (again,) = run(GraceDBFetchFilesOperator, patterns=["*.fits*"])

    assert first | {"new": False} == again
    assert (first["path"], first["sha256"]) == (str(folder / "bayestar.fits"), hashlib.sha256(b"sky").hexdigest())
    assert (folder / "bayestar.fits").read_bytes() == b"sky"


def test_a_fetch_that_is_cut_is_a_transient_error_and_its_retry_goes_on(
    server: LocalGraceDB, client: GraceDBClient, graceid: str, tmp_path: Path
) -> None:
    client.write_log(graceid, "sky map", file=("bayestar.fits", b"s" * 200_000))
    server.fail({"path": "files/bayestar", "cut": 1000})
    fetch = {"patterns": ["bayestar.fits"], "folder": str(tmp_path / "files")}

    with pytest.raises(TransientError):
        run(GraceDBFetchFilesOperator, **fetch)
    assert server.fired() == 1
    ((found),) = run(GraceDBFetchFilesOperator, **fetch)
    assert found["size"] == 200_000


def test_a_file_that_is_not_there_fails_at_once(client: GraceDBClient, graceid: str, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"no file 'posterior\.h5'"):
        run(GraceDBFetchFilesOperator, patterns=["posterior.h5"])
    with pytest.raises(AirflowFailException, match="a file that is there"):
        run(GraceDBAnnotateOperator, comment="x", file=str(tmp_path / "nothing"))


def test_a_test_event_is_skipped_and_nothing_leaves_the_house(client: GraceDBClient, graceid: str, site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).category = "Test"
    for operator, arguments in ((GraceDBAnnotateOperator, {"comment": "x"}), (GraceDBLabelOperator, {"add": ["DQV"]})):
        with pytest.raises(AirflowSkipException, match="is a test"):
            run(operator, **arguments)

    assert comments(client, graceid) == []
    assert client.labels(graceid) == set()


def test_an_event_that_gracedb_does_not_have_is_skipped(site: Site) -> None:
    with site.ledger.change(who="test") as change:
        change.session.add(Event(name="local"))
    with pytest.raises(AirflowSkipException, match="not in GraceDB"):
        GraceDBFetchFilesOperator(task_id="task", event="local", patterns=["*"]).execute(context())


def test_without_any_gracedb_it_says_what_to_set(graceid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_GRACEDB_DEFAULT")
    monkeypatch.delenv("GWFOLLOW_GRACEDB_URL", raising=False)
    with pytest.raises(AirflowFailException, match="neither connection gracedb_default nor GWFOLLOW_GRACEDB_URL"):
        run(GraceDBFetchFilesOperator, patterns=["*"])


def test_what_a_person_may_template_is_templated_and_nothing_holds_the_token(graceid: str) -> None:
    assert set(GraceDBAnnotateOperator.template_fields) == {"event", "comment", "tags", "file", "filename", "once"}
    assert GraceDBLabelOperator.template_fields == ("event", "add", "remove")
    assert set(GraceDBFetchFilesOperator.template_fields) == {"event", "patterns", "folder"}
    assert issubclass(RemoteSilent, TransientError), "what Airflow tries again"

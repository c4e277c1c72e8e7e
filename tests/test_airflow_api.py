"""The client of Airflow's API against a real Airflow, and against one that answers badly."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from airflow_server import AirflowServer
from gwfollow.airflow_api import AirflowAPI, read_login
from gwfollow.delivery import AirflowRuns, deliver_now
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.ledger.outbox import Message, deliver
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Ledger
from gwfollow.naming import read_revision
from gwfollow.settings import Settings


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    pytest.importorskip("airflow")
    server = AirflowServer(tmp_path_factory.mktemp("airflow") / "home", {"GW0": (8, 1)})
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def api(airflow: AirflowServer) -> AirflowAPI:
    api = AirflowAPI(airflow.url, "admin", airflow.password)
    until(lambda: api.dag("event.GW0") is not None)
    return api


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.system
def test_a_run_is_started_once_whatever_is_asked_twice(api: AirflowAPI) -> None:
    assert api.start_run("event.GW0", "rev-1", {"event": "GW0"}) is True
    assert api.start_run("event.GW0", "rev-1", {"event": "GW0"}) is False

    assert api.has_run("event.GW0", "rev-1")
    assert not api.has_run("event.GW0", "rev-2")
    runs = api.dag_runs("event.GW0")
    assert [(run["dag_run_id"], run["conf"]) for run in runs] == [("rev-1", {"event": "GW0"})]


@pytest.mark.slow
@pytest.mark.system
def test_all_dags_at_work_are_found_by_one_question(api: AirflowAPI) -> None:
    api.start_run("event.GW0", "rev-at-work")  # nobody schedules here: it stays queued
    assert "event.GW0" in api.dags_at_work()
    path = "dags/event.GW0/dagRuns/rev-at-work"
    for run in api.dag_runs("event.GW0"):
        api._call("PATCH", path.replace("rev-at-work", run["dag_run_id"]), json={"state": "success"})
    assert "event.GW0" not in api.dags_at_work()


@pytest.mark.slow
@pytest.mark.system
def test_a_dag_that_is_not_known_is_silence_until_its_file_has_been_read(airflow: AirflowServer, api: AirflowAPI) -> None:
    airflow.set_events({"GW0": (8, 1), "GW1": (9, 1)})
    with pytest.raises(RemoteSilent, match=r"event\.GW1"):
        api.start_run("event.GW1", "rev-1")
    assert api.dag("event.GW1") is None
    assert api.dag_runs("event.GW1") == []
    with pytest.raises(RemoteSilent, match=r"file of the DAG event\.GW1"):
        api.ask_parse("event.GW1")

    until(lambda: api.dag("events.1") is not None)
    api.ask_parse("events.1")
    api.ask_parse("events.1")  # asked already: no error
    until(lambda: api.dag("event.GW1") is not None)

    assert api.start_run("event.GW1", "rev-1")


@pytest.mark.slow
@pytest.mark.system
def test_a_note_reaches_the_task_and_is_cut_to_what_airflow_keeps(api: AirflowAPI) -> None:
    api.start_run("event.GW0", "rev-note")
    # nothing schedules here: the task instance is made with its run
    api.set_note("event.GW0", "rev-note", "plan", "stuck: " + "x" * 2000)

    task = api._call("GET", "dags/event.GW0/dagRuns/rev-note/taskInstances/plan")
    assert task is not None
    assert task["note"].startswith("stuck: xxx")
    assert len(task["note"]) == 1000


@pytest.mark.slow
@pytest.mark.system
def test_the_event_log_says_who_started_a_run(api: AirflowAPI) -> None:
    api.start_run("event.GW0", "rev-log")

    newest = api.event_log(event="trigger_dag_run", dag_id="event.GW0", limit=1)[0]

    assert (newest["owner"], newest["dag_id"]) == ("admin", "event.GW0")


@pytest.mark.slow
@pytest.mark.system
def test_a_token_that_is_no_longer_taken_is_renewed(api: AirflowAPI) -> None:
    api._token = "eyJhbGciOiJIUzI1NiJ9.e30.expired"

    assert api.dag("event.GW0") is not None


@pytest.mark.slow
@pytest.mark.system
def test_a_wrong_password_is_silence_and_stands_in_no_text(airflow: AirflowServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(RemoteSilent, match="does not accept the login of 'admin'") as caught:
        AirflowAPI(airflow.url, "admin", "canary-pw").dag("event.GW0")

    assert "canary-pw" not in str(caught.value) + caplog.text


@pytest.mark.slow
@pytest.mark.system
def test_a_run_starts_only_after_the_changed_event_has_been_read(airflow: AirflowServer, api: AirflowAPI, tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    ids = {"GW2": 10, "GW3": 18, "GW4": 11}  # GW2 and GW3 share a file
    with ledger.change(who="test") as change:
        for name, event_id in ids.items():
            event = Event(id=event_id, name=name)
            change.session.add(event)
            change.session.flush()
            change.give_work(event)
    airflow.set_events({"GW0": (8, 1)} | {name: (event_id, 1) for name, event_id in ids.items()})
    until(lambda: api.dag("events.3") is not None)
    asked = asked_of(api)

    report = deliver(ledger, {"airflow": AirflowRuns(api)}, who="test")

    assert (report.delivered, report.failed, report.poisoned) == (3, [], [])
    assert all(api.has_run(f"event.{name}", "rev-1") for name in ids)
    assert list(dict.fromkeys(asked)) == ["events.2", "events.3"], "one reading of a file serves both of its events"

    with ledger.change(who="test") as change:
        change.give_work(change.event("GW2"))
    airflow.set_events({"GW0": (8, 1), "GW2": (10, 2)})
    settings = Settings(airflow_url=airflow.url, airflow_login_file=str(airflow.login_file))
    now = deliver_now(ledger, settings, who="test", seconds=20)
    assert now is not None
    assert now.delivered == 1
    assert api.has_run("event.GW2", "rev-2")


def asked_of(api: AirflowAPI) -> list[str]:
    """Grows with every file that is asked for."""
    asked: list[str] = []
    ask_parse = api.ask_parse
    api.ask_parse = lambda dag_id: asked.append(dag_id) or ask_parse(dag_id)  # type: ignore[method-assign,func-returns-value]
    return asked


def run_message(event: str, event_id: int, revision: int) -> Message:
    payload = {"event": event, "run_id": f"rev-{revision}"}
    key = f"run:{event}:rev-{revision}"
    return Message(id=1, event=event, destination="airflow", kind="run", key=key, payload=payload, event_id=event_id)


@pytest.mark.slow
@pytest.mark.system
def test_a_run_does_not_start_on_what_airflow_read_before_the_change(airflow: AirflowServer, api: AirflowAPI) -> None:
    """A reading that began before the change ends after the question for another one, which Airflow forgets."""
    airflow.set_events({"GW0": (8, 1), "GW5": (12, 1)})
    AirflowRuns(api).send(run_message("GW5", 12, 1))
    airflow.write_file(4, seconds=4.0)
    looked = airflow.folder / "events.json.4"
    looked.unlink()
    api.ask_parse("events.4")
    until(looked.exists)
    airflow.set_events({"GW0": (8, 1), "GW5": (12, 2)})
    asked = asked_of(api)

    AirflowRuns(api, parse_seconds=30).send(run_message("GW5", 12, 2))

    assert len(asked) > 1, "the first question was not forgotten: the fault did not happen"
    dag = api.dag("event.GW5")
    assert dag is not None
    assert read_revision(dag["doc_md"]) == 2


@pytest.mark.slow
@pytest.mark.system
def test_an_event_whose_dag_is_never_read_is_silence(airflow: AirflowServer, api: AirflowAPI) -> None:
    until(lambda: api.dag("events.6") is not None)
    with pytest.raises(RemoteSilent, match=r"event\.GW6 at revision 4 in 1 s"):
        AirflowRuns(api, parse_seconds=1).send(run_message("GW6", 14, 4))


@pytest.mark.slow
@pytest.mark.system
def test_events_of_one_file_for_all_move_to_the_present_files(airflow: AirflowServer, api: AirflowAPI) -> None:
    airflow.set_events({"GW0": (8, 1)})
    old = airflow.folder / "dags" / "events.py"
    airflow.set_events({"GW0": (8, 1), "GW7": (15, 1)})
    text = (airflow.folder / "dags" / "events" / "file_7.py").read_text()
    (airflow.folder / "dags" / "events" / "file_7.py").unlink()
    old.write_text(text.replace("file_dag_id(7)", "'events'"))
    until(lambda: api.dag("events.0") is not None)
    api.ask_parse("events.0")  # any question makes Airflow look for new files
    until(lambda: api.dag("event.GW7") is not None)
    before = api.dag("event.GW7")
    assert before is not None
    assert before["relative_fileloc"] == "events.py"
    assert api.start_run("event.GW7", "rev-1")

    old.unlink()
    airflow.write_file(7)
    api.ask_parse("events.0")
    until(lambda: api.dag("events.7") is not None)
    airflow.set_events({"GW0": (8, 1), "GW7": (15, 2)})
    AirflowRuns(api).send(run_message("GW7", 15, 2))

    after = api.dag("event.GW7")
    assert after is not None
    assert after["relative_fileloc"] == "events/file_7.py"
    assert api.dag("events") is None
    assert [run["dag_run_id"] for run in api.dag_runs("event.GW7")] == ["rev-2", "rev-1"]


@pytest.mark.slow
@pytest.mark.system
def test_a_run_whose_reply_was_lost_is_found_by_its_id(api: AirflowAPI) -> None:
    api.start_run("event.GW0", "rev-found")
    payload = {"event": "GW0", "run_id": "rev-found"}
    message = Message(id=1, event="GW0", destination="airflow", kind="run", key="run:GW0:rev-found", payload=payload)

    assert AirflowRuns(api).already(message) == {"dag_id": "event.GW0", "run_id": "rev-found", "new": False}


# ---- an Airflow that answers badly -------------------------------------------------------------------------------------
@pytest.fixture
def bad_airflow() -> Iterator[tuple[str, list[tuple[int, dict[str, str], str]]]]:
    """Its address, and the answers that it gives after the login, in order."""
    answers: list[tuple[int, dict[str, str], str]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            login = (201, {}, json.dumps({"access_token": "canary-token"}))
            status, headers, body = login if self.path == "/auth/token" else answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_that_mean_later_are_silence_with_the_time_that_was_asked_for(
    bad_airflow: tuple[str, list[tuple[int, dict[str, str], str]]],
) -> None:
    url, answers = bad_airflow
    api = AirflowAPI(url, "admin", "secret")
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    answers += [(503, {"Retry-After": "30"}, "{}"), (503, {"Retry-After": date}, "{}")]
    answers += [(429, {}, "{}"), (200, {}, "<html>a proxy</html>")]

    with pytest.raises(RemoteSilent) as caught:
        api.dag("event.GW0")
    assert caught.value.retry_after == 30
    with pytest.raises(RemoteSilent) as caught:
        api.dag("event.GW0")
    assert caught.value.retry_after == pytest.approx(3600, abs=60)
    with pytest.raises(RemoteSilent, match="429"):
        api.dag("event.GW0")
    with pytest.raises(RemoteSilent, match="no JSON"):
        api.dag("event.GW0")


def test_a_request_at_which_airflow_failed_is_sent_again_and_then_left_for_later(
    bad_airflow: tuple[str, list[tuple[int, dict[str, str], str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gwfollow.airflow_api.REPEATS", (0.0, 0.0))
    url, answers = bad_airflow
    api = AirflowAPI(url, "admin", "secret")
    locked = (500, {}, '{"detail": "database is locked"}')

    answers += [locked, locked, (200, {}, '{"dag_run_id": "rev-1"}')]
    assert api.start_run("event.GW0", "rev-1") is True
    assert answers == []

    answers += [locked] * 4
    with pytest.raises(RemoteSilent, match="500: database is locked"):
        api.start_run("event.GW0", "rev-2")
    assert len(answers) == 1


def test_an_answer_that_means_no_is_a_refusal_and_shows_no_token(
    bad_airflow: tuple[str, list[tuple[int, dict[str, str], str]]],
) -> None:
    url, answers = bad_airflow
    answers.append((403, {}, '{"detail": "Forbidden"}'))

    with pytest.raises(RemoteRefused, match="403: Forbidden") as caught:
        AirflowAPI(url, "admin", "secret").start_run("event.GW0", "rev-1")
    assert "canary" not in str(caught.value)


def test_a_file_that_airflow_cannot_read_just_now_is_silence(
    bad_airflow: tuple[str, list[tuple[int, dict[str, str], str]]],
) -> None:
    url, answers = bad_airflow
    answers.append((400, {}, '{"detail": "Dag with dag_id: \'event.GW0\' has import errors and cannot be triggered"}'))

    with pytest.raises(RemoteSilent, match="import errors"):
        AirflowAPI(url, "admin", "secret").start_run("event.GW0", "rev-1")


def test_nobody_at_the_address_is_silence() -> None:
    with pytest.raises(RemoteSilent, match="does not answer"):
        AirflowAPI("http://127.0.0.1:9", "admin", "secret").dag("event.GW0")


def test_the_login_file_is_read_and_its_contents_are_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "login.json"
    file.write_text('{"username": "admin", "password": "canary"}')
    assert read_login(str(file)) == ("admin", "canary")

    for text in ('["canary"]', '{"username": "canary"}', "canary {"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"login\.json") as caught:
            read_login(str(file))
        assert "canary" not in str(caught.value)
    with pytest.raises(InputError, match="FileNotFoundError"):
        read_login(str(tmp_path / "nothing"))


def test_the_settings_name_the_service(tmp_path: Path) -> None:
    assert AirflowAPI.from_settings(Settings()) is None
    file = tmp_path / "login.json"
    file.write_text('{"username": "admin", "password": "canary"}')
    api = AirflowAPI.from_settings(Settings(airflow_url="http://localhost:8080/", airflow_login_file=str(file)))
    assert repr(api) == "AirflowAPI('http://localhost:8080', 'admin')"
    with pytest.raises(InputError, match="http"):
        AirflowAPI("localhost:8080", "admin", "secret")

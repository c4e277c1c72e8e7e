"""Transactions of the ledger: whole or not at all, no update lost, on SQLite and PostgreSQL."""

from __future__ import annotations

import multiprocessing
import random
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from gwfollow.errors import IllegalTransition, InputError, LedgerBusy, NotFound, StaleVersion
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import Analysis, Event, Journal, Outbox
from gwfollow.ledger.store import Change, Ledger
from gwfollow.settings import Settings

WRITERS = 32
INCREMENTS = 4


def write(url: str, who: str, output: Path) -> None:
    """Adds 1 to a number in the ledger, INCREMENTS times; after each it says so, having said before that it would try."""
    ledger = Ledger.open(url)

    def add(change: Change) -> None:
        event = change.event("GW150914")
        event.document = {"count": event.document["count"] + 1}
        change.journal("counted", event="GW150914")

    with output.open("w") as said:
        for _ in range(INCREMENTS):
            print("try", file=said, flush=True)
            ledger.run(add, who=who, tries=1000)
            print("done", file=said, flush=True)


def add_event(ledger: Ledger, name: str = "GW150914", status: str = "ready") -> None:
    with ledger.change(who="test") as change:
        event = Event(name=name, gps=1126259462.4, document={"count": 0})
        event.analyses.append(Analysis(name="bilby", pipeline="bilby", status=status, document={}))
        change.session.add(event)


def journal(ledger: Ledger) -> list[str]:
    with ledger.read() as session:
        return list(session.scalars(select(Journal.what).order_by(Journal.id)))


def test_a_change_is_stored_with_its_journal_entry(ledger: Ledger) -> None:
    add_event(ledger)
    with ledger.change(who="alice@ldas", why="new calibration") as change:
        change.set_status(change.analysis("GW150914", "bilby"), "wait")
    with ledger.read() as session:
        entry = session.scalars(select(Journal)).one()
        assert (entry.who, entry.why, entry.what) == ("alice@ldas", "new calibration", "ready -> wait")
        assert entry.time.tzinfo is not None


def test_the_journal_alone_is_stored_too_and_a_change_reads_its_own_entries(ledger: Ledger) -> None:
    with ledger.change(who="alice") as change:
        change.journal("first")
        change.journal("second", event="GW150914")
        seen = list(change.session.scalars(select(Journal.what).order_by(Journal.id)))
        change.journal("third")
    assert seen == ["first", "second"]
    assert journal(ledger) == ["first", "second", "third"]


def test_a_writer_takes_the_lock_of_sqlite_at_once_and_a_reader_never(sqlite_url: str) -> None:
    ledger = Ledger.open(sqlite_url)
    other = sqlite3.connect(str(ledger.engine.url.database), timeout=0, isolation_level=None)
    with ledger.read() as session:
        session.scalars(select(Event)).all()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with ledger.change(who="test") as change:
        change.session.scalars(select(Event)).all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.close()
    ledger.close()


def test_a_change_that_fails_leaves_nothing_behind(ledger: Ledger) -> None:
    add_event(ledger)

    def breaks(change: Change) -> None:
        change.set_status(change.analysis("GW150914", "bilby"), "wait")
        change.give_work(change.event("GW150914"))
        change.session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.run(breaks, who="test")
    with ledger.read() as session:
        assert session.scalars(select(Analysis.status)).one() == "ready"
        assert session.scalars(select(Outbox)).all() == []
    assert journal(ledger) == []


def test_what_is_done_in_a_read_is_not_stored(ledger: Ledger) -> None:
    add_event(ledger)
    with ledger.read() as session:
        session.scalars(select(Event)).one().gps = 1.0
        session.flush()
    with ledger.read() as session:
        assert session.scalars(select(Event.gps)).one() == 1126259462.4


def test_an_illegal_transition_names_both_statuses_and_what_is_allowed(ledger: Ledger) -> None:
    add_event(ledger)
    with (
        pytest.raises(IllegalTransition, match=r"'ready' may not become 'uploaded' .*running"),
        ledger.change(who="test") as change,
    ):
        change.set_status(change.analysis("GW150914", "bilby"), "uploaded")
    assert journal(ledger) == []


def test_the_same_status_again_writes_nothing(ledger: Ledger) -> None:
    add_event(ledger)
    with ledger.change(who="test") as change:
        change.set_status(change.analysis("GW150914", "bilby"), "ready")
    assert journal(ledger) == []


def test_a_stale_writer_is_told_and_changes_nothing(ledger: Ledger, ledger_url: str) -> None:
    add_event(ledger)
    with ledger.read() as session:  # read before ...
        stale = session.scalars(select(Analysis)).one()
        assert stale.event.name == "GW150914"
        session.expunge_all()
    with ledger.change(who="bob") as change:  # ... somebody else writes ...
        change.set_status(change.analysis("GW150914", "bilby"), "stop")

    def write_back(change: Change) -> None:  # ... and what was read is written back after
        change.session.add(stale)
        stale.status = "wait"

    with pytest.raises(StaleVersion):
        ledger.run(write_back, who="alice", tries=1)
    with ledger.read() as session:
        assert session.scalars(select(Analysis.status)).one() == "stop"


def test_run_tries_again_when_another_writer_was_first(ledger: Ledger) -> None:
    calls = []

    def second_time_lucky(change: object) -> int:
        calls.append(change)
        if len(calls) == 1:
            raise StaleVersion("another was first")
        return len(calls)

    assert ledger.run(second_time_lucky, who="test") == 2


def test_work_is_given_as_the_next_revision_with_one_message(ledger: Ledger) -> None:
    add_event(ledger)
    with ledger.change(who="test") as change:
        assert [change.give_work(change.event("GW150914")) for _ in range(2)] == [1, 2]
    with ledger.read() as session:
        assert [row.key for row in session.scalars(select(Outbox).order_by(Outbox.id))] == [
            "run:GW150914:rev-1",
            "run:GW150914:rev-2",
        ]
        assert session.scalars(select(Event.revision)).one() == 2


def test_a_message_with_a_known_key_is_stored_once(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        sent = [change.send("gracedb", "log", {"text": "hello"}, key="log:1") for _ in range(2)]
    assert sent == [True, False]


@pytest.mark.parametrize(
    ("event", "analysis", "message"),
    [
        ("GW150915", "bilby", "no event 'GW150915' in the ledger; did you mean 'GW150914'"),
        ("GW150914", "bilbi", "did you mean 'bilby'"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(ledger: Ledger, event: str, analysis: str, message: str) -> None:
    add_event(ledger)
    with pytest.raises(NotFound, match=message), ledger.change(who="test") as change:
        change.analysis(event, analysis)


def test_opening_where_there_is_no_ledger_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'gwfollow init' makes one"):
        Ledger.open(f"sqlite:///{tmp_path}/none.db")


def test_a_url_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError) as error:
        Ledger.open("hunter2")
    assert "hunter2" not in str(error.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("x" * 5000)
    with pytest.raises(InputError, match="is not a database"):
        Ledger.open(f"sqlite:///{tmp_path}/text.db")


def test_the_password_comes_from_a_file_and_stands_in_no_message(postgres_url: str, postgres: object, tmp_path: Path) -> None:
    password = postgres.password  # type: ignore[attr-defined]
    secret = tmp_path / "secret"
    secret.write_text(password + "\n")
    without = postgres_url.replace(f":{password}", "")
    assert without != postgres_url
    ledger = open_ledger(Settings(ledger=without, ledger_password_file=str(secret)))
    assert password not in repr(ledger.engine)
    ledger.close()
    with pytest.raises(LedgerBusy) as error:
        Ledger.open(without, password="wrong-" + password)
    assert password not in str(error.value)


def test_a_password_file_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"GWFOLLOW_LEDGER_PASSWORD_FILE \(No such file"):
        open_ledger(Settings(ledger_password_file="/nonexistent/password"))


@pytest.mark.slow
def test_no_update_is_lost_when_writers_are_killed(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    """32 processes count in the ledger; half of them are killed with -9 at random moments."""
    add_event(ledger)
    outputs = [tmp_path / f"writer-{number}" for number in range(WRITERS)]
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["gwfollow.ledger.store"])  # 32 times the imports would take longer than all the writing
    writers = [processes.Process(target=write, args=(ledger_url, f"writer-{n}", output)) for n, output in enumerate(outputs)]
    for output, writer in zip(outputs, writers, strict=True):
        output.touch()
        writer.start()
    versions = _kill_some(ledger, writers, outputs)
    assert versions == sorted(versions)

    killed = sum(writer.exitcode == -signal.SIGKILL for writer in writers)
    lines = [output.read_text().split() for output in outputs]
    done = sum(said.count("done") for said in lines)
    open_ends = sum(said.count("try") - said.count("done") for said in lines)  # killed between the commit and the word
    assert killed >= 5
    assert [writer.exitcode for writer in writers if writer.exitcode not in (0, -signal.SIGKILL)] == []
    reopened = Ledger.open(ledger_url)
    with reopened.read() as session:
        event = session.scalars(select(Event)).one()
        count = event.document["count"]
        assert done <= count <= done + open_ends
        assert event.version == count + 1
        assert len(session.scalars(select(Journal.id).where(Journal.what == "counted")).all()) == count
        if ledger_url.startswith("sqlite"):
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    reopened.close()


def _kill_some(ledger: Ledger, writers: Sequence[BaseProcess], outputs: list[Path]) -> list[int]:
    """Kill every second writer once it has begun to write; returns the versions seen meanwhile."""
    rng = random.Random(150914)
    victims = {number: rng.randint(1, INCREMENTS - 1) for number in range(0, WRITERS, 2)}
    versions = []
    while any(writer.is_alive() for writer in writers):
        for number, after in list(victims.items()):
            if outputs[number].read_text().count("try") >= after:
                del victims[number]
                time.sleep(rng.uniform(0, 0.01))
                writers[number].kill()
        with ledger.read() as session:
            versions.append(session.execute(select(Event.version)).scalar_one())
        time.sleep(0.02)
    return versions


@pytest.mark.slow
def test_a_full_disk_leaves_the_ledger_as_it_was(sqlite_url: str) -> None:
    """The kernel refuses every write past 1 MB of any file, as a full disk does."""
    ledger = Ledger.open(sqlite_url)
    add_event(ledger)
    ledger.close()
    child = multiprocessing.get_context("spawn").Process(target=_write_until_full, args=(sqlite_url,))
    child.start()
    child.join()
    assert child.exitcode == 75
    with Ledger.open(sqlite_url).read() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        assert session.scalars(select(Event.document)).one() == {"count": 0}
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:  # and it takes changes again
        change.set_status(change.analysis("GW150914", "bilby"), "wait")
    ledger.close()


def _write_until_full(url: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then write() fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    try:
        with Ledger.open(url).change(who="test") as change:
            change.event("GW150914").document = {"count": 1, "ballast": "x" * 4 * 2**20}
    except LedgerBusy:
        sys.exit(75)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("nonsense", None),
        ("sqlite:////tmp/gwfollow-nothing.db", "hunter2"),
        ("mysql://host/db", "hunter2"),
        ("oracle+zz://h/db", None),
    ],
)
def test_a_url_that_names_no_ledger_is_refused_without_its_password(url: str, password: str | None) -> None:
    with pytest.raises(InputError) as refused:
        Ledger.open(url, password=password, create=True)
    assert "hunter2" not in str(refused.value)


def test_a_value_that_is_missing_is_a_fault_and_not_another_writers_haste(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError), ledger.change(who="test") as change:
        change.session.add(Event(name=None))


def test_the_same_name_twice_is_another_writers_haste(ledger: Ledger) -> None:
    for again in (False, True):
        with pytest.raises(StaleVersion) if again else nullcontext(), ledger.change(who="test") as change:
            change.session.add(Event(name="GW150914"))

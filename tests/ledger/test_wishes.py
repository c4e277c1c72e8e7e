"""What a blueprint that is applied again asks for: a status that it did not say before, verdicts once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.reviews import current_verdict
from gwfollow.ledger.schema import Outbox, Review
from gwfollow.ledger.store import Ledger, find_analysis

EVENT = "kind: event\nname: E\nevent time: 1126259462.4\ninterferometers: [H1]\n---\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    yield made
    made.close()


def put(ledger: Ledger, keys: str, *, update: bool = True) -> Report:
    text = f"{EVENT}kind: analysis\nname: a\npipeline: bilby\n{keys}\n"
    with ledger.change(who="alice") as change:
        return apply(change, read_text(text, "blueprint a.yaml").blueprints, update=update)


def status(ledger: Ledger) -> str:
    with ledger.read() as session:
        return find_analysis(session, "E", "a").status


def move(ledger: Ledger, to: str) -> None:
    with ledger.change(who="test") as change:
        change.analysis("E", "a").status = to


def test_a_document_that_says_another_status_asks_for_it(ledger: Ledger) -> None:
    put(ledger, "status: ready")
    report = put(ledger, "status: wait")
    assert status(ledger) == "wait"
    assert report.entries[-1].keys == ("ready -> wait",)
    report = put(ledger, "status: ready")
    assert (status(ledger), report.work) == ("ready", ["E"])


def test_a_document_that_says_nothing_new_lets_the_analysis_be(ledger: Ledger) -> None:
    put(ledger, "status: wait")
    for moved in ("ready", "running", "stuck", "stopped", "uploaded"):
        move(ledger, moved)
        put(ledger, "status: wait")
        assert status(ledger) == moved


@pytest.mark.parametrize("there", ["running", "finished", "processing", "uploaded", "finalised", "restart"])
def test_who_was_asked_to_be_ready_and_has_begun_obeys(ledger: Ledger, there: str) -> None:
    put(ledger, "status: wait")
    move(ledger, there)
    put(ledger, "status: ready")
    assert status(ledger) == there


def test_restart_is_asked_for_once(ledger: Ledger) -> None:
    put(ledger, "")
    move(ledger, "uploaded")
    put(ledger, "status: restart")
    assert status(ledger) == "restart"
    move(ledger, "uploaded")  # it has run meanwhile
    put(ledger, "status: restart")
    assert status(ledger) == "uploaded"
    put(ledger, "status: finalised")
    assert status(ledger) == "finalised"


def test_running_sends_a_stuck_one_on_where_there_is_a_job(ledger: Ledger) -> None:
    put(ledger, "")
    move(ledger, "stuck")
    with pytest.raises(InputError, match=r"a\.yaml.*no job of it is there to be resurrected"):
        put(ledger, "status: running")


def test_an_illegal_wish_names_both_statuses_and_the_place_and_changes_nothing(ledger: Ledger) -> None:
    put(ledger, "comment: one")
    move(ledger, "running")
    with pytest.raises(InputError, match=r"a\.yaml, document 2.*status 'running' may not become 'cancelled'"):
        put(ledger, "comment: two\nstatus: cancelled")
    with ledger.read() as session:
        assert find_analysis(session, "E", "a").comment == "one"


def test_without_update_a_status_asks_for_nothing(ledger: Ledger) -> None:
    put(ledger, "status: ready")
    put(ledger, "status: wait", update=False)
    assert status(ledger) == "ready"


def test_verdicts_are_recorded_once_with_their_time_and_person(ledger: Ledger) -> None:
    said = "review:\n- {status: APPROVED, message: fine, person: carol, timestamp: 2024-05-01 12:00:00}"
    put(ledger, f"status: uploaded\n{said}")
    put(ledger, f"status: uploaded\n{said}")
    with ledger.read() as session:
        row = session.scalars(select(Review)).one()
        assert (row.verdict, row.person, row.message, row.time.year) == ("approved", "carol", "fine", 2024)
        verdict = current_verdict(session, find_analysis(session, "E", "a"))
        assert verdict is not None
        assert verdict.id == row.id


def test_a_verdict_about_nothing_is_left_aside_with_a_warning(ledger: Ledger) -> None:
    report = put(ledger, "review: {status: approved}")
    assert "not recorded: it is 'ready' and has no results" in report.warnings[-1]
    with ledger.read() as session:
        assert session.scalars(select(Review)).all() == []
        assert len(session.scalars(select(Outbox)).all()) == 1

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
from gwfollow.ledger.schema import Attempt, Outbox, Review
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


# ---- clean -------------------------------------------------------------------------------------------------------------


def attempts(ledger: Ledger, *numbers: int) -> None:
    with ledger.change(who="test") as change:
        row = change.analysis("E", "a")
        row.attempt = numbers[-1]
        change.session.add_all(Attempt(analysis_id=row.id, number=number, folder="/nowhere") for number in numbers)


def asked_to_clean(ledger: Ledger) -> list[list[int]]:
    with ledger.read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.destination == "disk").order_by(Outbox.id)).all()
        assert all(row.kind == "clean" and row.payload["who"] == "alice" for row in rows)
        return [row.payload["attempts"] for row in rows]


def test_clean_is_asked_for_once_and_again_when_the_document_says_something_else(ledger: Ledger) -> None:
    put(ledger, "")
    attempts(ledger, 1, 2, 3)
    for said in ("old", "old", "Present", "present", "2", "old"):
        put(ledger, f"clean: {said}")
    assert asked_to_clean(ledger) == [[1, 2], [3], [2], [1, 2]]
    attempts(ledger, 4)
    report = put(ledger, "clean: old")
    assert (asked_to_clean(ledger)[4:], report.entries[-1].verdict) == ([], "unchanged")


def test_a_file_that_says_it_twice_asks_once(ledger: Ledger) -> None:
    put(ledger, "")
    attempts(ledger, 1)
    put(ledger, "clean: present\n---\nkind: analysis\nname: a\npipeline: bilby\nclean: present")
    assert asked_to_clean(ledger) == [[1]]


@pytest.mark.parametrize("update", [True, False])
def test_clean_of_what_has_no_attempts_is_told_as_senseless_and_asked_for_later(ledger: Ledger, update: bool) -> None:
    report = put(ledger, "clean: old", update=update)
    assert "a.yaml, document 2 (analysis a), clean: nothing is asked for: it has not been built" in report.warnings[0]
    attempts(ledger, 1)
    assert "it has no attempt but the present one" in put(ledger, "clean: old").warnings[0]
    assert asked_to_clean(ledger) == []
    attempts(ledger, 2)
    put(ledger, "clean: old")
    assert asked_to_clean(ledger) == [[1]]


def test_clean_without_update_says_that_it_asks_for_nothing(ledger: Ledger) -> None:
    put(ledger, "")
    attempts(ledger, 1)
    assert put(ledger, "clean: 1", update=False).warnings[0].endswith("clean: asks for nothing without --update")
    assert asked_to_clean(ledger) == []


def test_an_attempt_that_is_none_is_refused_and_nothing_is_changed(ledger: Ledger) -> None:
    put(ledger, "comment: one")
    attempts(ledger, 1, 2)
    with pytest.raises(InputError, match=r"a\.yaml, document 2.*clean: found 3, expected an attempt that it has \(1, 2\)"):
        put(ledger, "comment: two\nclean: 3")
    with ledger.read() as session:
        assert find_analysis(session, "E", "a").comment == "one"


@pytest.mark.parametrize("said", ["everything", "0", "-1", "true", "1.5", "[1, 2]", "'2'"])
def test_another_word_is_refused_at_the_door(said: str) -> None:
    with pytest.raises(InputError, match=r"clean: found .*, expected present, old, or the number of an attempt"):
        read_text(f"kind: analysis\nname: a\nevent: E\npipeline: bilby\nclean: {said}", "a.yaml")


def test_what_is_to_be_cleaned_is_no_part_of_the_analysis(ledger: Ledger) -> None:
    put(ledger, "")
    attempts(ledger, 1)
    put(ledger, "clean: present")
    with ledger.read() as session:
        assert "clean" not in find_analysis(session, "E", "a").document


def test_the_folders_of_a_test_event_are_cleaned_too(ledger: Ledger) -> None:
    put(ledger, "")
    attempts(ledger, 1)
    with ledger.change(who="test") as change:
        change.event("E").category = "Test"
    put(ledger, "clean: present")
    assert asked_to_clean(ledger) == [[1]]

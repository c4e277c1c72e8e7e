"""Verdicts: who may give which, which one counts, and what it sets going."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.reviews import check_verdict, current_verdict, current_verdicts, record, withheld
from gwfollow.ledger.schema import Analysis, Attempt, Event, Journal, Outbox, Review, now
from gwfollow.ledger.store import Ledger

HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Event E with the analyses a and b, both finished at attempt 1, and c that has not begun."""
    made = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with made.change(who="test") as change:
        event = Event(name="E", document={})
        for name, status in (("a", "finished"), ("b", "uploaded"), ("c", "ready")):
            row = Analysis(event=event, name=name, pipeline="toy", status=status, attempt=int(name != "c"))
            if row.attempt:
                row.attempts.append(Attempt(number=1, folder="/", created=now() - HOUR))
        change.session.add(event)
    yield made
    made.close()


def give(ledger: Ledger, name: str, verdict: str, *, who: str = "alice", **more: object) -> bool:
    return ledger.run(lambda change: record(change, change.analysis("E", name), verdict, **more), who=who)  # type: ignore[arg-type]


def counts(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as session:
        event = session.scalars(select(Event)).one()
        found = current_verdicts(session, event)
        return {row.name: found[row.id].verdict for row in event.analyses if row.id in found}


def runs(ledger: Ledger) -> list[dict[str, object]]:
    with ledger.read() as session:
        return list(session.scalars(select(Outbox.payload).order_by(Outbox.id)))


def test_a_verdict_has_person_time_and_message_and_stands_in_the_journal(ledger: Ledger) -> None:
    assert give(ledger, "a", "approve", message="chains have\n converged")
    with ledger.read() as session:
        row = session.scalars(select(Review)).one()
        entry = session.scalars(select(Journal).where(Journal.what == "review: approved")).one()
    assert (row.verdict, row.person, row.message) == ("approved", "alice", "chains have converged")
    assert abs((now() - row.time).total_seconds()) < 60
    assert (entry.who, entry.analysis, entry.details["attempt"]) == ("alice", "a", 1)


def test_the_newest_verdict_counts_and_the_same_again_is_nothing(ledger: Ledger) -> None:
    assert give(ledger, "a", "approve")
    assert not give(ledger, "a", "APPROVED")
    assert give(ledger, "a", "reject", message="no")
    assert give(ledger, "a", "reject", message="no", who="bob"), "another person says so too"
    assert counts(ledger) == {"a": "rejected"}


@pytest.mark.parametrize("status", ["ready", "running", "stuck", "restart", "cancelled", "stopped"])
def test_without_results_there_is_nothing_to_review(ledger: Ledger, status: str) -> None:
    with ledger.change(who="test") as change:
        change.analysis("E", "c").status = status
    with pytest.raises(InputError, match=f"E/c: has no results to review: it is '{status}'"):
        give(ledger, "c", "approve")


def test_a_verdict_is_about_its_attempt_alone(ledger: Ledger) -> None:
    give(ledger, "a", "approve")
    with ledger.change(who="test") as change:
        row = change.analysis("E", "a")
        row.attempt = 2
        change.session.add(Attempt(analysis_id=row.id, number=2, folder="/"))
    assert counts(ledger) == {}
    with pytest.raises(InputError, match="this verdict is about attempt 1, and attempt 2 is the present one"):
        give(ledger, "a", "approve", attempt=1)
    assert give(ledger, "a", "reject", attempt=2)
    assert counts(ledger) == {"a": "rejected"}


def test_an_event_has_one_preferred_analysis(ledger: Ledger) -> None:
    give(ledger, "a", "prefer")
    give(ledger, "b", "prefer", who="bob")
    assert counts(ledger) == {"a": "approved", "b": "preferred"}
    with ledger.read() as session:
        entries = session.scalars(select(Journal).where(Journal.analysis == "a").order_by(Journal.id.desc())).all()
    assert (entries[0].who, entries[0].details["message"]) == ("bob", "b is preferred now")


def test_results_without_an_attempt_of_ours_keep_their_verdicts(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        row = change.analysis("E", "c")
        row.status = "uploaded"
    old = datetime(2021, 5, 1, tzinfo=UTC)
    assert give(ledger, "c", "APPROVED", person="carol", time=old)
    assert not give(ledger, "c", "APPROVED", person="carol", time=old), "a blueprint that is applied again"
    assert counts(ledger) == {"c": "approved"}
    assert not give(ledger, "a", "approve", time=old) or counts(ledger) == {"c": "approved"}, "older than the results it is about"


@pytest.mark.parametrize(
    ("verdict", "first", "reason"),
    [
        (None, True, "waits for a person's approval"),
        (None, False, None),
        ("approve", True, None),
        ("prefer", True, None),
        ("deprecate", True, "waits for a person's approval (was deprecated by alice)"),
        ("deprecate", False, None),
        ("reject", True, "was rejected by alice: why"),
        ("reject", False, "was rejected by alice: why"),
    ],
)
def test_what_may_be_published(ledger: Ledger, verdict: str | None, first: bool, reason: str | None) -> None:
    with ledger.change(who="test") as change:
        change.analysis("E", "a").review_first = first
    if verdict:
        give(ledger, "a", verdict, message="why")
    with ledger.read() as session:
        row = session.scalars(select(Analysis).where(Analysis.name == "a")).one()
        assert withheld(session, row) == reason
        assert (current_verdict(session, row) is None) == (verdict is None)


def test_an_approval_asks_for_the_run_that_publishes(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        change.analysis("E", "a").review_first = True
    give(ledger, "a", "reject")
    assert runs(ledger) == []
    give(ledger, "a", "approve")
    assert runs(ledger) == [{"event": "E", "run_id": "rev-1", "everything": True}]


@pytest.mark.parametrize("word", ["maybe", "", None, "ready"])
def test_another_word_is_no_verdict(word: object) -> None:
    with pytest.raises(InputError, match="expected one of approved, rejected, deprecated, preferred"):
        check_verdict(word, "VERDICT")

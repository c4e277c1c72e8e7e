"""What the pages ask the ledger, on both databases."""

from __future__ import annotations

import pytest

from gwfollow.ledger.schema import Analysis, Event, Inbox
from gwfollow.ledger.store import Ledger
from gwfollow.provider.web import queries


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    with ledger.change(who="test") as change:
        for number in range(3):
            analyses = [Analysis(name=f"a{n}", pipeline="p", status=("running", "stuck")[n % 2]) for n in range(number)]
            change.session.add(Event(name=f"S23010{number}a", alert={"labels": ["DQOK"]}, analyses=analyses))
            change.session.add(
                Inbox(
                    source="gcn", key=f"k{number}", event=f"S23010{number}a", kind="initial", payload={"n": number}, state="done"
                )
            )
        change.session.add(Event(name="gone", active=False))
        change.session.add(Inbox(source="igwn-alert", key="refused", payload={}, state="refused", verdict="not JSON"))
    return ledger


def test_the_board_counts_analyses_by_status(filled: Ledger) -> None:
    with filled.read() as session:
        found = queries.board_page(session, set, find="")
    assert [(row.name, row.statuses) for row in found.rows] == [
        ("S230102a", {"running": 1, "stuck": 1}),
        ("S230101a", {"running": 1}),
        ("S230100a", {}),
    ]
    assert found.rows[0].labels == ("DQOK",)


@pytest.mark.parametrize(("find", "total"), [("0102", 1), ("S2301", 3), ("_", 0), ("gone", 0)])
def test_the_board_finds_parts_of_names(filled: Ledger, find: str, total: int) -> None:
    with filled.read() as session:
        assert queries.board_page(session, set, find=find).total == total


@pytest.mark.parametrize(
    ("filters", "ids"), [({}, [4, 3, 2, 1]), ({"event": "S2301"}, [3, 2, 1]), ({"event": "S230101a"}, [2]), ({"event": "S%"}, [])]
)
def test_the_inbox_is_newest_first_and_finds_beginnings_of_ids(filled: Ledger, filters: dict[str, str], ids: list[int]) -> None:
    with filled.read() as session:
        found = queries.inbox_page(session, **filters)
    assert [row.id for row in found.rows] == ids
    assert found.counts == {"done": 3, "refused": 1}


def test_the_history_of_an_event_has_the_messages(filled: Ledger) -> None:
    with filled.read() as session:
        (row,) = queries.history(session, ["S230101a", "G1"])
    assert (row.kind, row.payload, row.decision) == ("initial", {"n": 1}, [])

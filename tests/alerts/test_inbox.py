"""The inbox takes everything, whole and once."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.alerts import inbox
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.inbox import LARGEST, Message, content_key, store, store_all
from gwfollow.ledger.schema import Inbox
from gwfollow.ledger.store import Ledger


def superevent(name: str = "S261121a", **more: Any) -> bytes:
    return json.dumps({"superevent_id": name, "category": "Production", "t_0": 1e9, "labels": [], **more}).encode()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "data")


def rows(ledger: Ledger) -> list[Inbox]:
    with ledger.read() as session:
        return list(session.scalars(select(Inbox).order_by(Inbox.id)))


def test_a_message_is_kept_byte_for_byte_and_described(ledger: Ledger, folders: Folders) -> None:
    raw = b"  " + superevent()
    published = datetime(2026, 11, 21, tzinfo=UTC)
    found = store(ledger, folders, raw, source="file", topic="x.json", published=published)
    assert (found.new, found.state, found.event) == (True, "new", "S261121a")
    (row,) = rows(ledger)
    assert row.archive is not None
    assert Path(row.archive).read_bytes() == raw
    assert (row.source, row.topic, row.size, row.issued) == ("file", "x.json", len(raw), published)


def test_the_same_message_is_one_row_however_often_and_however_laid_out(ledger: Ledger, folders: Folders) -> None:
    document = json.loads(superevent())
    forms = [json.dumps(document, indent=indent).encode() for indent in (None, 1, 2)]
    found = [store(ledger, folders, raw, source="file") for raw in forms]
    found += store_all(ledger, folders, [Message(raw) for raw in forms * 30], source="file")
    assert [one.new for one in found] == [True] + [False] * 92
    assert len(rows(ledger)) == 1


def test_a_batch_is_stored_in_order_with_new_known_and_doubled_messages_told_apart(ledger: Ledger, folders: Folders) -> None:
    store(ledger, folders, superevent("S261121b"), source="file")
    names = ["S261121c", "S261121b", "S261121a", "S261121c"]
    found = store_all(ledger, folders, [Message(superevent(name)) for name in names], source="file")
    assert [(one.event, one.new) for one in found] == [
        ("S261121c", True),
        ("S261121b", False),
        ("S261121a", True),
        ("S261121c", False),
    ]
    assert [row.event for row in rows(ledger)] == ["S261121b", "S261121c", "S261121a"]
    assert all(row.archive and Path(row.archive).is_file() for row in rows(ledger))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\x00\xff", b'{"superevent_id": "S1\\u0000"}', b"[" * 100_000, b'"\\ud800"', b"<x/>"]
)
def test_what_cannot_be_read_is_kept_with_the_reason(ledger: Ledger, folders: Folders, raw: bytes) -> None:
    found = store(ledger, folders, raw, source="gcn", topic="t")
    (row,) = rows(ledger)
    assert (found.state, row.state) == ("refused", "refused")
    assert row.verdict
    assert row.archive is not None
    assert Path(row.archive).read_bytes() == raw


def test_one_that_is_too_large_is_not_kept_but_told(ledger: Ledger, folders: Folders) -> None:
    assert store(ledger, folders, b" " * (LARGEST + 1), source="gcn").state == "refused"
    (row,) = rows(ledger)
    assert row.archive is None
    assert str(LARGEST) in (row.verdict or "")


def test_a_fault_of_ours_holds_up_nobody(ledger: Ledger, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes, place: str) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("gwfollow.alerts.reading.read", broken)
    found = store(ledger, folders, superevent(), source="gcn")
    assert found.state == "refused"
    assert "a fault of gwfollow (KeyError)" in (found.verdict or "")


def test_nothing_of_a_batch_is_stored_where_one_cannot_be_written(
    ledger: Ledger, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = inbox.write_once, []

    def full(path: Path, contents: bytes) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(path, contents)

    monkeypatch.setattr(inbox, "write_once", full)
    messages = [Message(superevent(f"S261121{letter}")) for letter in "abcde"]
    with pytest.raises(OSError, match="No space left"):
        store_all(ledger, folders, messages, source="gcn")
    assert rows(ledger) == []
    assert all(one.new for one in store_all(ledger, folders, messages, source="gcn"))


def test_listeners_that_store_the_same_batch_at_once_store_each_message_once(ledger: Ledger, folders: Folders) -> None:
    messages = [Message(superevent(f"S261121{first}{second}")) for first in "abcde" for second in "abcde"]
    barrier = threading.Barrier(4)
    found: list[list[inbox.Stored]] = []

    def listener(number: int) -> None:
        own = Folders(folders.top.with_name(f"data-{number}"))
        barrier.wait()
        found.append(store_all(ledger, own, messages, source="gcn"))

    threads = [threading.Thread(target=listener, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(rows(ledger)) == len({row.key for row in rows(ledger)}) == 25
    assert sum(one.new for each in found for one in each) == 25


def test_the_key_of_what_is_no_json_is_that_of_its_bytes() -> None:
    assert content_key(b"{a") != content_key(b"{ a")
    assert content_key(b"[1, 2]") == content_key(b"[1,2]")

"""The board and the health page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from provider_web import SCRIPT, Web
from sqlalchemy import event as sql_event

from gwfollow.errors import LedgerBusy
from gwfollow.ledger.schema import Analysis, Event, Listener, now
from gwfollow.provider.web import site
from gwfollow.provider.web.rendering import far, in_words, outside, rounded, size
from gwfollow.settings import Settings


def fill(web: Web, count: int, **more: Any) -> None:
    with web.ledger.change(who="test") as change:
        for number in range(count):
            analyses = [
                Analysis(name=f"a{n}", pipeline="bilby", status=status)
                for n, status in enumerate(("running", "running", "stuck"))
            ]
            change.session.add(Event(name=f"S23{number:04}a", graceid=f"S23{number:04}a", analyses=analyses, **more))


def names(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', text)


@contextmanager
def counted(web: Web) -> Iterator[list[str]]:
    """The statements that the ledger is asked."""
    asked: list[str] = []

    def count(*arguments: Any) -> None:
        asked.append(arguments[2])

    sql_event.listen(web.ledger.engine, "before_cursor_execute", count)
    yield asked
    sql_event.remove(web.ledger.engine, "before_cursor_execute", count)


def test_an_empty_board_says_where_events_come_from(web: Web) -> None:
    assert "No event is active" in web.client.get("").text


def test_an_active_event_is_listed_with_its_analyses_and_leads_to_its_dag(web: Web) -> None:
    fill(web, 1, alert={"labels": ["ADVOK", SCRIPT], "retracted": True}, category="MDC")
    fill_archived = Event(name="old", active=False)
    with web.ledger.change(who="test") as change:
        change.session.add(fill_archived)
    text = web.client.get("").text
    assert names(text) == ["S230000a"]
    for words in ("2 running", "1 stuck", "ADVOK", "retracted", "MDC: never published", "&lt;script&gt;"):
        assert words in text
    assert 'href="/dags/event.S230000a/plugin/gwfollow-event"' in text


def test_a_thousand_events_take_four_questions_and_fifty_rows(web: Web) -> None:
    fill(web, 120)
    with counted(web) as few:
        web.client.get("")
    fill_more = [Event(name=f"T{number}", document={"big": "x" * 1000}) for number in range(900)]
    with web.ledger.change(who="test") as change:
        change.session.add_all(fill_more)
    with counted(web) as many:
        text = web.client.get("").text
    assert len(many) == len(few) <= 4
    assert not [statement for statement in many if "document" in statement]
    assert len(names(text)) == 50
    assert "1020 events, page 1 of 21" in text


def test_pages_follow_each_other(web: Web) -> None:
    fill(web, 70)
    assert names(web.client.get("").text)[:2] == ["S230069a", "S230068a"]
    second = names(web.client.get("?page=2").text)
    assert (len(second), second[-1]) == (20, "S230000a")
    assert names(web.client.get("?page=99").text) == second


@pytest.mark.parametrize(("find", "count"), [("0007", 1), ("S23", 20), ("%", 0), ("nothing", 0)])
def test_events_are_found_by_a_part_of_their_name(web: Web, find: str, count: int) -> None:
    fill(web, 20)
    assert len(names(web.client.get("", params={"find": find}).text)) == count


def test_only_events_whose_dags_the_user_may_see_are_listed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(web, 3)
    monkeypatch.setattr(SimpleAuthManager, "filter_authorized_dag_ids", lambda self, dag_ids, **_: dag_ids & {"event.S230001a"})
    assert names(web.client.get("").text) == ["S230001a"]


# ---- health ----------------------------------------------------------------------------------------------------------------
def listening(web: Web, monkeypatch: pytest.MonkeyPatch, age: float, **more: Any) -> None:
    old = site.settings()
    settings = Settings(home=old.home, ledger=old.ledger, data=old.data, igwn_alert_server="kafka.example:9092")
    monkeypatch.setattr(site, "settings", lambda: settings)
    beat = now() - timedelta(seconds=age)
    with web.ledger.change(who="test") as change:
        row = Listener(source="igwn-alert", topic="gracedb.superevent", host="h1", pid=7, heartbeat=beat, messages=5, **more)
        change.session.add(row)


def test_a_dead_listener_is_critical_on_the_page_and_in_the_json(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(web, monkeypatch, 3600, error=SCRIPT)
    text = web.client.get("health").text
    assert "h1, process 7" in text
    assert "<script>" not in text
    found = web.client.get("health.json").json()
    assert found["level"] == "critical"
    (check,) = [check for check in found["checks"] if check["name"] == "listener gracedb.superevent"]
    assert check["level"] == "critical"


def test_a_living_listener_is_ok(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(web, monkeypatch, 1)
    found = web.client.get("health.json").json()["checks"]
    assert [check["level"] for check in found if check["name"].startswith("listener")] == ["ok"]


def test_a_ledger_that_does_not_answer_is_told_not_raised(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> Any:
        raise LedgerBusy("the ledger does not answer: locked")

    monkeypatch.setattr(site, "ledger", silent)
    answer = web.client.get("health")
    assert answer.status_code == 200
    assert "the ledger does not answer" in answer.text
    assert web.client.get("health.json").json()["level"] == "critical"
    board = web.client.get("", headers={"accept": "text/html"})
    assert board.status_code == 503
    assert "the ledger does not answer" in board.text


# ---- words -----------------------------------------------------------------------------------------------------------------
def test_numbers_are_written_as_people_say_them() -> None:
    assert far(2.4e-14) == "2.4e-14 Hz (1 in 1.32 million years)"
    assert far(1e-7) == "1e-07 Hz (1 in 116 days)"
    assert far(1e-3) == "0.001 Hz (86 a day)"
    assert far("loud") == "loud"
    assert far(0) == "0"
    assert [size(1), size(1500), size(1_040_000)] == ["1 B", "1.5 kB", "1.0 MB"]
    assert [rounded(1234.5), rounded(97.9), rounded(2.34)] == ["1,234", "98", "2.3"]
    assert in_words({"BNS": 0.95123, "NSBH": None, "of": ["H1", "L1"]}) == "BNS 0.951, of H1, L1"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "//evil.example", "data:text/html,x", " javascript:x", None, 3, ""])
def test_an_address_that_is_no_web_page_is_no_link(address: Any) -> None:
    assert outside(address) == ""

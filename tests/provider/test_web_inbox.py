"""The inbox in the web UI: what came in, what became of it and why, and one more try."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api.common import trigger_dag as triggering
from provider_web import OURS, SCRIPT, Web, new_superevent, store
from sqlalchemy import select

from gwfollow.ledger.schema import Inbox, Journal


def rows(text: str) -> int:
    return text.count("<tr") - 1


def test_an_empty_inbox_says_so(web: Web) -> None:
    assert "No alert is like that" in web.client.get("inbox").text


def test_alerts_come_newest_first_with_what_became_of_them(web: Web) -> None:
    store(web, new_superevent("S230101a"), state="done", verdict="rule loud-cbc: event made, 3 analyses")
    store(web, new_superevent("S230102b"), state="ignored", verdict="too quiet")
    text = web.client.get("inbox").text
    assert text.index("too quiet") < text.index("rule loud-cbc: event made, 3 analyses")
    assert text.index("S230102b") < text.index("S230101a")


def test_refused_and_failed_alerts_stand_out(web: Web) -> None:
    store(web, b"not an alert")
    store(web, new_superevent(), state="failed", verdict="the policy names a blueprint that is not there")
    assert web.client.get("inbox").text.count('class="problem"') == 2


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"state": "refused"}, 1),
        ({"event": "S2301"}, 2),
        ({"event": "S230102b"}, 1),
        ({"event": "S23_"}, 0),  # an underscore is no wildcard
        ({"kind": "new"}, 2),
        ({"source": "gcn"}, 0),
        ({"source": "igwn-alert", "state": "new", "event": "S230101a"}, 1),
    ],
)
def test_the_server_filters(web: Web, query: dict[str, str], count: int) -> None:
    store(web, new_superevent("S230101a"))
    store(web, new_superevent("S230102b"))
    store(web, b"not an alert")
    text = web.client.get("inbox", params=query).text
    assert (rows(text) if "<table>" in text else 0) == count


def test_pages_hold_fifty_and_follow_each_other_without_a_gap(web: Web) -> None:
    with web.ledger.change(who="test") as change:
        change.session.add_all(
            Inbox(source="gcn", key=f"k{n}", event=f"S23{n:04}a", kind="new", payload={}, state="done") for n in range(120)
        )
    seen, address = [], "inbox?source=gcn"
    for _ in range(3):
        text = web.client.get(address).text
        seen.append(rows(text))
        older = [part for part in text.split('"') if "before=" in part]
        address = "http://localhost:8080" + older[0].replace("&amp;", "&") if older else ""
        assert not address or "source=gcn" in address
    assert seen == [50, 50, 20]
    assert address == ""


def test_a_page_that_has_not_changed_is_not_sent_again(web: Web) -> None:
    store(web, new_superevent())
    first = web.client.get("inbox")
    again = web.client.get("inbox", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    store(web, b"something new")
    assert web.client.get("inbox", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_the_page_of_an_alert_has_the_message_and_each_rules_verdict(web: Web) -> None:
    said = [
        {"rule": "loud-cbc", "matched": True, "why": "far 1e-09 < 1e-06", "actions": ["make event", "apply cbc.yaml"]},
        {"rule": "bursts", "matched": False, "why": "group is CBC", "actions": []},
    ]
    number = store(web, new_superevent(), state="done", verdict="loud-cbc", decision=said)
    text = web.client.get(f"inbox/{number}").text
    for words in (
        "far 1e-09 &lt; 1e-06",
        "make event, apply cbc.yaml",
        "group is CBC",
        "&#34;superevent_id&#34;: &#34;S230101a&#34;",
    ):
        assert words in text


def test_a_message_of_megabytes_makes_no_page_of_megabytes(web: Web) -> None:
    number = store(web, new_superevent(), payload={"numbers": list(range(300_000))})
    text = web.client.get(f"inbox/{number}").text
    assert len(text) < 200_000
    assert "The beginning of it" in text


def test_the_message_is_given_as_it_came_and_never_shown(web: Web) -> None:
    raw = b'{"a":   "<script>alert(1)</script>"}'
    answer = web.client.get(f"inbox/{store(web, raw)}/message")
    assert answer.content == raw
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("archive", ["/etc/passwd", "{data}/gcn/../../secret.txt", "{data}/gcn/link.json", "{data}/gcn", None])
def test_nothing_but_the_alert_archive_is_given(web: Web, tmp_path: Path, archive: str | None) -> None:
    number = store(web, {"a": 1})
    (tmp_path / "secret.txt").write_text("secret")
    (web.data / "gcn" / "link.json").symlink_to(tmp_path / "secret.txt")
    with web.ledger.change(who="test") as change:
        change.session.get_one(Inbox, number).archive = archive and archive.format(data=web.data)
    assert web.client.get(f"inbox/{number}/message").status_code == 404


@pytest.mark.parametrize("path", ["inbox/999", "inbox/999/message"])
def test_what_is_not_there_is_404(web: Web, path: str) -> None:
    assert web.client.get(path).status_code == 404


def test_texts_of_an_alert_stay_text(web: Web) -> None:
    number = store(
        web,
        {"uid": "S230101a", "alert_type": "log", "data": {"comment": SCRIPT, "superevent": "S230101a"}},
        verdict=SCRIPT,
        topic=SCRIPT,
        decision=[{"rule": SCRIPT, "matched": True, "why": SCRIPT, "actions": [SCRIPT]}],
    )
    refused = store(web, SCRIPT.encode())
    for path in ("inbox", f"inbox/{number}", f"inbox/{refused}", "inbox?event=%3Cscript%3E%22"):
        text = web.client.get(path).text
        assert "<script>" not in text
        assert "<img" not in text
        assert "onerror=&#34;" in text or "&lt;script&gt;" in text


def test_who_may_not_replay_is_not_offered_it(web: Web) -> None:
    number = store(web, new_superevent())
    assert "data-post" in web.as_role("user").get(f"inbox/{number}").text
    assert "data-post" not in web.as_role("viewer").get(f"inbox/{number}").text


def test_a_replay_is_in_the_journal_with_the_persons_name_and_starts_the_dag(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def start(dag_id: str, **more: Any) -> Any:
        asked.append((dag_id, more["triggering_user_name"]))
        return SimpleNamespace(run_id="manual-1")

    monkeypatch.setattr(triggering, "trigger_dag", start)
    number = store(web, new_superevent(), state="ignored", verdict="too quiet")
    answer = web.as_role("user").post(f"inbox/{number}/replay", headers=OURS)
    assert answer.status_code == 200
    assert "manual-1" in answer.json()["text"]
    assert asked == [("alerts", "user-name")]
    with web.ledger.read() as session:
        assert session.get_one(Inbox, number).state == "new"
        entries = list(session.scalars(select(Journal).where(Journal.what.contains(f"alert {number} "))))
    assert [entry.who for entry in entries] == ["airflow:user-name"]


def test_a_replay_counts_also_where_the_dag_cannot_start(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.exceptions import DagNotFound

    def refuse(dag_id: str, **_: Any) -> Any:
        raise DagNotFound(f"Dag id {dag_id} not found")

    monkeypatch.setattr(triggering, "trigger_dag", refuse)
    number = store(web, new_superevent(), state="done")
    answer = web.client.post(f"inbox/{number}/replay", headers=OURS)
    assert answer.status_code == 200
    assert "upkeep will process it" in answer.json()["text"]


def test_a_message_that_is_still_refused_says_why(web: Web) -> None:
    number = store(web, b"not an alert")
    answer = web.client.post(f"inbox/{number}/replay", headers=OURS)
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["detail"] or "JSON" in answer.json()["detail"]

"""Steering an analysis from its event's tab: what is legal, by whom it may be asked, and what becomes of it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from provider_web import OURS, SCRIPT, Web
from sqlalchemy import select

from gwfollow.ledger.reviews import VERBS, record
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Journal, ProgressMark, Review
from gwfollow.ledger.states import SATISFIES, STATUSES
from gwfollow.ledger.steering import may_ask
from gwfollow.ledger.store import find_analysis
from gwfollow.pipelines import registry
from gwfollow.pipelines.psd import PSD
from gwfollow.provider.web import steer

EVENT, DAG = "S230101a", "event.S230101a"
TO = f"dag/{DAG}/analyses/pe"


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In whose name Airflow was asked for runs."""
    asked: list[str] = []
    monkeypatch.setattr(steer, "deliver_now", lambda ledger, settings, who: asked.append(who))
    return asked


def put(web: Web, status: str = "uploaded", **more: Any) -> Path:
    """The analysis *pe* with one attempt, and a cache in its folder."""
    folder = web.data / "attempt-1"
    folder.mkdir(parents=True)
    (folder / "cache").write_bytes(b"x" * 2000)
    (folder / "result").write_text("result")
    with web.ledger.change(who="test") as change:
        row = Analysis(name="pe", pipeline="psd", status=status, attempt=1, document={}, **more)
        attempt = Attempt(number=1, folder=str(folder), state="collected")
        attempt.assets.append(Asset(name="psds", path=str(folder / "result"), sha256="0" * 64, size=6))
        row.attempts.append(attempt)
        change.session.add(Event(name=EVENT, document={}, analyses=[row]))
    return folder


def post(web: Web, verb: str, role: str = "user", **more: Any) -> Any:
    return web.as_role(role).post(TO, json={"verb": verb, "attempt": 1, **more}, headers=OURS)


def row(web: Web) -> Analysis:
    with web.ledger.read() as session:
        return find_analysis(session, EVENT, "pe")


def offered(web: Web, role: str = "user") -> set[str]:
    found = re.search(r'data-steer="([^"]*)"', web.as_role(role).get(f"dag/{DAG}").text)
    return {verb for verb, _, _ in json.loads(html.unescape(found[1]))["offers"]} if found else set()


@pytest.mark.parametrize("status", STATUSES)
def test_exactly_what_is_legal_is_offered(web: Web, status: str) -> None:
    put(web, status)
    expected = set(may_ask(status)) | (set(VERBS) if status in SATISFIES else set())
    expected |= set() if status in {"ready", "running", "processing", "restart"} else {"clean"}
    assert offered(web) == expected


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(web: Web) -> None:
    put(web)
    assert offered(web, "viewer") == set()
    assert post(web, "restart", "viewer").status_code == 403
    assert web.as_role("user").post(TO, json={"verb": "restart", "attempt": 1}).status_code == 403, "no page of ours sent it"
    assert web.as_role(None).post(TO, json={"verb": "restart", "attempt": 1}, headers=OURS).status_code == 401
    assert row(web).status == "uploaded"


def test_a_status_is_changed_in_the_persons_name_and_the_run_asked_for(web: Web, delivered: list[str]) -> None:
    put(web)
    answer = post(web, "restart", why="new\n calibration")
    assert answer.json() == {"text": "pe: uploaded → restart."}
    assert (row(web).status, row(web).reason) == ("restart", "new calibration")
    with web.ledger.read() as session:
        entry = session.scalars(select(Journal).where(Journal.what == "uploaded -> restart")).one()
    assert (entry.who, entry.why) == ("airflow:user-name", "new calibration")
    assert delivered == ["airflow:user-name"]


@pytest.mark.parametrize(("verb", "word"), VERBS.items())
def test_verdicts_are_given(web: Web, verb: str, word: str) -> None:
    put(web)
    assert post(web, verb, why="seen").json() == {"text": f"pe: {word}."}
    with web.ledger.read() as session:
        given = session.scalars(select(Review)).one()
    assert (given.verdict, given.person, given.message) == (word, "airflow:user-name", "seen")
    assert f">{word}</span> by airflow:user-name: <q>seen</q>" in web.client.get(f"dag/{DAG}").text
    assert verb not in offered(web)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"verb": "stop"}, 400, "status 'uploaded' may not become 'stop'"),
        ({"verb": "resurrect"}, 400, "'uploaded' may not become"),
        ({"verb": "restart", "attempt": 7}, 400, "you saw attempt 7, and attempt 1 is the present one"),
        ({"verb": "approve", "attempt": 7}, 400, "this verdict is about attempt 7"),
        ({"verb": "drop table"}, 400, "is none of"),
        ({"verb": "restart", "why": "x" * 3000}, 422, ""),
        ({"verb": "restart", "attempt": -1}, 422, ""),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(web: Web, change: dict[str, Any], status: int, words: str) -> None:
    put(web)
    answer = web.as_role("user").post(TO, json={"attempt": 1, **change}, headers=OURS)
    assert answer.status_code == status
    assert words in str(answer.json()["detail"])
    assert row(web).status == "uploaded"


@pytest.mark.parametrize("path", ["dag/upkeep/analyses/pe", "dag/event.S9/analyses/pe", f"dag/{DAG}/analyses/no"])
def test_what_is_not_there_is_404(web: Web, path: str) -> None:
    put(web)
    assert web.client.post(path, json={"verb": "restart", "attempt": 1}, headers=OURS).status_code == 404


def test_cleaning_says_what_it_freed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(web)
    monkeypatch.setattr(PSD, "clean", lambda self: [self.task.folder / "cache", self.task.folder / "result"])
    monkeypatch.setattr(registry, "find", lambda name: PSD)
    assert post(web, "clean").json() == {"text": "Freed 2.0 kB in 1 files of attempt 1."}
    assert sorted(path.name for path in folder.iterdir()) == ["result"]


def test_progress_and_the_wait_for_a_person_are_shown(web: Web) -> None:
    put(web, "running", review_first=True)
    with web.ledger.change(who="test") as change:
        change.session.add(ProgressMark(analysis_id=change.analysis(EVENT, "pe").id, attempt=1, fraction=0.625, line="dlogz 3.1"))
    text = web.client.get(f"dag/{DAG}").text
    assert 'value="0.625"' in text
    assert "62%, dlogz 3.1" in text
    assert "is published once a person approves" in text
    with web.ledger.change(who="test") as change:
        change.analysis(EVENT, "pe").status = "finished"
    text = web.client.get(f"dag/{DAG}").text
    assert "waits for approval" in text
    assert "dlogz" not in text


def test_words_of_people_and_pipelines_stay_text(web: Web) -> None:
    put(web)
    with web.ledger.change(who="test") as change:
        pe = change.analysis(EVENT, "pe")
        record(change, pe, "approve", message=SCRIPT, person=SCRIPT)
        pe.status, pe.reason = "stuck", SCRIPT
        change.session.add(ProgressMark(analysis_id=pe.id, attempt=1, line=SCRIPT))
    text = web.as_role("user").get(f"dag/{DAG}").text
    assert "<script>" not in text.replace('<script src="', "")
    assert "<img src=x" not in text

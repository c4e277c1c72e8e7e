"""The pages inside Airflow's web UI: for people who may see the event, and nothing but the files that they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from fastapi.testclient import TestClient
from provider_web import Web

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Asset, Attempt
from gwfollow.provider.web.app import STRICT_CSP

BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.4
---
kind: analysis
name: summary
pipeline: nobody-has-this
event: GW150914
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An attempt's folder with result pages and something beside them."""
    (tmp_path / "attempt-1" / "pages" / "plots").mkdir(parents=True)
    (tmp_path / "attempt-1" / "pages" / "home.html").write_text("<h1>results</h1>")
    (tmp_path / "attempt-1" / "pages" / "plots" / "mass.png").write_bytes(b"png")
    (tmp_path / "attempt-1" / "secret.txt").write_text("not a page")
    return tmp_path / "attempt-1"


@pytest.fixture
def client(web: Web, folder: Path) -> TestClient:
    with web.ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINT, "test").blueprints)
        row = change.analysis("GW150914", "summary")
        row.attempt = 1
        attempt = Attempt(analysis_id=row.id, number=1, folder=str(folder), state="collected", inputs={})
        page = Asset(name="pages", label="", path=str(folder / "pages" / "home.html"), sha256="0" * 64, size=16)
        attempt.assets = [page]
        change.session.add(attempt)
    return web.client


def test_the_log_page_says_what_the_analysis_is(client: TestClient) -> None:
    answer = client.get("logs/GW150914/summary/")
    assert answer.status_code == 200
    assert "status <strong>ready</strong>" in answer.text
    assert answer.headers["content-security-policy"] == STRICT_CSP


def test_who_may_not_see_the_event_sees_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleAuthManager, "filter_authorized_dag_ids", lambda self, dag_ids, **_: dag_ids - {"event.GW150914"})
    assert client.get("logs/GW150914/summary/").status_code == 403
    assert client.get("results/GW150914/summary/").status_code == 403


def test_the_result_page_and_its_pictures_are_served_in_a_sandbox(client: TestClient) -> None:
    answer = client.get("results/GW150914/summary/")
    assert answer.text == "<h1>results</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    picture = client.get(str(answer.url).replace("home.html", "plots/mass.png"))
    assert picture.content == b"png"


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "plots/../../secret.txt", "/etc/passwd", "nothing.html"])
def test_only_what_is_below_the_page_is_served(client: TestClient, path: str) -> None:
    answer = client.get("results/GW150914/summary/")
    refused = client.get(str(answer.url).replace("home.html", path))
    assert refused.status_code in {403, 404}  # the client itself shortens plain dots, to another address


def test_a_leave_is_for_one_analysis_and_cannot_be_made_up(client: TestClient) -> None:
    good = str(client.get("results/GW150914/summary/").url)
    assert client.get(good.replace("/GW150914/", "/GW170817/")).status_code == 403
    assert client.get("pages/forged/GW150914/summary/home.html").status_code == 403


def test_what_is_not_there_is_said(client: TestClient) -> None:
    answer = client.get("logs/GW150914/nothing/")
    assert answer.status_code == 404
    assert "no analysis 'nothing'" in answer.json()["detail"]

"""The pages inside Airflow's web UI: for people who may see the event, and nothing but the files that they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Asset, Attempt
from gwfollow.ledger.store import Ledger
from gwfollow.provider.web import pages
from gwfollow.provider.web.app import STRICT_CSP, create_app

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
def client(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINT, "test").blueprints)
        row = change.analysis("GW150914", "summary")
        row.attempt = 1
        attempt = Attempt(analysis_id=row.id, number=1, folder=str(folder), state="collected", inputs={})
        page = Asset(name="pages", label="", path=str(folder / "pages" / "home.html"), sha256="0" * 64, size=16)
        attempt.assets = [page]
        change.session.add(attempt)
    monkeypatch.setattr(pages, "_ledger", lambda: ledger)
    manager = SimpleNamespace(is_authorized_dag=lambda method, details, user: user.name == "alice")
    monkeypatch.setattr(pages, "get_auth_manager", lambda: manager)
    app = create_app()
    app.dependency_overrides[get_user] = lambda: SimpleNamespace(name="alice")
    yield TestClient(app)
    ledger.close()


def test_the_log_page_says_what_the_analysis_is(client: TestClient) -> None:
    answer = client.get("/logs/GW150914/summary/")
    assert answer.status_code == 200
    assert "status <strong>ready</strong>" in answer.text
    assert answer.headers["content-security-policy"] == STRICT_CSP


def test_who_may_not_see_the_event_sees_nothing(client: TestClient) -> None:
    client.app.dependency_overrides[get_user] = lambda: SimpleNamespace(name="mallory")  # type: ignore[attr-defined]
    assert client.get("/logs/GW150914/summary/").status_code == 403
    assert client.get("/results/GW150914/summary/").status_code == 403


def test_every_page_asks_who_is_there(client: TestClient) -> None:
    """Only the files behind a signed leave, and our own style sheet, come without a login."""
    del client.app.dependency_overrides[get_user]  # type: ignore[attr-defined]
    for route in client.app.routes:  # type: ignore[attr-defined]
        path = route.path.replace(":path", "").format(event="GW150914", analysis="summary", leave="forged", path="home.html")
        if path.startswith("/static"):
            continue
        assert route.methods == {"GET"}
        assert client.get(path, follow_redirects=False).status_code in {401, 403}, path


def test_the_result_page_and_its_pictures_are_served_in_a_sandbox(client: TestClient) -> None:
    answer = client.get("/results/GW150914/summary/")
    assert answer.text == "<h1>results</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    picture = client.get(str(answer.url).replace("home.html", "plots/mass.png"))
    assert picture.content == b"png"


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "plots/../../secret.txt", "/etc/passwd", "nothing.html"])
def test_only_what_is_below_the_page_is_served(client: TestClient, path: str) -> None:
    answer = client.get("/results/GW150914/summary/")
    refused = client.get(str(answer.url).replace("home.html", path))
    assert refused.status_code in {403, 404}  # the client itself shortens plain dots, to another address


def test_a_leave_is_for_one_analysis_and_cannot_be_made_up(client: TestClient) -> None:
    good = str(client.get("/results/GW150914/summary/").url)
    assert client.get(good.replace("/GW150914/", "/GW170817/")).status_code == 403
    assert client.get("/pages/forged/GW150914/summary/home.html").status_code == 403


def test_what_is_not_there_is_said(client: TestClient) -> None:
    answer = client.get("/logs/GW150914/nothing/")
    assert answer.status_code == 404
    assert "no analysis 'nothing'" in answer.json()["detail"]

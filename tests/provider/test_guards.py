"""Who may come in, who may do what, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.routing import APIRoute
from provider_web import OURS, Web, store
from starlette.routing import BaseRoute, Mount

from gwfollow.provider.web.app import STRICT_CSP, create_app
from gwfollow.provider.web.guards import from_our_pages

#: the one route for whoever has a signed, short-lived address (see gwfollow.provider.web.pages), and our style sheet
WITHOUT_LOGIN = {"/pages/{leave}/{event}/{analysis}/{path:path}", "/static"}
SAFE = {"GET", "HEAD", "OPTIONS"}


def calls(dependant: Any) -> Iterator[Any]:
    """All dependencies of a route, also those of its dependencies."""
    for inner in dependant.dependencies:
        yield inner.call
        yield from calls(inner)


def asks_for_a_permission(call: Any) -> bool:
    return str(getattr(call, "__qualname__", "")).startswith("requires_access_dag.")


def walk(app: FastAPI) -> list[BaseRoute]:
    return list(app.routes)


def test_every_route_asks_who_is_there_and_every_change_what_he_may() -> None:
    routes = walk(create_app())
    assert len(routes) > 8
    seen_unsafe = 0
    for route in routes:
        if route.path in WITHOUT_LOGIN:  # type: ignore[attr-defined]
            continue
        assert isinstance(route, APIRoute), f"{route}: a mounted application asks nobody"
        found = list(calls(route.dependant))
        assert get_user in found, f"{route.path} takes no user"
        if route.methods - SAFE:
            seen_unsafe += 1
            assert from_our_pages in found, f"{route.path} has no CSRF guard"
            assert any(map(asks_for_a_permission, found)), f"{route.path} asks for no permission"
    assert seen_unsafe, "the walk has seen no route that changes something: it proves nothing"
    assert {route.path for route in routes} >= WITHOUT_LOGIN  # type: ignore[attr-defined]
    assert {type(route) for route in routes} == {APIRoute, Mount}


def test_the_walk_finds_a_route_without_guards() -> None:
    """What the test above looks for, on a route that has none of it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.post("/open")(lambda: None)
    (route,) = walk(app)
    assert isinstance(route, APIRoute)
    assert list(calls(route.dependant)) == []


PATHS = [
    "",
    "inbox",
    "inbox/1",
    "inbox/1/message",
    "health",
    "health.json",
    "dag/event.S1",
    "dag/upkeep",
    "logs/S1/a/",
    "results/S1/a/",
]


@pytest.mark.parametrize("path", [*PATHS, f"event/S1/skymap/{'0' * 64}.png", "event/S1/skymap/file/bayestar.fits"])
def test_nobody_sees_anything_without_a_login(web: Web, path: str) -> None:
    client = web.as_role(None)
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-security-policy"] == STRICT_CSP
    page = client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
    assert page.status_code == 302
    assert page.headers["location"].startswith("/auth/login?next=http%3A%2F%2Flocalhost%3A8080%2Fgwfollow%2F")


def test_nobody_changes_anything_without_a_login(web: Web) -> None:
    answer = web.as_role(None).post("inbox/1/replay", headers=OURS | {"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "X-GWFollow"),
        ({"X-GWFollow": "yes"}, "X-GWFollow"),
        ({**OURS, "Sec-Fetch-Site": "same-site"}, "another site"),  # another port of this host
        ({**OURS, "Sec-Fetch-Site": "cross-site"}, "another site"),
        ({**OURS, "Origin": "http://localhost:8081"}, "another address"),
        ({**OURS, "Origin": "http://evil.example"}, "another address"),
        ({**OURS, "Origin": "null"}, "another address"),
        ({**OURS, "Origin": ""}, "another address"),
        ({"Authorization": "Bearer x"}, "X-GWFollow"),  # a token is no exemption
    ],
)
def test_a_change_from_elsewhere_is_refused(web: Web, headers: dict[str, str], reason: str) -> None:
    alert_id = store(web, {"a": 1})
    answer = web.client.post(f"inbox/{alert_id}/replay", headers=headers)
    assert answer.status_code == 403
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        OURS,
        {**OURS, "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"},
        {**OURS, "Origin": "https://localhost:8080"},  # a proxy has taken the TLS off
        {**OURS, "Sec-Fetch-Site": "none"},
    ],
)
def test_a_change_from_our_own_pages_gets_through(web: Web, headers: dict[str, str]) -> None:
    assert web.client.post("inbox/999/replay", headers=headers).status_code == 404


def test_the_address_of_airflow_counts_as_ours_behind_a_proxy(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/sub")
    assert web.client.post("inbox/999/replay", headers=OURS | {"Origin": "https://airflow.example"}).status_code == 404
    assert web.client.post("inbox/999/replay", headers=OURS | {"Origin": "http://airflow.example"}).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("user", 404), ("op", 404), ("admin", 404)])
def test_a_viewer_changes_nothing(web: Web, role: str, status: int) -> None:
    assert web.as_role(role).get("inbox").status_code == 200
    assert web.as_role(role).post("inbox/999/replay", headers=OURS).status_code == status


def test_our_pages_may_be_kept_by_nobody_and_their_style_for_good(web: Web) -> None:
    page = web.client.get("")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    address = next(part for part in page.text.split('"') if "gwfollow.css?v=" in part)
    assert "immutable" in web.client.get(f"http://localhost:8080{address}").headers["cache-control"]

"""The application that the plugin mounts at ``/gwfollow``, and the headers that all its answers carry."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gwfollow.errors import GWFollowError
from gwfollow.provider.web import board, event, health, inbox, pages, scans, steer
from gwfollow.provider.web.rendering import HERE, page
from gwfollow.provider.web.site import as_http

#: our own pages: nothing inline, nothing from elsewhere
STRICT_CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    b"content-security-policy": STRICT_CSP.encode(),
    b"x-frame-options": b"SAMEORIGIN",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cache-control": b"no-store",
}
#: their addresses carry their checksum
STATIC_HEADERS = HEADERS | {b"cache-control": b"public, max-age=31536000, immutable"}


class SecurityHeaders:
    """Adds what Airflow does not send.  A page that sets its own policy keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        static = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", ""))).startswith("/static/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, STATIC_HEADERS if static and message["status"] == 200 else HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers)


def _add_headers(message: MutableMapping[str, Any], wanted: dict[bytes, bytes]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [*message["headers"], *((name, value) for name, value in wanted.items() if name not in present)]


async def _http_error(request: Request, error: Exception) -> Response:
    """A person gets a page, and the login where there is none yet; a program gets JSON."""
    assert isinstance(error, StarletteHTTPException)
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    if error.status_code == 401:
        return RedirectResponse(get_auth_manager().get_url_login(next_url=str(request.url)), 302)
    return page(request, "error.html", {"status": error.status_code, "reason": error.detail}, error.status_code)


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GWFollowError)
    return await _http_error(request, as_http(error))


def create_app() -> FastAPI:
    """The mounted application."""
    app = FastAPI(title="gwfollow", docs_url=None, redoc_url=None, openapi_url=None)
    for room in (board, inbox, event, scans, steer, health, pages):
        app.include_router(room.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(GWFollowError, _our_error)
    return app


__all__ = ["STRICT_CSP", "create_app"]

"""The application that the plugin mounts at ``/gwfollow``, and the headers that all its answers carry."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gwfollow.provider.web import pages

#: our own pages: nothing inline, nothing from elsewhere
STRICT_CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


class SecurityHeaders:
    """Adds what Airflow does not send.  A page that sets its own policy keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        await self.app(scope, receive, with_headers)


def _add_headers(message: MutableMapping[str, Any]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    wanted = {
        b"content-security-policy": STRICT_CSP.encode(),
        b"x-frame-options": b"SAMEORIGIN",
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
        b"cache-control": b"no-store",
    }
    message["headers"] = [*message["headers"], *((name, value) for name, value in wanted.items() if name not in present)]


def create_app() -> FastAPI:
    """The mounted application."""
    app = FastAPI(title="gwfollow", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=pages.HERE / "static"), name="static")
    app.add_middleware(SecurityHeaders)
    return app

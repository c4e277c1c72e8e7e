"""Serving the local GraceDB over TLS: ``python -m gwfollow.sandbox.gracedb.server FOLDER PORT``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from gwfollow.sandbox.gracedb import catalogues, deprecated, events, logs, notices, root, signoffs, superevents
from gwfollow.sandbox.gracedb.alerts import Publisher
from gwfollow.sandbox.gracedb.certificates import Credentials
from gwfollow.sandbox.gracedb.faults import FILE, App, Faults, Receive, Scope, Send
from gwfollow.sandbox.gracedb.store import Store
from gwfollow.sandbox.gracedb.web import Problem, show_problem

#: written when the server listens: {"url", "pid", "port"}
SERVICE = "service.json"


class ClientCertificates(H11Protocol):
    """uvicorn's protocol that tells the application whose certificate came with the connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        name = _common_name(transport.get_extra_info("ssl_object"))
        app = self.app

        async def with_connection(scope: Any, receive: Any, send: Any) -> None:
            scope["gwfollow.certificate"], scope["gwfollow.transport"] = name, transport
            await app(scope, receive, send)

        self.app = with_connection


def _common_name(ssl_object: ssl.SSLObject | None) -> str | None:
    certificate: Any = ssl_object.getpeercert() if ssl_object else None
    for part in (certificate or {}).get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None


class Versions:
    """ASGI middleware: ``/api/v1/`` and ``/api/v2/`` are ``/api/``, and the answer remembers which it was."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        for version in ("v1", "v2"):
            if path.startswith(f"/api/{version}/"):
                path = f"/api/{path.removeprefix(f'/api/{version}/')}"
                scope = {**scope, "path": path, "raw_path": path.encode(), "gwfollow.version": version}
                break
        await self.app(scope, receive, send)


def application(folder: Path, *, publisher: Publisher | None = None, old: bool = False) -> FastAPI:
    """The whole GraceDB, on the data in `folder`; `old` as servers before 2.36 were."""
    app = FastAPI(title="Local GraceDB", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.store = Store(folder)
    app.state.credentials = Credentials(folder)
    app.state.publisher, app.state.old = publisher, old
    app.add_exception_handler(Problem, show_problem)
    for part in (root, deprecated, notices, catalogues, superevents, signoffs, events, logs):
        app.include_router(part.router)
    return app


def serve(
    folder: Path, port: int = 0, *, faults: bool = False, kafka: str = "", group: str = "gracedb", old: bool = False
) -> None:
    """Serve until interrupted.  Port 0 takes a free one, and the same again after a restart."""
    credentials = Credentials(folder)
    credentials.make()
    service = folder / SERVICE
    port = port or _last_port(service)
    publisher = Publisher(kafka, group) if kafka else None
    app: Any = Versions(application(folder, publisher=publisher, old=old))
    if faults:
        app = Faults(app, folder / FILE)
    listener = _listen(port)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        http=ClientCertificates,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,  # clients keep their connections open
        ssl_certfile=credentials.server,
        ssl_ca_certs=str(credentials.ca),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
    )
    part = service.with_suffix(".part")
    part.write_text(json.dumps({"url": f"https://localhost:{port}/api/", "port": port, "pid": os.getpid()}))
    part.replace(service)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
    if publisher is not None:
        publisher.close()


def _listen(port: int) -> socket.socket:
    # with its protocol named: asyncio turns Nagle's algorithm off for such sockets alone, and it costs 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _last_port(service: Path) -> int:
    try:
        port = int(json.loads(service.read_text())["port"])
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, ValueError, KeyError):
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description="A small GraceDB on this machine.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--faults", action="store_true", help="obey faults.json in the folder (for tests)")
    parser.add_argument("--kafka", default="", metavar="HOST:PORT", help="publish igwn-alert messages there")
    parser.add_argument("--group", default="gracedb", help="what the Kafka topics begin with")
    parser.add_argument("--old", action="store_true", help="be as servers before 2.36: VOEvents, EM observations")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    serve(**vars(options))


if __name__ == "__main__":
    main()

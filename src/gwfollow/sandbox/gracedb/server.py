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

from gwfollow.sandbox.gracedb import events, logs, root, signoffs, superevents
from gwfollow.sandbox.gracedb.certificates import Credentials
from gwfollow.sandbox.gracedb.faults import FILE, Faults
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


def application(folder: Path) -> FastAPI:
    """The whole GraceDB, on the data in `folder`."""
    app = FastAPI(title="Local GraceDB", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.store = Store(folder)
    app.state.credentials = Credentials(folder)
    app.add_exception_handler(Problem, show_problem)
    for part in (root, superevents, signoffs, events, logs):
        app.include_router(part.router)
    return app


def serve(folder: Path, port: int = 0, *, faults: bool = False) -> None:
    """Serve until interrupted.  Port 0 takes a free one, and the same again after a restart."""
    credentials = Credentials(folder)
    credentials.make()
    service = folder / SERVICE
    port = port or _last_port(service)
    app: Any = application(folder)
    if faults:
        app = Faults(app, folder / FILE)
    listener = socket.create_server(("127.0.0.1", port))
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
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    serve(options.folder, options.port, faults=options.faults)


if __name__ == "__main__":
    main()

"""Faults on request, for tests: the server reads them from a file when it was started with ``faults=True``.

The file is a JSON list; each request uses up one turn of the first fault that fits it:

    [{"method": "POST", "path": "logs", "times": 2, "status": 503, "retry_after": 5}]

``status`` answers so and does nothing; ``seconds`` waits first; ``drop`` cuts the connection without an answer, ``"before"`` or ``"after"``
the request has had its effect; ``drip`` sends the true answer one byte in so many seconds; ``cut`` sends so many bytes of its body and
cuts the connection.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FILE = "faults.json"


class Faults:
    """ASGI middleware."""

    def __init__(self, app: App, file: Path) -> None:
        self.app, self.file = app, file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._take(scope) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        await asyncio.sleep(fault.get("seconds", 0))
        if "status" in fault:
            await _answer(fault, send)
        elif "drop" in fault:
            await self._drop(fault, scope, receive)
        elif "drip" in fault:
            await self.app(scope, receive, _dripping(send, fault["drip"]))
        elif "cut" in fault:
            await self._cut(fault["cut"], scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _take(self, scope: Scope) -> dict[str, Any] | None:
        try:
            faults: list[dict[str, Any]] = json.loads(self.file.read_text())
        except FileNotFoundError:
            return None
        for fault in faults:
            fits = fault.get("method", scope["method"]) == scope["method"] and re.search(fault.get("path", ""), scope["path"])
            if fits and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                fault["fired"] = fault.get("fired", 0) + 1
                part = self.file.with_suffix(".part")
                part.write_text(json.dumps(faults))
                part.replace(self.file)
                return fault
        return None

    async def _drop(self, fault: dict[str, Any], scope: Scope, receive: Receive) -> None:
        async def nowhere(_: MutableMapping[str, Any]) -> None:
            pass

        if fault["drop"] == "after":
            await self.app(scope, receive, nowhere)
        scope["gwfollow.transport"].abort()

    async def _cut(self, left: int, scope: Scope, receive: Receive, send: Send) -> None:
        async def some(message: MutableMapping[str, Any]) -> None:
            nonlocal left
            body = message.get("body", b"")
            if left >= 0:
                await send({**message, "body": body[:left], "more_body": True} if "body" in message else message)
                left -= len(body)
            if left < 0:
                await asyncio.sleep(0.05)  # what was sent is on its way
                scope["gwfollow.transport"].abort()

        await self.app(scope, receive, some)


async def _answer(fault: dict[str, Any], send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    if "retry_after" in fault:
        headers.append((b"retry-after", str(fault["retry_after"]).encode()))
    await send({"type": "http.response.start", "status": fault["status"], "headers": headers})
    await send({"type": "http.response.body", "body": b'{"detail": "fault on request"}'})


def _dripping(send: Send, seconds: float) -> Send:
    async def drip(message: MutableMapping[str, Any]) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        for byte in message.get("body", b""):
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    return drip

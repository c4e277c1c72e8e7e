"""What all routes share: who asks, what they may see, how errors look."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile

from gwfollow.sandbox.gracedb.store import Store

#: file names: no path, no comma (it separates the version), nothing that a shell or a browser would read
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}")


class Problem(Exception):
    """An answer that is not what was asked for.  GraceDB's validation errors are a bare JSON string, the others have a ``detail``."""

    def __init__(self, status: int, text: str, *, detail: bool = False) -> None:
        super().__init__(text)
        self.status, self.body = status, ({"detail": text} if detail else text)


async def show_problem(_: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    return JSONResponse(problem.body, problem.status)


def store(request: Request) -> Store:
    found: Store = request.app.state.store
    return found


def base(request: Request) -> str:
    """``https://localhost:PORT/api/``, and the version where the client named one."""
    named = version(request)
    return f"{request.base_url}api/{named}/" if named else f"{request.base_url}api/"


def version(request: Request) -> str:
    """The version of the API that the client asked for: v1, v2, or empty for none."""
    return str(request.scope.get("gwfollow.version", ""))


def caller(request: Request) -> str | None:
    """Who asks: by a bearer token, else by a client certificate; None for nobody."""
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("bearer "):
        name: str | None = request.app.state.credentials.token_user(header[7:].strip())
        if name is None:
            raise Problem(401, "Invalid or expired token.", detail=True)
        return name
    return request.scope.get("gwfollow.certificate")


def writer(request: Request) -> str:
    name = caller(request)
    if name is None:
        raise Problem(403, "Authentication credentials were not provided.", detail=True)
    return name


def find(request: Request, kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """Id and document of an event or superevent that the caller may see; 404 otherwise, as the real one says it."""
    row = store(request).object(kind, name)
    if row is None or not (row["public"] or caller(request)):
        raise Problem(404, f"{kind.capitalize()} not found", detail=True)
    return row["id"], json.loads(row["document"])


def number(form: FormData, key: str) -> float:
    try:
        return float(str(form[key]))
    except (KeyError, ValueError):
        raise Problem(400, f"{key}: a valid number is required") from None


def text(form: FormData, key: str, default: str = "") -> str:
    value = form.get(key, default)
    return value if isinstance(value, str) else default


def texts(form: FormData, key: str) -> list[str]:
    return [value for value in form.getlist(key) if isinstance(value, str)]


async def upload(form: FormData, key: str) -> tuple[str, bytes] | None:
    """Name and contents of an uploaded file."""
    file = form.get(key)
    if not isinstance(file, UploadFile):
        return None
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    if not FILE_NAME.fullmatch(name):
        raise Problem(400, f"{name!r} is not a file name (letters, digits and ._+@-)")
    return name, await file.read()


async def body(request: Request) -> dict[str, Any]:
    """A JSON object."""
    try:
        found = await request.json()
    except ValueError as error:
        raise Problem(400, f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Problem(400, "must be a JSON object")
    return found

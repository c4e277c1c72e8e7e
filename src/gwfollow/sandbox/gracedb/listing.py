"""Pages of search results, as GraceDB links them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from gwfollow.sandbox.gracedb.web import Problem, base

PAGE = 100


def page(request: Request, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of `found` under the key `name`, with the links by which the client walks on."""
    start, count = _natural(request, "start", 0), _natural(request, "count", PAGE) or PAGE
    for field in reversed([part for part in request.query_params.get("sort", "").split(",") if part]):
        key, down = field.lstrip("-"), field.startswith("-")
        found = sorted(found, key=lambda document: (document.get(key) is not None, document.get(key)), reverse=down)
    last = max((len(found) - 1) // count * count, 0)
    links = {"self": str(request.url), "first": _link(request, name, 0, count), "last": _link(request, name, last, count)}
    if start + count < len(found):
        links["next"] = _link(request, name, start + count, count)
    if start > 0:
        links["previous"] = _link(request, name, max(start - count, 0), count)
    return {"numRows": len(found), name: found[start : start + count], "links": links}


def _link(request: Request, name: str, start: int, count: int) -> str:
    query = {**request.query_params, "start": start, "count": count}
    return f"{base(request)}{name}/?{urlencode(query)}"


def _natural(request: Request, key: str, default: int) -> int:
    try:
        # the real server's own links hold floats
        return max(int(float(request.query_params.get(key) or default)), 0)
    except ValueError:
        raise Problem(400, f"{key}: a valid integer is required") from None

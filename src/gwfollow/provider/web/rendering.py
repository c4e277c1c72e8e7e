"""From data to pages: the templates, what they may call, and answers that cost little when nothing has changed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from gwfollow.errors import InputError
from gwfollow.ledger.glance import said
from gwfollow.naming import event_dag_id

HERE = Path(__file__).parent
_YEAR = 365.25 * 86400.0  # s


def page(request: Request, name: str, context: Mapping[str, Any], status: int = 200) -> Response:
    """The template as an answer; 304 without a body for who has it already (our pages ask again every few seconds)."""
    answer = _templates.TemplateResponse(request, name, dict(context), status_code=status)
    etag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    if status == 200 and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    answer.headers["etag"] = etag
    return answer


@pass_context
def link(context: Context, name: str, /, query: Mapping[str, Any] | None = None, **path: Any) -> str:
    """The path of one of our routes, with the prefixes under which we are served.

    A path alone, without scheme and host: these may be another's where a proxy is in front.
    """
    request: Request = context["request"]
    wanted = urlencode({key: value for key, value in (query or {}).items() if value not in ("", None)})
    return urlsplit(str(request.url_for(name, **path))).path + (f"?{wanted}" if wanted else "")


@pass_context
def static(context: Context, file: str) -> str:
    """A static file's path with its checksum, so that a browser may keep it for good."""
    return f"{link(context, 'static', path=file)}?v={_checksums[file]}"


@pass_context
def dag_page(context: Context, event: str, tab: str = "") -> str:
    """The path of the event's DAG in Airflow's own web UI, below which our pages are mounted."""
    request: Request = context["request"]
    root = str(request.scope.get("root_path", "")).removesuffix("/gwfollow")
    return f"{root}/dags/{quote(event_dag_id(event), safe='')}{tab}"


def utc(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def size(count: int) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000 or unit == "MB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000  # type: ignore[assignment]
    raise AssertionError("unreachable")


def far(value: Any) -> str:
    """A false alarm rate in Hz, and as one in so many years."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        return str(value)
    seconds = 1 / value
    if seconds >= _YEAR:
        often = f"1 in {_rounded(seconds / _YEAR)} years"
    elif seconds >= 86400:
        often = f"1 in {_rounded(seconds / 86400)} days"
    else:
        often = f"{_rounded(86400 / seconds)} a day"
    return f"{value:.2g} Hz ({often})"


def _rounded(value: float) -> str:
    for unit, words in ((1e9, " billion"), (1e6, " million")):
        if 1e12 > value >= unit:
            return f"{value / unit:.3g}{words}"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}" if value < 1e12 else f"{value:.1e}"


def in_words(value: Any) -> str:
    """Lists, and names with their values, as a person writes them."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(inner)}" for key, inner in value.items() if inner not in (None, ""))
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(in_words(inner) for inner in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def rounded(value: float) -> str:
    """Nobody knows areas and distances better than this."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def moment(text: Any) -> str:
    """An ISO time as the other times are written."""
    try:
        return utc(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return str(text)


def gps_in_utc(gps: float) -> str:
    from gwfollow.times import gps_to_utc

    try:
        return utc(gps_to_utc(gps))
    except InputError:
        return ""


def outside(address: Any) -> str:
    """An address that a message gave, where it is one that a link may lead to; otherwise nothing."""
    return address if isinstance(address, str) and urlsplit(address).scheme in ("https", "http") else ""


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(link=link, static=static, dag_page=dag_page, event_dag_id=event_dag_id, progress_in_words=said)
    made.filters.update(utc=utc, size=size, far=far, outside=outside, in_words=in_words)
    made.filters.update(rounded=rounded, moment=moment, gps_utc=functools.lru_cache(1000)(gps_in_utc))
    return made


_templates = Jinja2Templates(env=_environment())
_checksums = {
    file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in (HERE / "static").iterdir() if file.is_file()
}

__all__ = ["HERE", "far", "outside", "page", "size", "utc"]

"""GraceDB's query language, as far as follow-up uses it: ids, times, category, FAR, labels, joined by AND."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gwfollow.sandbox.gracedb.web import Problem

Document = dict[str, Any]
Condition = Callable[[Document], bool]

_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>:]+(?::\d[^\s]*)?)"
_TERM = re.compile(
    rf"\s*(?:(?P<field>[A-Za-z_0-9]+)\s*(?P<sign>:|<=|>=|<|>|=)\s*(?P<low>{_VALUE})(?:\s*\.\.\s*(?P<high>{_VALUE}))?"
    rf"|(?P<bare>[~]?[A-Za-z0-9_*?-]+))\s*(?:[&,]|AND\b)?\s*"
)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TIMES = {"t_0": "t_0", "gpstime": "gpstime"}
_WORDS = {"category", "group", "pipeline", "search", "submitter", "instruments", "replay_id"}
_ID = re.compile(r"(?:T|M)?S\d[\w*?]*|[GEHMT]\d[\d*?]*|(?:T|M)?GW\d[\w*?]*", re.IGNORECASE)


def parse(text: str, *, kind: str, labels: frozenset[str]) -> Condition:
    """A test for documents.  Raises `Problem` 400 for what this is not."""
    conditions: list[Condition] = []
    narrow = False  # whether it asks for a category or an id: otherwise Test and MDC superevents stay out
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise Problem(400, f"Invalid query: cannot read {text[position:]!r}")
        condition, narrows = _condition(match, kind, labels)
        conditions.append(condition)
        narrow |= narrows
        position = match.end()
    if kind == "superevent" and conditions and not narrow:
        conditions.append(lambda document: document["category"] == "Production")
    return lambda document: all(condition(document) for condition in conditions)


def _condition(match: re.Match[str], kind: str, labels: frozenset[str]) -> tuple[Condition, bool]:
    if bare := match["bare"]:
        return _bare(bare, kind, labels)
    field, sign, low, high = match["field"].lower(), match["sign"], match["low"].strip("\"'"), match["high"]
    high = high.strip("\"'") if high else None
    if field in ("id", "superevent_id", "graceid", "gid"):
        return _by_id(low, kind), True
    if field in _WORDS:
        return (lambda document: str(document.get(field, "")).lower() == low.lower()), field == "category"
    if field in ("label", "labels"):
        return (lambda document: low in document["labels"]), False
    if field == "is_public":
        return (lambda document: document["public"] == (low.lower() in ("true", "yes", "1"))), False
    if field == "created":
        return _created(low, high), False
    if field in (*_TIMES, "far"):
        return _number(_time_field(field, kind), sign, low, high), False
    raise Problem(400, f"Invalid query: no field {field!r}")


def _bare(word: str, kind: str, labels: frozenset[str]) -> tuple[Condition, bool]:
    negative, word = word.startswith("~"), word.removeprefix("~")
    if word in labels:
        return (lambda document: (word in document["labels"]) != negative), False
    if word.lower() in ("production", "test", "mdc") and kind == "superevent":
        return (lambda document: document["category"].lower() == word.lower()), True
    if kind == "event" and not negative and word.lower() in ("cbc", "burst", "external", "test"):
        return (lambda document: document["group"].lower() == word.lower()), False
    if _ID.fullmatch(word) and not negative:
        return _by_id(word, kind), True
    raise Problem(400, f"Invalid query: what is {word!r}?")


def _by_id(pattern: str, kind: str) -> Condition:
    key = "superevent_id" if kind == "superevent" else "graceid"
    wanted = pattern.lower()

    def condition(document: Document) -> bool:
        names = (document[key], document.get("gw_id") or "")
        return any(fnmatch.fnmatchcase(name.lower(), wanted) for name in names)

    return condition


def _time_field(field: str, kind: str) -> str:
    if field == "far":
        return field
    return "t_0" if kind == "superevent" else "gpstime"


def _number(field: str, sign: str, low: str, high: str | None) -> Condition:
    try:
        lowest = float(low)
        highest = float(high) if high else None
    except ValueError:
        raise Problem(400, f"Invalid query: {field} takes numbers, not {low!r}") from None

    def condition(document: Document) -> bool:
        value = document.get(field)
        if value is None:
            return False
        if highest is not None:
            return bool(lowest <= value <= highest)
        return bool(_SIGNS.get(sign, operator.eq)(value, lowest))

    return condition


def _created(low: str, high: str | None) -> Condition:
    start, end = _moment(low), _moment(high or "now")
    return lambda document: start <= _moment(document["created"]) <= end


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise Problem(400, f"Invalid query: {text!r} is not a date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

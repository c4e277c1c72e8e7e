"""How large and how deep a message may be, before anything else is asked of it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from gwfollow.errors import InputError

#: bytes; a public notice with its sky map has one million
LARGEST = 20_000_000
#: bytes; a VOEvent has a few thousand
LARGEST_VOEVENT = 100_000
#: values of a JSON document: a million empty lists would take a hundred times their bytes in memory
MOST_VALUES = 500_000
DEEPEST = 40


def oversize(raw: bytes) -> str | None:
    """Why a message is not even parsed; None where nothing speaks against it."""
    if len(raw) > LARGEST:
        return f"{len(raw)} bytes: larger than the {LARGEST} that an alert may have"
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        return f"more than {MOST_VALUES} values: no alert has so many"
    return None


def text_of(raw: bytes, place: str) -> str:
    """The message as text.  Raises `InputError` where it is too large, or not UTF-8."""
    if problem := oversize(raw):
        raise InputError(f"{place}: {problem}")
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 text (byte {error.start})") from None
    if not text:
        raise InputError(f"{place}: the message is empty")
    return text


def parse_json(text: str, place: str) -> Any:
    """A JSON document of finite numbers.

    A key that stands twice in an object counts with its last value, as in every reader of the field (recorded alerts have such keys).
    Raises `InputError` for what is no JSON, NaN and infinities, numbers beyond double precision, and text that no database takes.
    """
    try:
        document = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise InputError(f"{place}: nested deeper than {DEEPEST}") from None
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: no JSON: {error}") from None
    return document


def _no_number(text: str) -> NoReturn:
    raise InputError("a number", text, "a finite one")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _integer(text: str) -> int:
    if len(text) > 19:
        raise InputError("a number", text, "one with at most 18 digits")
    return int(text)


def check_text(text: str, place: str) -> str:
    """Raises `InputError` for what a database or a file would not take: NUL, and halves of surrogate pairs."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise InputError(f"{place}: text with NUL or with half a character in it")
    return text


__all__ = ["DEEPEST", "LARGEST", "LARGEST_VOEVENT", "MOST_VALUES", "check_text", "oversize", "parse_json", "text_of"]

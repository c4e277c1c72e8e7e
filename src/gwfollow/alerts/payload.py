"""A message as the inbox keeps it: JSON, with long texts replaced by their checksums.

    {"event": {"far": 1e-9, "skymap": {"sha256": "...", "bytes": 777600, "name": "bayestar.multiorder.fits"}}}

A sky map's checksum and size are those of the FITS file, not of its base64 text; what is no whole FITS file has a ``problem``.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from gwfollow.alerts.bounds import DEEPEST, LARGEST_VOEVENT, check_text
from gwfollow.alerts.fits_outline import LARGEST_IN_ALERT, Header, gunzip, outline
from gwfollow.errors import InputError

#: characters; no text that a person wants to see is longer
LONG = 10_000

#: where public notices carry sky maps
_SKYMAPS = frozenset({("event", "skymap"), ("external_coinc", "combined_skymap")})
#: where igwn-alerts carry VOEvents, which are kept whole
_VOEVENTS = frozenset({("data", "text"), ("object", "text")})


@dataclass
class Stripped:
    """What `strip` gives: the short form, and the FITS files by their SHA-256."""

    payload: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def strip(document: dict[str, Any], place: str) -> Stripped:
    """The short form of a message.  Raises `InputError` for depth and for text that no database takes."""
    found = Stripped()
    found.payload = _strip(document, (), found, place)
    return found


def _strip(value: Any, path: tuple[str, ...], found: Stripped, place: str) -> Any:
    if path in _SKYMAPS and value is not None:
        return _skymap(value, found)
    if isinstance(value, str):
        check_text(value, place)
        longest = LARGEST_VOEVENT if path in _VOEVENTS else LONG
        return value if len(value) <= longest else _checksum(value.encode())
    if len(path) > DEEPEST:
        raise InputError(f"{place}: nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        for key in value:
            check_text(key, place)
        return {key: _strip(inner, (*path, key), found, place) for key, inner in value.items()}
    return [_strip(inner, (*path, ""), found, place) for inner in value] if isinstance(value, list) else value


def _checksum(contents: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(contents).hexdigest(), "bytes": len(contents)}


def _skymap(value: Any, found: Stripped) -> dict[str, Any]:
    if not isinstance(value, str):
        return {**_checksum(repr(value)[:LONG].encode()), "problem": f"not base64 text but {type(value).__name__}"}
    try:
        contents = b64decode(re.sub(r"[ \t\r\n]", "", value), validate=True)
    except (binascii.Error, ValueError) as error:
        return {**_checksum(value.encode(errors="replace")), "problem": f"not base64: {error}"}
    short = _checksum(contents)
    try:
        headers = outline(gunzip(contents, "the sky map", LARGEST_IN_ALERT), "the sky map")
    except InputError as error:
        return {**short, "problem": str(error)}
    found.files[short["sha256"]] = contents
    return {**short, "name": _name(headers, packed=contents[:2] == b"\x1f\x8b")}


def _name(headers: list[Header], *, packed: bool) -> str:
    """As GraceDB names the files: ``bayestar.multiorder.fits``; what the header does not tell is left out."""
    table = headers[1] if len(headers) > 1 else {}
    creator = re.match(r"[A-Za-z0-9]{1,40}", table.get("CREATOR", ""))
    name = creator.group() if creator else "skymap"
    name = name.lower() if name == "BAYESTAR" else name
    multiorder = table.get("ORDERING") == "NUNIQ" or table.get("TTYPE1") == "UNIQ"
    return f"{name}{'.multiorder' if multiorder else ''}.fits{'.gz' if packed else ''}"


__all__ = ["LONG", "Stripped", "strip"]

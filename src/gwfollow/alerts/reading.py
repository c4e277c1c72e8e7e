"""Reading alerts of every form.

    read(raw, "igwn.gwalert")     the message as it came
    read_payload(row.payload)     the same from what the inbox keeps: all but `skymap.contents`

A message is first made short (`payload.strip`), then read from the short form: so the two cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.bounds import parse_json, text_of
from gwfollow.alerts.payload import strip
from gwfollow.errors import InputError

_FORMS = "a public notice, an igwn-alert, a superevent of GraceDB or a VOEvent"


def read(raw: bytes, place: str) -> Alert:
    """The alert in a message.  Raises `InputError` with the reason why it is refused; `place` begins it."""
    text = text_of(raw, place)
    if text.startswith("<"):
        return read_payload({"voevent": text}, place)
    document = parse_json(text, place)
    if not isinstance(document, dict):
        raise InputError(f"{place}: {_what(document)}, where {_FORMS} is expected" + _hint(document))
    found = strip(document, place)
    alert = read_payload(found.payload, place)
    if alert.skymap is None or alert.skymap.sha256 not in found.files:
        return alert
    return replace(alert, skymap=replace(alert.skymap, contents=found.files[alert.skymap.sha256]))


def read_payload(payload: Mapping[str, Any], place: str = "alert") -> Alert:
    """The alert in the short form that the inbox keeps.  Raises `InputError`."""
    if isinstance(text := payload.get("voevent"), str):
        from gwfollow.alerts.voevent import read_voevent

        return read_voevent(text, place)
    alert_type = payload.get("alert_type")
    if "uid" in payload and alert_type is not None:
        from gwfollow.alerts.internal import read_internal

        return read_internal(payload, place)
    if "superevent_id" in payload:
        from gwfollow.alerts.internal import read_snapshot
        from gwfollow.alerts.public import read_public

        return read_snapshot(payload, place) if alert_type is None else read_public(payload, place)
    raise InputError(f"{place}: {_refusal(payload)}")


def split(raw: bytes) -> list[bytes]:
    """A document that lists superevents, as messages of one superevent each; any other message by itself.

    Lists are what ``GET /api/superevents/`` answers ({"superevents": [...]}) and plain JSON lists.  What cannot be read stays whole, so
    that `read` refuses it with the reason.
    """
    try:
        text = text_of(raw, "list")
        document = None if text.startswith("<") else parse_json(text, "list")
    except InputError:
        return [raw]
    found = document.get("superevents") if isinstance(document, dict) else document
    if not isinstance(found, list) or not found:
        return [raw]
    return [json.dumps(one, sort_keys=True, separators=(",", ":")).encode() for one in found]


def _refusal(payload: Mapping[str, Any]) -> str:
    if isinstance(payload.get("superevents"), list):
        return (
            f"a list of {len(payload['superevents'])} superevents, which are messages of their own (`gwfollow ingest` splits it)"
        )
    words = " ".join(str(payload.get(key, ""))[:200] for key in ("$schema", "type", "mission"))
    if "icecube" in words.lower():
        return "a notice of IceCube about neutrinos, which searches for coincidences take; no alert about a gravitational wave"
    if "graceid" in payload:
        return "an event of GraceDB by itself, not an alert about it"
    keys = ", ".join(sorted(payload)[:8]) or "no keys"
    return f"no form of alert that is known: expected {_FORMS}, found an object with {keys[:200]}"


def _what(document: Any) -> str:
    return f"a JSON list of {len(document)}" if isinstance(document, list) else f"the JSON value {str(document)[:40]!r}"


def _hint(document: Any) -> str:
    return "; `gwfollow ingest` takes every superevent of a list by itself" if isinstance(document, list) else ""


__all__ = ["read", "read_payload", "split"]

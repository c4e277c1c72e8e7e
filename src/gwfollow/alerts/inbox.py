"""The inbox: a message is stored here, whole and once, before anybody is told that it has arrived.

Storing never fails because of what is in a message: one that cannot be read is kept with the reason (state *refused*), so that the
offset may move and a person can look at it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.bounds import LARGEST, oversize
from gwfollow.alerts.folders import Folders, write_once
from gwfollow.errors import InputError, StaleVersion
from gwfollow.ledger.schema import Inbox, now
from gwfollow.ledger.store import Ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """What became of a message at the door."""

    id: int
    new: bool  # False: the same message was there before
    state: str
    event: str | None
    verdict: str | None


def store(
    ledger: Ledger, folders: Folders, raw: bytes, *, source: str, topic: str = "", published: datetime | None = None
) -> Stored:
    """Store one message; returns when it is on disk and in the ledger.

    Parameters
    ----------
    raw : the message as it came
    source : igwn-alert, gcn, gracedb or file
    topic : Kafka topic or file name
    published : Kafka's time of the message, for messages that do not say when they were made

    Raises
    ------
    LedgerBusy, OSError : not stored; the message must be asked for again
    """
    from gwfollow.alerts.reading import read

    key = content_key(raw)
    if (known := _known(ledger, key)) is not None:
        return known
    received = now()
    row = Inbox(source=source, topic=topic[:200], key=key, received=received, issued=published, size=len(raw), payload={})
    if len(raw) > LARGEST:
        row.state, row.verdict = "refused", f"{len(raw)} bytes: larger than the {LARGEST} that an alert may have; not kept"
    else:
        suffix = ".xml" if raw.lstrip()[:1] == b"<" else ".json"
        path = folders.archived_alert(received, key.removeprefix("sha256:"), suffix)
        write_once(path, raw)
        row.archive = str(path)
        try:
            _describe(row, read(raw, topic or source))
        except InputError as error:
            row.state, row.verdict = "refused", str(error)
            row.payload = {"text": raw[:2000].decode(errors="replace")}
        except Exception as error:  # a fault of ours must not hold up the messages behind this one
            log.exception("message %s of %s could not be read", key, topic or source)
            row.state, row.verdict = (
                "refused",
                f"gwfollow failed to read it, which is a fault of gwfollow ({type(error).__name__})",
            )
            row.payload = {"text": raw[:2000].decode(errors="replace")}
    try:
        with ledger.change(who=source) as change:
            change.session.add(row)
            change.session.flush()
            stored = _stored(row, new=True)
    except StaleVersion:  # another listener stored the same message in this moment
        known = _known(ledger, key)
        if known is None:
            raise
        return known
    return stored


def content_key(raw: bytes) -> str:
    """The same message has the same key, however its JSON is laid out."""
    if oversize(raw) is None:
        try:
            raw = json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            pass
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _describe(row: Inbox, alert: Alert) -> None:
    row.event, row.kind, row.issued = alert.event, alert.kind, alert.issued or row.issued
    row.payload = dict(alert.payload)


def _known(ledger: Ledger, key: str) -> Stored | None:
    with ledger.read() as session:
        row = session.scalar(select(Inbox).where(Inbox.key == key))
        return _stored(row, new=False) if row else None


def _stored(row: Inbox, *, new: bool) -> Stored:
    return Stored(row.id, new, row.state or "new", row.event, row.verdict)


def as_json(value: Any) -> bytes:
    """What has no bytes of its own (a superevent from a query) as a message."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


__all__ = ["LARGEST", "Stored", "as_json", "content_key", "store", "write_once"]

"""The inbox: a message is stored here, whole and once, before anybody is told that it has arrived.

Storing never fails because of what is in a message: one that cannot be read is kept with the reason (state *refused*), so that the
offset may move and a person can look at it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.bounds import LARGEST, oversize
from gwfollow.alerts.folders import Folders, write_once
from gwfollow.errors import InputError, StaleVersion
from gwfollow.ledger.schema import Inbox, now
from gwfollow.ledger.store import Ledger

log = logging.getLogger(__name__)

#: files of one batch that are written at once
WRITERS = 8


@dataclass(frozen=True)
class Stored:
    """What became of a message at the door."""

    id: int
    new: bool  # False: the same message was there before
    state: str
    event: str | None
    verdict: str | None


@dataclass(frozen=True)
class Message:
    """A message as it came."""

    raw: bytes = field(repr=False)
    topic: str = ""  # Kafka topic, or file name
    published: datetime | None = None  # Kafka's time of it, for messages that do not say when they were made


def store(
    ledger: Ledger, folders: Folders, raw: bytes, *, source: str, topic: str = "", published: datetime | None = None
) -> Stored:
    """Store one message; see `store_all`."""
    return store_all(ledger, folders, [Message(raw, topic, published)], source=source)[0]


def store_all(ledger: Ledger, folders: Folders, messages: Sequence[Message], *, source: str) -> list[Stored]:
    """Store messages, all of them or none; returns when they are on disk and in the ledger.

    Parameters
    ----------
    source : igwn-alert, gcn, gracedb or file

    Raises
    ------
    LedgerBusy, OSError : not stored; the messages must be asked for again
    """
    keys = [content_key(message.raw) for message in messages]
    known = _known(ledger, keys)
    new = {key: message for key, message in zip(keys, messages, strict=True) if key not in known}
    rows = [_row(folders, key, message, source) for key, message in new.items()]
    _archive([(Path(row.archive), message.raw) for row, message in zip(rows, new.values(), strict=True) if row.archive])
    try:
        with ledger.change(who=source) as change:
            change.session.add_all(rows)
            change.session.flush()
            made = {row.key: _stored(row, new=True) for row in rows}
    except StaleVersion:  # another listener stored one of them in this moment
        if len(rows) > 1:
            return [store_all(ledger, folders, [message], source=source)[0] for message in messages]
        made = _known(ledger, keys)
        if not made:
            raise
    found = []
    for key in keys:
        found.append(known[key] if key in known else made[key])
        known.setdefault(key, replace(found[-1], new=False))  # the same message once more in this batch
    return found


def _row(folders: Folders, key: str, message: Message, source: str) -> Inbox:
    """The row of a message, with what it says or why it is refused."""
    from gwfollow.alerts.reading import read

    raw, place, received = message.raw, message.topic or source, now()
    row = Inbox(source=source, topic=message.topic[:200], key=key, received=received, issued=message.published, size=len(raw))
    row.payload = {}
    if len(raw) > LARGEST:
        row.state, row.verdict = "refused", f"{len(raw)} bytes: larger than the {LARGEST} that an alert may have; not kept"
        return row
    suffix = ".xml" if raw.lstrip()[:1] == b"<" else ".json"
    row.archive = str(folders.archived_alert(received, key.removeprefix("sha256:"), suffix))
    try:
        _describe(row, read(raw, place))
        return row
    except InputError as error:
        row.verdict = str(error)
    except Exception as error:  # a fault of ours must not hold up the messages behind this one
        log.exception("message %s of %s could not be read", key, place)
        row.verdict = f"gwfollow failed to read it, which is a fault of gwfollow ({type(error).__name__})"
    row.state, row.payload = "refused", {"text": raw[:2000].decode(errors="replace")}
    return row


def _archive(files: list[tuple[Path, bytes]]) -> None:
    """Write files for good; together, for a disk that is asked by several at once has less to wait for."""
    if len(files) < 2:
        for path, raw in files:
            write_once(path, raw)
        return
    with ThreadPoolExecutor(min(WRITERS, len(files))) as threads:
        list(threads.map(lambda file: write_once(*file), files))


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


def _known(ledger: Ledger, keys: Sequence[str]) -> dict[str, Stored]:
    with ledger.read() as session:
        return {row.key: _stored(row, new=False) for row in session.scalars(select(Inbox).where(Inbox.key.in_(keys)))}


def _stored(row: Inbox, *, new: bool) -> Stored:
    return Stored(row.id, new, row.state or "new", row.event, row.verdict)


def as_json(value: Any) -> bytes:
    """What has no bytes of its own (a superevent from a query) as a message."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


__all__ = ["LARGEST", "Message", "Stored", "as_json", "content_key", "store", "store_all", "write_once"]

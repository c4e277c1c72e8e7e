"""What a task says of an event in GraceDB: stored in the outbox with a key of its own, so that saying it again says nothing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError
from gwfollow.gracedb.upload import LARGEST
from gwfollow.ledger.schema import Event
from gwfollow.ledger.store import Change, find_event, is_test
from gwfollow.life.site import NoWork, Site


@dataclass(frozen=True)
class Said:
    """What became of it."""

    key: str  # of the message in the outbox
    new: bool  # False: it had been stored before


def annotate(
    site: Site, event: str, comment: str, *, tags: Sequence[str] = (), file: str = "", filename: str = "", once: str = ""
) -> Said:
    """A log entry, with a file where one is named: there once for the same words, tags and contents of an event.

    Parameters
    ----------
    file : path of the file
    filename : its name in GraceDB; by default its own
    once : two entries with the same words but another word here are two entries

    Raises
    ------
    NoWork : the event is a test, or not in GraceDB
    InputError : nothing to say, a file that is not there or too large
    """
    if not comment.strip():
        raise InputError(f"event {event}, comment", comment, "some words")
    payload: dict[str, Any] = {"comment": comment, "tags": list(tags)}
    if file:
        payload |= _file(event, Path(file), filename)
    about = {key: value for key, value in payload.items() if key != "file"}  # a copy elsewhere is the same file
    digest = hashlib.sha256(json.dumps([about, once], sort_keys=True).encode()).hexdigest()[:24]
    return _store(site, event, "log", payload, f"gracedb:{event}:log:{digest}")


def set_label(site: Site, event: str, label: str, *, there: bool, once: str) -> Said:
    """Add or remove a label; `once` tells one occasion from another.  Raises `NoWork` as `annotate`."""
    kind = "label" if there else "unlabel"
    return _store(site, event, kind, {"label": label}, f"gracedb:{event}:{kind}:{label}:{once}"[:300])


def graceid_of(site: Site, event: str) -> str:
    """The event's id in GraceDB.  Raises `NoWork` where it has none."""
    with site.ledger.read() as session:
        return _graceid(find_event(session, event))


def _graceid(event: Event) -> str:
    if not event.graceid:
        raise NoWork(f"{event.name} is not in GraceDB")
    return event.graceid


def _file(event: str, path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"event {event}, file", str(path), "a file that is there")
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(f"event {event}, file {path}", f"{size} bytes", f"at most {LARGEST}")
    return {"file": str(path.absolute()), "sha256": sha256_of(path), "filename": name or path.name}


def _store(site: Site, event: str, kind: str, payload: dict[str, Any], key: str) -> Said:
    def action(change: Change) -> Said:
        row = change.event(event)
        graceid = _graceid(row)
        new = change.send("gracedb", kind, {"graceid": graceid, **payload}, key=key, event=row)
        return Said(key, new)

    said = site.ledger.run(action, who=site.who)
    with site.ledger.read() as session:
        if not said.new and is_test(find_event(session, event)):
            raise NoWork(f"{event} is a test: nothing is written about it")
    return said


__all__ = ["Said", "annotate", "graceid_of", "set_label"]

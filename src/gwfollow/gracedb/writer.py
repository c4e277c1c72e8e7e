"""The outbox' way to GraceDB: log entries, files, labels and tags, each there once however often it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gwfollow.errors import PermanentError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger.outbox import Message
from gwfollow.naming import is_mock

#: how far GraceDB's clock may be behind ours, s
CLOCK_SKEW = 300.0


class GraceDBWriter:
    """Delivers messages by their kind; every payload has a ``graceid``.

    =======  ==================================================================================================
    log      comment; tags, label, and file (path), sha256, filename where there are any
    file     the same, with a file in any case; by default the comment is "Upload of" and its name
    label    label; there already: nothing is done
    unlabel  label; not there: nothing is done
    tag      N (of the log entry), tag
    =======  ==================================================================================================

    Ids of mock and test events are refused whatever the ledger says: nothing of a test leaves the house.
    """

    claim_seconds = 600.0

    def __init__(self, client: GraceDBClient) -> None:
        self.client = client
        self._name: str | None = None
        self._kinds: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "log": self._log,
            "file": self._log,
            "label": self._label,
            "unlabel": self._unlabel,
            "tag": self._tag,
        }

    # ---- sending -------------------------------------------------------------------------------------------------------
    def send(self, message: Message) -> dict[str, Any]:
        send = self._kinds.get(message.kind)
        if send is None:
            raise PermanentError(f"GraceDB takes messages of the kinds {', '.join(self._kinds)}, not {message.kind!r}")
        if is_mock(str(message.payload["graceid"])):
            raise PermanentError(f"{message.payload['graceid']} is a test: nothing is written about it")
        return send(message.payload)

    def _log(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        file = None
        if name := _file_name(payload):
            file = (name, Path(payload["file"]), str(payload["sha256"]))
        tags, label = payload.get("tags", ()), payload.get("label")
        return _entry(self.client.write_log(payload["graceid"], _comment(payload), tags=tags, file=file, label=label))

    def _label(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        self.client.add_label(payload["graceid"], payload["label"])
        return {"label": payload["label"]}

    def _unlabel(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        self.client.remove_label(payload["graceid"], payload["label"])
        return {"removed": payload["label"]}

    def _tag(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        self.client.add_tag(payload["graceid"], int(payload["N"]), payload["tag"])
        return {"N": int(payload["N"]), "tag": payload["tag"]}

    # ---- looking first -------------------------------------------------------------------------------------------------
    def already(self, message: Message) -> dict[str, Any] | None:
        """A label that is there (or gone), a tag that is; a log entry of ours with this comment, these tags and this file, not older
        than the message, and not the answer to another message.
        """
        payload = message.payload
        graceid = payload["graceid"]
        if message.kind in ("label", "unlabel"):
            there = payload["label"] in self.client.labels(graceid)
            if message.kind == "label":
                return {"label": payload["label"]} if there else None
            return None if there else {"removed": payload["label"]}
        if message.kind == "tag":
            found = payload["tag"] in self.client.tags(graceid, int(payload["N"]))
            return {"N": int(payload["N"]), "tag": payload["tag"]} if found else None
        oldest = message.created - timedelta(seconds=CLOCK_SKEW)
        taken = {answer.get("N") for answer in message.answers}
        for entry in reversed(self.client.logs(graceid)):
            if entry["N"] not in taken and _created(entry) >= oldest and self._same(entry, payload):
                return _entry(entry)
        return None

    def _same(self, entry: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        if self._name is None:
            self._name = self.client.whoami() or ""
        return (
            entry["comment"] == _comment(payload)
            and set(payload.get("tags", ())) <= set(entry["tag_names"])
            and (entry.get("filename") or "") == _file_name(payload)
            and self._name in ("", entry["issuer"])
        )


def _comment(payload: Mapping[str, Any]) -> str:
    return str(payload.get("comment") or f"Upload of {_file_name(payload)}")


def _file_name(payload: Mapping[str, Any]) -> str:
    if not payload.get("file"):
        return ""
    return str(payload.get("filename") or Path(payload["file"]).name)


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("N", "filename", "file_version") if entry.get(key) not in (None, "")}


def _created(entry: Mapping[str, Any]) -> datetime:
    moment = datetime.fromisoformat(str(entry["created"]).removesuffix(" UTC"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


__all__ = ["GraceDBWriter"]

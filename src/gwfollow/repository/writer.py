"""The outbox' way to events' repositories."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gwfollow.errors import PermanentError
from gwfollow.ledger.outbox import Message
from gwfollow.repository.address import check_address
from gwfollow.repository.commits import File, Remote, Wanted
from gwfollow.settings import Settings

#: s for one message, with all calls of git
SECONDS = 120.0
#: a configuration or a PSD is smaller
LARGEST = 100 * 2**20


class RepositoryWriter:
    """Messages ``commit``: {"address", "create", "attempt", "subject", "files": [{"path", "sha256", "target"}]}."""

    claim_seconds = SECONDS + 60.0

    def __init__(self, settings: Settings, *, seconds: float = SECONDS) -> None:
        self.copies, self.seconds = settings.home_folder / "repositories", seconds

    def send(self, message: Message) -> dict[str, Any]:
        payload = message.payload
        files = tuple(File(one["target"], _content(Path(one["path"]), one["sha256"])) for one in payload["files"])
        wanted = Wanted(message.key, payload["subject"], payload["attempt"], message.created, files)
        return self._remote(message).commit(wanted)

    def already(self, message: Message) -> dict[str, Any] | None:
        return self._remote(message).find(message.key)

    def _remote(self, message: Message) -> Remote:
        if message.kind != "commit":
            raise PermanentError(f"a repository takes messages of the kind commit, not {message.kind!r}")
        address = check_address(message.payload["address"], f"{message.key}, address")
        return Remote(address, create=bool(message.payload["create"]), copies=self.copies, seconds=self.seconds)


def _content(path: Path, sha256: str) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise PermanentError(f"{path} is larger than {LARGEST} bytes: not committed")
        content = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise PermanentError(f"{path} is no longer what it was when it was to be committed")
    return content


__all__ = ["RepositoryWriter"]

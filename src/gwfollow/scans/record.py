"""What a scan has found, on disk as it finds it: ``channels.jsonl``, one line for each channel that has its end.

A rerun with the same configuration takes up what is there.  A line that a kill cut off is dropped.  What may come out otherwise the next
time (data that were missing, a process that died) is tried again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from gwfollow.scans.drafts import NotWritten, write_whole
from gwfollow.scans.model import DONE, ChannelResult, ScanConfig

#: says of which configuration the results in ``channels.jsonl`` are
OF = ".channels.config"
#: do not change what is found
_HOW_ONLY = {"workers", "memory_mb", "time_limit", "title"}
#: ends that stand
_FOR_GOOD = frozenset({"scanned", "not finite", "constant"})
Key = tuple[str, str]


def key(result: ChannelResult) -> Key:
    return (result.block, result.channel)


class Record:
    """The results in a scan's folder; `found` has those that stand, by block and channel.  Raises `NotWritten`."""

    def __init__(self, folder: Path, config: ScanConfig) -> None:
        self._path = folder / DONE
        self.found: dict[Key, ChannelResult] = {}
        mark = _checksum(config)
        if not self._is_of(folder / OF, mark):
            self._path.unlink(missing_ok=True)
            write_whole(folder / OF, mark.encode())
        self._size = self._take_up()

    def add(self, results: Iterable[ChannelResult]) -> None:
        """Whole lines, on the disk when this returns."""
        new = list(results)
        lines = "".join(f"{result.model_dump_json()}\n" for result in new).encode()
        if not lines:
            return
        try:
            with self._path.open("ab") as stream:
                stream.write(lines)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            self._cut()
            raise NotWritten(f"{self._path} cannot be written: {error.strerror or error}") from error
        self._size += len(lines)
        self.found.update((key(result), result) for result in new)

    def _cut(self) -> None:
        """Back to the last whole line: a full disk may have taken half of one."""
        try:
            os.truncate(self._path, self._size)
        except OSError:
            pass  # not even there; the next reader drops the torn line

    def _is_of(self, path: Path, mark: str) -> bool:
        try:
            return path.read_text() == mark
        except (OSError, UnicodeDecodeError):
            return False

    def _take_up(self) -> int:
        """Reads what is there; the number of bytes of its whole lines."""
        size = 0
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        for line in content.splitlines(keepends=True):
            try:
                result = ChannelResult.model_validate_json(line)
            except ValidationError:
                break
            if not line.endswith(b"\n"):
                break
            size += len(line)
            self.found[key(result)] = result
        if size < len(content):
            os.truncate(self._path, size)
        self.found = {name: result for name, result in self.found.items() if result.state in _FOR_GOOD}
        return size


def _checksum(config: ScanConfig) -> str:
    document = config.model_dump(mode="json", exclude=_HOW_ONLY)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


__all__ = ["OF", "Key", "Record", "key"]

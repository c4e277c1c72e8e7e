"""Sending a file as a multipart form without ever holding it in memory, and only if it is the file that was meant."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from gwfollow.errors import PermanentError, RemoteSilent

#: bytes read at once
CHUNK = 1 << 18
#: bytes of the largest file that is sent
LARGEST = 500_000_000
#: seconds that sending a file may take; others wait for it no longer than `GraceDBWriter.claim_seconds`
SECONDS = 300.0


class Form:
    """A body for `requests`: text fields, then one file.

    Parameters
    ----------
    fields : (name, value); a name may come more than once
    part : the name of the file's field
    name : the file's name over there
    path : the file
    sha256 : its checksum; another one ends the request before its last byte, so that nothing is stored
    """

    def __init__(
        self, fields: Iterable[tuple[str, str]], part: str, name: str, path: Path, *, sha256: str = "", largest: int = LARGEST
    ) -> None:
        self.path, self.sha256 = path, sha256
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(key)}"\r\n\r\n{value}\r\n' for key, value in fields
        ]
        head.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{_quoted(name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head, self._tail = "".join(head).encode(), f"\r\n--{boundary}--\r\n".encode()
        try:
            self._stream = path.open("rb")
            self._size = path.stat().st_size
        except OSError as error:
            raise PermanentError(f"{path}: cannot be read ({error.strerror})") from None
        if self._size > largest:
            self.close()
            raise PermanentError(f"{path}: {self._size} bytes are more than GraceDB is sent ({largest})")
        self._left = [self._head]
        self._end = time.monotonic() + SECONDS
        self._hash, self._sent, self._ended = hashlib.sha256(), 0, False

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def read(self, size: int = -1) -> bytes:
        """The next part of the body; empty at its end.  Raises `PermanentError` for a file that is not the one that was meant."""
        if self._left:
            return self._left.pop()
        if self._ended:
            return b""
        if time.monotonic() > self._end:
            raise RemoteSilent(
                f"{self.path}: GraceDB takes it too slowly ({self._sent} of {self._size} bytes in {SECONDS:.0f} s)"
            )
        chunk = self._stream.read(min(CHUNK, self._size - self._sent))
        self._sent += len(chunk)
        self._hash.update(chunk)
        if chunk:
            return chunk
        self._ended = True
        if self._sent != self._size or (self.sha256 and self._hash.hexdigest() != self.sha256):
            raise PermanentError(f"{self.path}: has changed since its message was stored (SHA-256 differs)")
        return self._tail

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


__all__ = ["LARGEST", "Form"]

"""Files of a scan's folder are whole or not there: written beside their place, then renamed.

Whoever reads while they are written sees the old file or the new one; a full disk leaves the old one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gwfollow.errors import TransientError


class NotWritten(TransientError):
    """The disk did not take a file; what stood in its place stands there still."""


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, whose folder is there.  Raises `NotWritten`, which names the file and why."""
    draft = path.with_name(f".{secrets.token_hex(4)}.draft")  # short: the name itself may be as long as a file system bears
    try:
        with draft.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # a file system that allocates late says only now that there is no room
        draft.replace(path)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return path


__all__ = ["NotWritten", "write_whole"]

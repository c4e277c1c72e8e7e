"""Frames whose damaged tables of contents the reading library does not survive, and how deep the damage must sit for that."""

from __future__ import annotations

import time
from pathlib import Path

from gwfollow.data.blame import Blame
from gwfollow.data.crew import Job

#: bytes from the end of a small frame of one or two channels: lalframe crashes, or looks for ever
CRASHES, HANGS = (500, 450), (350, 300)


def flipped(path: Path, begin: int, end: int) -> None:
    """Other bytes from `begin` to `end`, both counted from the end of the file."""
    content = bytearray(path.read_bytes())
    for place in range(len(content) - begin, len(content) - end):
        content[place] ^= 0x5A
    path.write_bytes(content)
    _SPOILT.add(str(path))


_SPOILT: set[str] = set()


class Impatient(Blame):
    """Half a second for a file that was spoilt, the usual time for all others, however busy the machine is."""

    def opening(self, job: Job, url: str) -> None:
        super().opening(job, url)
        if url in _SPOILT:
            self._inside[id(job)] = (url, time.monotonic() - self._patience + 0.5)

"""Frames whose damaged tables of contents the reading library does not survive, and how deep the damage must sit for that."""

from __future__ import annotations

from pathlib import Path

#: bytes from the end of a small frame of one or two channels: lalframe crashes, or looks for ever
CRASHES, HANGS = (500, 450), (350, 300)


def flipped(path: Path, begin: int, end: int) -> None:
    """Other bytes from `begin` to `end`, both counted from the end of the file."""
    content = bytearray(path.read_bytes())
    for place in range(len(content) - begin, len(content) - end):
        content[place] ^= 0x5A
    path.write_bytes(content)

"""Frames in folders of this machine, of many types and stretches in one look: shared memory with a file a second, archives of years.

A look reads names.  Only files whose names fit are touched, to leave out what is empty or still being written; whatever else comes and
goes in the folder meanwhile costs nothing.  A file that vanishes between its name and the touch is simply not there any more: shared
memory keeps about 300 s.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gwfollow.data.discovery import MOST_FILES
from gwfollow.data.names import FrameFile, parse
from gwfollow.data.segments import Segment
from gwfollow.errors import InputError

#: folders within folders, at most: a link may lead round in a circle
DEEPEST = 8
#: s since its last change in which a file may still be being written under its final name
YOUNG = 10.0
#: bytes at the end of a frame file that hold its last structure, FrEndOfFile (LIGO-T970130)
_LAST_STRUCTURE = 46
#: s that the last file of an archive's folder may reach beyond the folder's own range
_LONGEST_FILE = 100_000

#: ``H-H1_HOFT_C00-11262`` or ``11262``: an archive's folder, named by the first digits of its files' GPS times
_ARCHIVE_FOLDER = re.compile(r"(?:[A-Z]+-(?P<type>[A-Za-z0-9_+#]+)-(?P<long>\d{4,9})|(?P<short>\d{5}))")


@dataclass(frozen=True)
class Kind:
    """Frames of one detector and type that share time with a stretch."""

    ifo: str
    frame_type: str
    stretch: Segment  # GPS s


def look(path: str, kinds: Collection[Kind]) -> dict[Kind, list[FrameFile]]:
    """What the folders that `path` (a folder, or a glob pattern of folders) names, and those below them, have of each kind.

    Raises `InputError` where there is no such folder, one may not be read, or it has more names than `MOST_FILES`.
    """
    search = _Search(kinds)
    for folder in _folders(path, kinds):
        search.walk(str(folder), DEEPEST)
    return search.found


@dataclass
class _Search:
    kinds: Collection[Kind]
    by_type: dict[str, list[Kind]] = field(default_factory=dict)
    found: dict[Kind, list[FrameFile]] = field(default_factory=dict)
    names: int = 0

    def __post_init__(self) -> None:
        self.found = {kind: [] for kind in self.kinds}
        for kind in self.found:
            self.by_type.setdefault(kind.frame_type, []).append(kind)

    def walk(self, folder: str, depth: int) -> None:
        for entry in _entries(folder):
            self.names += 1
            if self.names > MOST_FILES:
                raise InputError(
                    folder, f"more than {MOST_FILES} names", "a smaller folder, or a gwdatafind server that knows what is in it"
                )
            parts = entry.name.split("-", 4)
            if len(parts) == 4 and "." in parts[3]:
                if parts[1] in self.by_type:
                    self.take(entry)
            elif depth and _may_hold(entry.name, self.by_type) and _is_folder(entry):
                self.walk(entry.path, depth - 1)

    def take(self, entry: os.DirEntry[str]) -> None:
        file = parse(entry.path)
        if file is None:
            return
        start, end = file.segment
        fits = [
            kind
            for kind in self.by_type[file.description]
            if start < kind.stretch[1] and end > kind.stretch[0] and file.belongs_to(kind.ifo)
        ]
        if fits and _whole(entry):
            for kind in fits:
                self.found[kind].append(file)


def _folders(path: str, kinds: Collection[Kind]) -> list[Path]:
    place = Path(path).expanduser().absolute()
    found = [place] if place.is_dir() else [one for one in map(Path, glob.glob(str(place))) if one.is_dir()]  # noqa: PTH207
    if not found:
        types = ", ".join(sorted({kind.frame_type for kind in kinds}))
        raise InputError(f"frames of {types}", str(place), "a folder that is there, or a pattern that matches some")
    return sorted(found)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Raises `InputError` where the folder may not be read; one that has vanished has nothing."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(folder, error.strerror, "a folder that can be read") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _may_hold(name: str, by_type: Mapping[str, list[Kind]]) -> bool:
    """Whether a folder of this name can have files of the kinds; only archives' own names can say no."""
    named = _ARCHIVE_FOLDER.fullmatch(name)
    if named is None:
        return True
    types = by_type if named["type"] is None else by_type.keys() & {named["type"]}
    kinds = [kind for each in types for kind in by_type[each]]
    digits = named["long"] or named["short"]
    # GPS times had nine digits until 2011
    ranges = [(int(digits) * unit, (int(digits) + 1) * unit) for unit in (10 ** (whole - len(digits)) for whole in (9, 10))]
    return any(low < kind.stretch[1] and high + _LONGEST_FILE > kind.stretch[0] for kind in kinds for low, high in ranges)


def _whole(entry: os.DirEntry[str]) -> bool:
    """Whether the file is there and not still being written.

    A frame file ends with a structure that holds the file's own length, so that one that has just been touched can be told whole.
    """
    try:
        status = Path(entry.path).stat()
        if not status.st_size:
            return False
        if not entry.name.endswith(".gwf") or abs(time.time() - status.st_mtime) > YOUNG:
            return True
        with open(entry.path, "rb") as stream:  # noqa: PTH123 (once for each new file and look)
            stream.seek(max(0, status.st_size - _LAST_STRUCTURE))
            tail = stream.read()
    except OSError:
        return False
    return any(status.st_size.to_bytes(8, order) in tail for order in ("little", "big"))


__all__ = ["Kind", "look"]

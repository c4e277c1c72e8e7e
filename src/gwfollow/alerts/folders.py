"""Where every file about alerts and events lies: `Folders` decides, nothing else does.

<data>/current_run/<id>/            what is known of an event: alerts, sky maps, skymap_info.json
<data>/past_runs/<run>/<id>/        the same after the event was archived
<data>/gcn/YYYY-MM/DD/<key>.json    every message as it came, by the day it came
<data>/logs/
<data>/.locks/                      held while an event's folder is changed
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gwfollow.errors import InputError

#: ids of GraceDB and names of events, runs and files: no separators, nothing hidden
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,+-]{0,99}")


class Folders:
    """All paths below one data folder; makes none of them."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def event(self, graceid: str, run: str | None = None) -> Path:
        """The event's folder, in the current run or in a past one.  Raises `InputError` for a name that is no plain file name."""
        if run is None:
            return self.top / "current_run" / _plain("event", graceid)
        return self.top / "past_runs" / _plain("run", run) / _plain("event", graceid)

    def archived_alert(self, received: datetime, key: str, suffix: str) -> Path:
        """The file of a message as it came, by the UTC day it came."""
        day = received.astimezone(UTC)
        return self.top / "gcn" / f"{day:%Y-%m}" / f"{day:%d}" / _plain("key", f"{key}{suffix}")

    def find(self, graceid: str) -> Path | None:
        """The event's folder where it is now: in the current run, or else filed away; None where it has none."""
        if (current := self.event(graceid)).is_dir():
            return current
        return next(iter(sorted(self.top.glob(f"past_runs/*/{_plain('event', graceid)}"))), None)

    def has(self, graceid: str) -> bool:
        """Whether there is a folder of this event; no for a name that no folder may have."""
        return _SAFE.fullmatch(graceid) is not None and self.find(graceid) is not None

    @contextmanager
    def locked(self, graceid: str) -> Iterator[None]:
        """Nobody else changes the event's folder meanwhile, in this process or another on this machine."""
        # the folder itself may be moved, so the lock lies elsewhere; a few events share one, which keeps these files few
        bucket = hashlib.sha256(_plain("event", graceid).encode()).hexdigest()[:2]
        path = self.top / ".locks" / bucket
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def logs(self) -> Path:
        return self.top / "logs"


def file_away(folders: Folders, graceid: str, run: str) -> Path | None:
    """Move the event's folder from the current run to a past one; None where it has no folder.

    Run again, also after a crash in the middle, it has the effect of once.  An event that was filed away before keeps its run, and takes
    in what came since.
    """
    wanted = folders.event(graceid, run)
    with folders.locked(graceid):
        source = folders.event(graceid)
        target = next(iter(sorted(folders.top.glob(f"past_runs/*/{source.name}"))), wanted)
        if not source.is_dir():
            return target if target.is_dir() else None
        if not target.exists():
            _move(source, target)
        else:
            _merge(source, target)
        for parent in (source.parent, target.parent):
            sync_folder(parent)
        return target


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # past_runs lies on another disk: whole under its name or not at all, and only then gone from here
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, symlinks=True)
        part.rename(target)
        shutil.rmtree(source)


def _merge(source: Path, target: Path) -> None:
    """What came since wins: names of alerts and sky maps tell their contents, the others are summaries."""
    for file in sorted(source.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            write_once(place, file.read_bytes())
            file.unlink()
    shutil.rmtree(source)


def write_once(path: Path, contents: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as stream:
        stream.write(contents)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name in a folder survives a power cut from here on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(what: str, name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise InputError(what, name, "letters, digits and _ . , + - only, and a letter or digit first")
    return name


__all__ = ["Folders", "file_away", "sync_folder", "write_once"]

"""The site's folder, changed in one stroke.

DIR is a symbolic link to the present version in ``.DIR.versions`` beside it.  A new version is written there whole, pages that have not
changed as hard links (nothing ever writes into a page that is there), then the link is replaced.  Who reads meanwhile sees the old site or
the new one; who is killed leaves the old one, and the next report removes what he began.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PermanentError, TransientError
from gwfollow.ledger.store import Ledger
from gwfollow.report import pages
from gwfollow.report.facts import all_events
from gwfollow.settings import Settings

#: in each version: page -> [checksum of what it was made from, bytes]
_MADE = ".made.json"
#: versions that stay beside the present one, for who is reading them
_KEPT = 1


@dataclass(frozen=True)
class Written:
    events: int
    pages: int  # of events, written anew
    folder: Path


def write_report(ledger: Ledger, settings: Settings, folder: Path) -> Written:
    """Write the site.

    Raises
    ------
    InputError : `folder` is something that no report made
    TransientError : another report is being written there
    PermanentError : the disk is full or not ours; the old site stays
    """
    folder = folder.absolute()
    _check_place(folder)
    versions = folder.with_name(f".{folder.name}.versions")
    try:
        versions.mkdir(parents=True, exist_ok=True)
        with _alone(versions):
            present = _present(folder, versions)
            fresh = _fresh(versions, present)
            try:
                written = _Version(fresh, present).write(ledger, settings)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
            _switch(folder, fresh)
            _forget(versions, keep=[fresh, *([present] if present else [])][: _KEPT + 1])
    except OSError as error:
        raise PermanentError(f"report {folder}: {error.strerror or error}; the old one, where there is one, stays") from error
    return Written(*written, folder)


class _Version:
    """One version while it is written."""

    def __init__(self, folder: Path, before: Path | None) -> None:
        self._folder, self._before = folder, before
        self._old = _read_made(before)
        self._made: dict[str, list[Any]] = {}
        self._anew = 0

    def write(self, ledger: Ledger, settings: Settings) -> tuple[int, int]:
        (self._folder / "events").mkdir(parents=True)
        listed = []
        with ledger.read() as session:
            for facts in all_events(session, settings):
                self._event(facts)
                listed.append(pages.listing(facts))
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, content in pages.assets().items():
            (self._folder / name).write_bytes(content)
        (self._folder / "index.html").write_bytes(pages.index_page(listed, made))
        (self._folder / "report.json").write_bytes(pages.as_json({"made": made, "events": listed}))
        (self._folder / _MADE).write_text(json.dumps(self._made))
        return len(listed), self._anew

    def _event(self, facts: dict[str, Any]) -> None:
        name, content = facts["name"], pages.as_json(facts)
        key = hashlib.sha256(pages.version().encode() + content).hexdigest()
        again = self._take(f"events/{name}.html", key) and self._take(f"events/{name}.json", key)
        if not again:
            self._anew += 1
            self._put(f"events/{name}.html", key, pages.event_page(facts))
            self._put(f"events/{name}.json", key, content)

    def _take(self, page: str, key: str) -> bool:
        """The page of the version before, where it was made from the same; its size tells one that a power cut emptied."""
        old_key, size = self._old.get(page, ("", -1))
        if self._before is None or old_key != key:
            return False
        try:
            if (self._before / page).stat().st_size != size:
                return False
            _link(self._before / page, self._folder / page)
        except FileNotFoundError:
            return False
        self._made[page] = [key, size]
        return True

    def _put(self, page: str, key: str, content: bytes) -> None:
        (self._folder / page).unlink(missing_ok=True)
        (self._folder / page).write_bytes(content)
        self._made[page] = [key, len(content)]


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copyfile(old, new)


def _check_place(folder: Path) -> None:
    """A folder of something else is not replaced; an empty one makes room."""
    expected = "a new folder, or a report that gwfollow wrote"
    if folder.is_symlink():
        target = folder.readlink()
        if target.parent.name != f".{folder.name}.versions" or not target.name.isdigit():
            raise InputError(str(folder), f"a symbolic link to {target}", expected)
    elif folder.is_dir():
        if any(folder.iterdir()):
            raise InputError(str(folder), "a folder with something in it", expected)
    elif folder.exists():
        raise InputError(str(folder), "a file", expected)


@contextmanager
def _alone(versions: Path) -> Iterator[None]:
    lock = os.open(versions / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(f"another report is being written in {versions} at this moment") from None
        yield
    finally:
        os.close(lock)


def _present(folder: Path, versions: Path) -> Path | None:
    if not folder.is_symlink():
        return None
    found = versions / folder.readlink().name
    return found if found.is_dir() else None


def _fresh(versions: Path, present: Path | None) -> Path:
    """A new name after all that are there; what a killed report left under it goes."""
    number = int(present.name) + 1 if present else 1
    fresh = versions / str(number)
    if fresh.exists():
        shutil.rmtree(fresh)
    return fresh


def _switch(folder: Path, fresh: Path) -> None:
    draft = fresh.parent / "link"
    draft.unlink(missing_ok=True)
    draft.symlink_to(Path(fresh.parent.name) / fresh.name)
    if folder.is_dir() and not folder.is_symlink():
        folder.rmdir()  # empty
    draft.replace(folder)


def _forget(versions: Path, keep: list[Path]) -> None:
    for old in versions.iterdir():
        if old.is_dir() and old not in keep:
            shutil.rmtree(old, ignore_errors=True)


def _read_made(before: Path | None) -> dict[str, Any]:
    if before is None:
        return {}
    try:
        made: dict[str, Any] = json.loads((before / _MADE).read_text())
    except (OSError, ValueError):
        return {}
    return made


__all__ = ["Written", "write_report"]

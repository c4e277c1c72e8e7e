"""Pictures of sky maps: drawn once, by a process of its own, and kept beside the FITS file.

    <event>/.pictures/<SHA-256 of the FITS file>.png    the picture
                                                .json   what the map says (areas, distance, most probable position)
                                                .log    why it could not be drawn
                                                .lock   held by who draws, however many web servers there are

Nobody waits here: `picture` says how far it is, and the page asks again.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = ".pictures"
WORKER = "gwfollow.provider.web.picture_worker"
#: pictures that this web server draws at once; each takes some hundred megabytes
SLOTS = threading.BoundedSemaphore(2)
#: seconds that one may take
LONGEST = 180.0
#: seconds until one that failed is tried again
AGAIN = 900.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """How far the picture of a sky map is."""

    state: str  # drawn, drawing, failed
    key: str = ""  # SHA-256 of the FITS file
    facts: dict[str, Any] = field(default_factory=dict)  # of gwfollow.alerts.skymap.describe; empty until they are known
    reason: str = ""  # why it failed


def picture(fits: Path) -> Picture:
    """The picture of this file; the first to ask has it drawn."""
    try:
        key = checksum(fits)
        made = _Made(fits.parent / FOLDER / key)
        if not made.png.is_file() and (problem := _begin(fits, made)):
            return Picture("failed", key, made.facts(), problem)
    except OSError as error:
        return Picture("failed", reason=f"{error.strerror or error}: {error.filename or fits}")
    return Picture("drawn" if made.png.is_file() else "drawing", key, made.facts())


def checksum(file: Path) -> str:
    """The file's SHA-256; read again only when the file has changed."""
    seen = file.stat()
    return _checksum(file, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(1024)
def _checksum(file: Path, changed: int, size: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Made:
    """The files of one picture."""

    def __init__(self, stem: Path) -> None:
        self.png, self.json, self.log, self.lock = (
            stem.with_name(stem.name + suffix) for suffix in (".png", ".json", ".log", ".lock")
        )

    def facts(self) -> dict[str, Any]:
        try:
            found = json.loads(self.json.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def failure(self) -> str:
        """The last words of one that failed a short while ago."""
        try:
            recent = time.time() - self.log.stat().st_mtime < AGAIN
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:500] if recent and lines else ""


def _begin(fits: Path, made: _Made) -> str:
    """Have it drawn, where nobody does or has; why not, where it failed."""
    made.lock.parent.mkdir(exist_ok=True)
    lock = os.open(made.lock, os.O_CREAT | os.O_RDWR, 0o644)
    started = False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if made.png.is_file() or (problem := made.failure()):
            return "" if made.png.is_file() else problem
        if not SLOTS.acquire(blocking=False):
            return ""
        try:
            threading.Thread(target=_follow, args=(_start(fits, made, lock), made, lock), daemon=True).start()
            started = True
        finally:
            if not started:
                SLOTS.release()
    except BlockingIOError:  # another draws
        pass
    finally:
        if not started:
            os.close(lock)
    return ""


def _start(fits: Path, made: _Made, lock: int) -> subprocess.Popen[bytes]:
    # the child inherits the lock: should this web server die, others still see that somebody draws
    command = [sys.executable, "-m", WORKER, str(fits), str(_part(made)), str(made.json)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    with made.log.open("wb") as words:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            pass_fds=(lock,),
            env=environment,
            start_new_session=True,
        )


def _part(made: _Made) -> Path:
    return made.png.with_name(f"part-{made.png.name}")


def _follow(process: subprocess.Popen[bytes], made: _Made, lock: int) -> None:
    """Wait for the end, and put the picture in its place before the lock goes."""
    try:
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            _say(made, f"drawing took longer than {LONGEST:.0f} s")
            return
        if code == 0 and _part(made).is_file():
            _part(made).replace(made.png)
            made.log.unlink(missing_ok=True)
        elif not made.failure():
            _say(made, f"the drawing process ended with {code} and made no picture")
    except OSError as error:
        log.warning("the picture %s was not stored: %s", made.png, error)
    finally:
        os.close(lock)
        SLOTS.release()


def _say(made: _Made, words: str) -> None:
    with made.log.open("a") as stream:
        stream.write(f"\n{words}\n")


__all__ = ["FOLDER", "Picture", "checksum", "picture"]

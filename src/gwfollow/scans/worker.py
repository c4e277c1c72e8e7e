"""The program that scans: ``python -m gwfollow.scans.worker FOLDER``, with FOLDER/scan-config.json.

Exit code 0: the scan is complete, or partial and says so; 3: no channel could be scanned; 1: a fault, the last line of stderr says which
(the disk is full, the configuration contradicts itself, somebody else scans into this folder).  Started again it goes on where it was.
"""

from __future__ import annotations

import fcntl
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gwfollow.errors import GWFollowError, InputError

if TYPE_CHECKING:
    from gwfollow.scans.model import ScanConfig, ScanResult

NOTHING_SCANNED = 3
LOCK = ".lock"
#: s beyond its time limit that a scan is given to write down what it has, before it is ended by SIGALRM
GRACE = 120.0


def main(arguments: list[str] | None = None) -> int:
    names = sys.argv[1:] if arguments is None else arguments
    if len(names) != 1:
        print("usage: python -m gwfollow.scans.worker FOLDER", file=sys.stderr)
        return 2
    folder = Path(names[0]).absolute()
    _one_thread_each()
    try:
        with alone(folder):
            config = read_config(folder)
            with _killed_after(config.time_limit + GRACE):
                result = scan(config, folder)
    except (GWFollowError, OSError) as error:
        print(f"{type(error).__name__}: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    print(f"{result.state}{f': {result.reason}' if result.reason else ''}", flush=True)
    return NOTHING_SCANNED if result.state == "failed" else 0


def scan(config: ScanConfig, folder: Path) -> ScanResult:
    """With the engine that the configuration names."""
    if config.engine == "gwdetchar":
        from gwfollow.scans import gwdetchar_engine

        return gwdetchar_engine.scan(config, folder, _say)
    from gwfollow.scans import engine

    return engine.scan(config, folder, _say)


@contextmanager
def _killed_after(seconds: float) -> Iterator[None]:
    """The last resort against a file system that hangs: the engine keeps to its time limit as long as it comes to look at the clock."""
    signal.alarm(math.ceil(seconds))
    try:
        yield
    finally:
        signal.alarm(0)


def read_config(folder: Path) -> ScanConfig:
    """Raises `InputError` with the first thing that is wrong."""
    from pydantic import ValidationError

    from gwfollow.scans.model import CONFIG, ScanConfig

    path = folder / CONFIG
    try:
        return ScanConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(str(path), error.strerror, "a scan's configuration") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}{f', {place}' if place else ''}: {first['msg']}") from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One scan of a folder at a time; the lock ends with the process that holds it, however that ends.  Raises `InputError`."""
    if not folder.is_dir():
        raise InputError("folder of the scan", str(folder), "a folder that is there")
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder}: another scan is at work in this folder") from error
        yield


def _one_thread_each() -> None:
    """Before numpy is imported: a scan has a process for every core of the job, more threads would only be in each other's way."""
    os.environ.setdefault("SCAN_CORES", os.environ.get("OMP_NUM_THREADS", ""))
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

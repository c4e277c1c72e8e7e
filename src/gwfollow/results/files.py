"""Which files count as results: those that are there, have stopped growing, and can be opened."""

from __future__ import annotations

import glob
import json
from collections.abc import Collection
from pathlib import Path

from gwfollow.checksums import sha256_of
from gwfollow.errors import PermanentError
from gwfollow.schedulers.base import JobState, JobStatus

_Look = tuple[str, int, int]


class StableFiles:
    """A bulk query in the form of a scheduler's: a pattern is *completed* when its files have kept size and time for two looks."""

    def __init__(self) -> None:
        self._seen: dict[str, list[_Look]] = {}

    def query(self, patterns: Collection[str]) -> dict[str, JobStatus]:
        """Looks once at each pattern; what is no longer asked for is forgotten."""
        before, self._seen = self._seen, {pattern: _look(pattern) for pattern in patterns}
        return {
            pattern: JobStatus(JobState.COMPLETED, exit_code=0)
            if now and now == before.get(pattern) and all(size > 0 for _, size, _ in now)
            else JobStatus(JobState.RUNNING)
            for pattern, now in self._seen.items()
        }


def _look(pattern: str) -> list[_Look]:
    """Path, size (bytes) and time (ns) of every file; one that vanished since it was listed has the size -1 and holds its pattern up."""
    found = []
    for path in sorted(glob.glob(pattern)):  # noqa: PTH207 (absolute patterns)
        try:
            status = Path(path).stat()
            found.append((path, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((path, -1, 0))
    return found


def read_whole(pattern: str) -> list[dict[str, str]]:
    """Open every file of the pattern; path and SHA-256 of each.  Raises `PermanentError` naming a file that is broken or missing."""
    paths = sorted(Path(p) for p in glob.glob(pattern))  # noqa: PTH207 (absolute patterns)
    if not paths:
        raise PermanentError(f"no file matches {pattern}")
    for path in paths:
        check_readable(path)
    return [{"path": str(path), "sha256": sha256_of(path)} for path in paths]


def check_readable(path: Path) -> None:
    """Open a result file as what its name says it is.  Raises `PermanentError` for one that is empty, cut short or not of its kind."""
    try:
        if path.stat().st_size == 0:
            raise PermanentError(f"{path} is empty")
        if path.suffix in {".hdf5", ".h5", ".hdf"}:
            import h5py

            with h5py.File(path, "r") as file:
                file.visit(lambda _: None)
        elif path.suffix == ".json":
            with path.open("rb") as stream:
                json.load(stream)
    except (OSError, ValueError, RuntimeError) as error:
        raise PermanentError(f"{path} cannot be read: {error}") from error

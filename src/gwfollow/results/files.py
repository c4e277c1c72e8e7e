"""Which files count as results: those that are there, have stopped growing, and can be opened."""

from __future__ import annotations

import glob
import json
from collections.abc import Collection
from pathlib import Path

from gwfollow.errors import PermanentError
from gwfollow.life.checksums import sha256_of
from gwfollow.schedulers.base import JobState, JobStatus


class StableFiles:
    """A bulk query in the form of a scheduler's: a pattern is *completed* when its files have kept size and time for two looks."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[str, int, int], ...]] = {}

    def query(self, patterns: Collection[str]) -> dict[str, JobStatus]:
        """Looks once at each pattern."""
        found = {}
        for pattern in patterns:
            now = tuple((p, Path(p).stat().st_size, Path(p).stat().st_mtime_ns) for p in sorted(glob.glob(pattern)))  # noqa: PTH207
            stable = bool(now) and self._seen.get(pattern) == now and all(size for _, size, _ in now)
            self._seen[pattern] = now
            found[pattern] = JobStatus(JobState.COMPLETED, exit_code=0) if stable else JobStatus(JobState.RUNNING)
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

"""Clean: delete what can be made again from the folders of an analysis' attempts.

The pipeline says what (its hook `clean`); what the ledger has recorded as an asset stays in any case, as does everything outside of
the attempt's folder.  Nothing is deleted while a job may read it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import InputError, PipelineError, TransientError, explain
from gwfollow.ledger.schema import Analysis, Attempt
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life.site import Site, pipeline_for, task_for
from gwfollow.pipelines.base import Task

#: the present attempt of an analysis in one of these is left alone
IN_USE = frozenset({"ready", "running", "processing", "restart"})
#: states of a job that is with its scheduler, or may be
_ALIVE = frozenset({"intent", "submitted"})


@dataclass(frozen=True)
class Cleaned:
    """What was deleted, or would be, of one attempt."""

    attempt: int
    folder: Path
    files: tuple[tuple[Path, int], ...] = ()  # with their sizes, bytes
    kept: tuple[Path, ...] = ()  # named by the pipeline, and recorded as assets
    folders: tuple[Path, ...] = ()  # those that go with the files, where nothing is left in them

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)


def clean(
    site: Site, event: str, analysis: str, *, attempt: int | None = None, old: bool = False, dry_run: bool = False
) -> list[Cleaned]:
    """Delete what can be made again.

    Parameters
    ----------
    attempt : number of the attempt; by default the present one
    old : all attempts but the present one instead
    dry_run : only say what would be deleted

    Raises
    ------
    InputError : no such attempt, or its job runs
    PipelineError : the pipeline's hook failed; nothing of that attempt was deleted
    """
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        chosen = _chosen(row, attempt, old)
        jobs = [job for one in chosen for job in one.jobs if job.state in _ALIVE]
        if jobs:
            at = jobs[0].job_id or jobs[0].key
            raise InputError(
                f"{event}/{analysis}: job {at} of attempt {jobs[0].attempt.number} is with its scheduler; stop it first"
            )
        if row.status in IN_USE and any(one.number == row.attempt for one in chosen):
            raise InputError(f"{event}/{analysis} is {row.status}: its present attempt is in use (--old cleans the others)")
        tasks = [(task_for(session, row, one, site.settings), {Path(asset.path) for asset in one.assets}) for one in chosen]
    found = [_of_attempt(task, assets) for task, assets in tasks]
    if dry_run:
        return found
    for one in found:
        if one.files or one.folders:
            _delete(site, event, analysis, one)
    return found


def _chosen(row: Analysis, number: int | None, old: bool) -> list[Attempt]:
    place = f"{row.event.name}/{row.name}"
    if old:
        if number is not None:
            raise InputError(f"{place}: --attempt and --old exclude each other")
        return [one for one in row.attempts if one.number != row.attempt]
    wanted = row.attempt if number is None else number
    found = [one for one in row.attempts if one.number == wanted]
    if not found:
        numbers = ", ".join(str(one.number) for one in row.attempts) or "none: it has not been built"
        raise InputError(f"{place}, attempt", wanted, f"one that it has ({numbers})")
    return found


def _of_attempt(task: Task, assets: Collection[Path]) -> Cleaned:
    folder = task.folder
    if not folder.is_dir():
        return Cleaned(task.attempt, folder)
    try:
        named = [Path(path) for path in pipeline_for(task).clean() or ()]
    except TransientError:
        raise
    except Exception as error:
        raise PipelineError(f"{task.event}/{task.analysis}, attempt {task.attempt}: clean: {explain(error)}") from error
    recorded = {path.resolve() for path in assets}
    files: dict[Path, int] = {}
    kept: dict[Path, None] = {}
    folders: list[Path] = []
    for path in named:
        whole = path if path.is_absolute() else folder / path
        for file in _files(whole, folder):
            if _is_asset(file, recorded):
                kept[file] = None
            else:
                files[file] = file.lstat().st_size
        if not whole.is_symlink():
            folders += [Path(top) for top, _, _ in os.walk(whole)]
    return Cleaned(task.attempt, folder, tuple(files.items()), tuple(kept), tuple(sorted(folders, reverse=True)))


def _files(path: Path, folder: Path) -> Iterator[Path]:
    """The file, or the files below the folder, that `path` is; a link is itself, never what it leads to."""
    inside = path.parent.resolve() / path.name
    if not inside.is_relative_to(folder.resolve()) or inside == folder.resolve():
        raise PipelineError(f"clean: {path} is not inside of the attempt's folder {folder}; nothing was deleted")
    if path.is_dir() and not path.is_symlink():
        for top, folders, names in os.walk(path):
            yield from (Path(top) / name for name in names)
            yield from (Path(top) / name for name in folders if (Path(top) / name).is_symlink())
    elif path.is_symlink() or path.exists():
        yield path


def _is_asset(file: Path, recorded: Collection[Path]) -> bool:
    """An asset itself, a file within an asset that is a folder, or a link that leads to one."""
    real = file.resolve()
    return any(real.is_relative_to(asset) for asset in recorded)


def _delete(site: Site, event: str, analysis: str, what: Cleaned) -> None:
    """The journal first: a clean that is killed half-way is finished by the next one, and nobody wonders where files went."""

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        if row.attempt == what.attempt and row.status in IN_USE:
            raise InputError(f"{event}/{analysis} is {row.status} by now: its present attempt is in use")
        change.journal(f"attempt {what.attempt} cleaned", event=event, analysis=analysis, files=len(what.files), bytes=what.size)

    site.ledger.run(action, who=site.who)
    for file, _ in what.files:
        file.unlink(missing_ok=True)
    for folder in what.folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def human(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


__all__ = ["IN_USE", "Cleaned", "clean", "human"]

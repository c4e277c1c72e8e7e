"""Pages that grow: a refreshable summary adds new analyses to a copy of an earlier attempt's pages, where nothing else has changed.

Beside its command every attempt keeps ``pesummary.json``: label -> SHA-256 of the samples that the summary was made of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gwfollow.checksums import sha256_once
from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.files import write_text
from gwfollow.pipelines.pesummary_inputs import Samples
from gwfollow.pipelines.pesummary_metafile import read_metafile

RECORD = "pesummary.json"


@dataclass(frozen=True)
class Earlier:
    """An attempt whose pages are whole and hold a part of what is wanted now."""

    pages: Path
    samples: Mapping[str, str]  # label -> SHA-256


def write(folder: Path, found: Sequence[Samples]) -> Path:
    """Keep what this attempt is made of."""
    record = {one.label: sha256_once(one.samples) for one in found}
    return write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def labels(folder: Path) -> list[str]:
    """The labels that the attempt's metafile must have.  Raises `PipelineError` for one that is not built."""
    return list(_read(folder))


def earlier(task: Task, found: Sequence[Samples], pages: Path) -> Earlier | None:
    """The newest earlier attempt that can be added to; None where the summary is made from the start.

    It can where the analysis is refreshable, the earlier metafile is whole, and all that is in it is wanted still, with the same samples.
    """
    if task.get("refreshable") is not True:
        return None
    wanted = {one.label: sha256_once(one.samples) for one in found}
    for number in range(task.attempt - 1, 0, -1):
        folder = task.folder.with_name(f"attempt-{number}")
        place = folder / pages.relative_to(task.folder)
        try:
            have = _read(folder)
            read_metafile(place / "samples" / "posterior_samples.h5", list(have))
        except PipelineError:
            continue
        if have.items() < wanted.items() and (place / "home.html").is_file():
            return Earlier(place, have)
    return None


def added(found: Sequence[Samples], before: Earlier) -> list[Samples]:
    """What the earlier pages do not hold."""
    return [one for one in found if one.label not in before.samples]


def copy_pages(before: Earlier, pages: Path) -> None:
    """The earlier attempt's pages stay what they were: PESummary changes the copy."""
    shutil.copytree(before.pages, pages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint"))


def _read(folder: Path) -> dict[str, str]:
    path = folder / RECORD
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise PipelineError(f"{path} is no record of a summary")
    return {str(label): str(checksum) for label, checksum in found.items()}

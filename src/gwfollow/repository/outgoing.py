"""What goes into an event's repository: stored in the outbox, in the transaction of the change that makes it.

    <category>/<analysis>.ini                   after build: the rendered configuration
    <category>/psds/<sample rate>/<ifo>-psd.dat  after collect: the PSDs that an analysis made

The category is the document's key ``category``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError
from gwfollow.ledger.merge import merged_document
from gwfollow.ledger.schema import Analysis, Asset, Attempt
from gwfollow.ledger.store import Change
from gwfollow.naming import PROJECT
from gwfollow.repository.address import address_of
from gwfollow.settings import Settings

CATEGORY = "C01_offline"
PROJECT_CATEGORY = "project_analyses"
_FOLDER = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*")

#: (path, SHA-256, name below the category)
_Files = list[tuple[Path, str, str]]


def configuration(change: Change, row: Analysis, attempt: Attempt, settings: Settings) -> None:
    """Say that the configuration of an attempt that has just been built is to be committed."""
    if _has_one(change, row, settings) and (file := ini_of(row, Path(attempt.folder))) is not None:
        _store(change, row, attempt, settings, "configuration", [(file, sha256_of(file), f"{row.name}.ini")])


def psds(change: Change, row: Analysis, attempt: Attempt, settings: Settings) -> None:
    """The same for the PSDs of an attempt that has just been collected."""
    if not _has_one(change, row, settings):
        return
    made = select(Asset).where(Asset.attempt_id == attempt.id, Asset.name == "psds", Asset.label != "").order_by(Asset.id)
    rate = (merged_document(change.session, row).get("likelihood") or {}).get("sample rate") or "unknown"
    rate = f"{rate:g}" if isinstance(rate, int | float) else str(rate)
    files = [(Path(asset.path), asset.sha256, f"psds/{rate}/{asset.label}-psd.dat") for asset in change.session.scalars(made)]
    if files:
        _store(change, row, attempt, settings, "psds", files)


def ini_of(row: Analysis, folder: Path) -> Path | None:
    """The configuration that was rendered into an attempt's folder: the one of the analysis' name, else the only one."""
    found = sorted(folder.glob("*.ini"))
    named = [path for path in found if path.stem == row.name]
    if named or len(found) == 1:
        return (named or found)[0]
    return None


def _has_one(change: Change, row: Analysis, settings: Settings) -> bool:
    try:
        return address_of(row.event, settings) is not None
    except InputError as error:
        change.journal("nothing committed", event=row.event.name, analysis=row.name, reason=str(error))
        return False


def _store(
    change: Change, row: Analysis, attempt: Attempt, settings: Settings, what: str, files: Iterable[tuple[Path, str, str]]
) -> None:
    found = address_of(row.event, settings)
    assert found is not None
    address, create = found
    category = merged_document(change.session, row).get("category") or (
        PROJECT_CATEGORY if row.event.name == PROJECT else CATEGORY
    )
    if not isinstance(category, str) or not _FOLDER.fullmatch(category):
        reason = str(InputError("category", category, "a folder's name"))
        change.journal("nothing committed", event=row.event.name, analysis=row.name, reason=reason)
        return
    payload = {
        "address": address,
        "create": create,
        "attempt": attempt.number,
        "subject": f"{what} of {row.event.name}/{row.name}, attempt {attempt.number}",
        "files": [{"path": str(path), "sha256": sha256, "target": f"{category}/{name}"} for path, sha256, name in files],
    }
    key = f"repository:{row.event.name}/{row.name}/{attempt.number}:{what}"
    change.send("repository", "commit", payload, key=key, event=row.event)


__all__ = ["CATEGORY", "configuration", "ini_of", "psds"]

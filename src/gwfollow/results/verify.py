"""Is every result of the ledger in the store, and is everything in the store what it says and somebody's?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Result
from gwfollow.ledger.store import Ledger
from gwfollow.results.store import GRACE, Store


@dataclass
class Finding:
    """One thing that is not as it should be."""

    path: Path
    what: str
    owners: list[str]  # EVENT/ANALYSIS: FILE
    repaired: str = ""  # how


@dataclass
class Verified:
    objects: int = 0
    size: int = 0  # bytes read
    findings: list[Finding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return all(finding.repaired for finding in self.findings)


def verify(
    ledger: Ledger, store: Store, *, repair: bool = False, told: Callable[[int, int], None] = lambda done, size: None
) -> Verified:
    """Read every object to its end.

    With `repair` a missing or altered object is stored again from an attempt's folder, where the file is still there and still has
    the SHA-256 of the ledger; objects that nobody knows, and are older than an hour, are removed.  `told` is given the number of objects
    and bytes that have been read.
    """
    with ledger.read() as session:
        wanted = _wanted(session)
    done = Verified()
    for sha256, (size, owners) in wanted.items():
        done.objects, done.size = done.objects + 1, done.size + size
        if what := store.check(sha256, size):
            done.findings.append(Finding(store.path(sha256), what, owners))
        told(done.objects, done.size)
    # the ledger is asked again: what was published meanwhile is nobody's no longer
    with ledger.read() as session:
        known = set(session.scalars(select(Result.sha256).distinct()))
    for path in store.objects():
        if path.name not in known and _settled(path):
            done.findings.append(Finding(path, "nobody's: no result in the ledger has it", []))
    if repair:
        for finding in done.findings:
            _repair(ledger, store, finding)
    store.sweep()
    return done


def _wanted(session: Session) -> dict[str, tuple[int, list[str]]]:
    columns = select(Result.sha256, Result.size, Result.filename, Event.name, Analysis.name)
    joined = columns.join(Attempt, Result.attempt_id == Attempt.id).join(Analysis).join(Event)
    found: dict[str, tuple[int, list[str]]] = {}
    for sha256, size, filename, event, analysis in session.execute(joined.order_by(Result.id)):
        found.setdefault(sha256, (size, []))[1].append(f"{event}/{analysis}: {filename}")
    return found


def _settled(path: Path) -> bool:
    """Whether it has been there long enough for its row to be written; somebody may have removed it meanwhile."""
    with suppress(OSError):
        return time.time() - path.stat().st_mtime >= GRACE
    return False


def _repair(ledger: Ledger, store: Store, finding: Finding) -> None:
    if not finding.owners:
        if store.discard(finding.path):
            finding.repaired = "removed"
        return
    sha256 = finding.path.name
    with ledger.read() as session:
        sources = [Path(path) for path in session.scalars(select(Asset.path).where(Asset.sha256 == sha256))]
    for source in sources:
        with suppress(InputError, OSError):
            if source.is_file() and store.put(source, anew=True).sha256 == sha256:
                finding.repaired = f"stored again from {source}"
                return


__all__ = ["Finding", "Verified", "verify"]

"""Which files of an attempt go into the results store, and the ledger's rows of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, insert, select
from sqlalchemy.orm import Session

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError
from gwfollow.ledger.schema import Analysis, Attempt, Event, Result
from gwfollow.ledger.store import Change
from gwfollow.pipelines.base import AssetFile, Assets
from gwfollow.results.store import Store

#: raw data, which is large and can be fetched again from where it came
NOT_KEPT = frozenset({"frames", "data files", "cache files", "caches", "cache"})
#: JSON that no posterior can be: no process is started to find that out
NO_POSTERIOR = frozenset({"scan", "config", "data quality"})
#: the asset that is a page: what it links to lies beside it
PAGES = "pages"
_LONGEST_NAME = 255
_NEW = insert(cast(Table, Result.__table__))


@dataclass(frozen=True)
class Kept:
    """A content of the store and what the ledger says of it."""

    name: str
    label: str
    filename: str
    sha256: str
    size: int  # bytes
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """A file or folder that is to be kept."""

    name: str
    label: str
    path: Path
    sha256: str = ""  # what the ledger says of it, where it says something


def offers(assets: Assets, files: Mapping[str, Path]) -> list[Offer]:
    """The assets but for raw data, and what the pipeline publishes (name -> path) where it is none of them."""
    found: dict[Path, Offer] = {}
    # one file may be several assets (PESummary's metafile): as samples it is known best
    for name in sorted(assets, key=lambda name: name != "samples"):
        if name not in NOT_KEPT:
            for label, file in assets[name].items():
                found.setdefault(file.path.absolute(), _asset(name, label, file))
    for name, path in files.items():
        found.setdefault(path.absolute(), Offer(name[:60], "", path.absolute()))
    return list(found.values())


def _asset(name: str, label: str, file: AssetFile) -> Offer:
    if name == PAGES and file.path.suffix in {".html", ".htm"}:
        return Offer(name, label, file.path.absolute().parent)
    return Offer(name, label, file.path.absolute(), file.sha256)


def keep(store: Store, wanted: Iterable[Offer]) -> list[Kept]:
    """Ensure that all of them are in the store; what dead writers left there goes.

    A folder leaves out the files that are kept on their own.  Posterior files are summarised; one that cannot be is kept all the same,
    and its summary says why.

    Raises
    ------
    InputError : one is missing, or no longer what the ledger says
    StoreFault : the store cannot be written
    """
    wanted = list(wanted)
    store.sweep()
    alone = {offer.path.resolve() for offer in wanted if offer.path.is_file()}
    return [_keep(store, offer, alone) for offer in wanted]


def _keep(store: Store, offer: Offer, alone: Collection[Path]) -> Kept:
    from gwfollow.results.apart import summarise_apart

    folder = offer.path.is_dir()
    filename = f"{offer.path.name}.tar" if folder else offer.path.name
    if offer.name == PAGES and folder:
        filename = "pages.tar"
    if len(filename) > _LONGEST_NAME:
        raise InputError(str(offer.path), f"a name of {len(filename)} characters", f"at most {_LONGEST_NAME}")
    stored = store.put(offer.path, alone)
    found = sha256_of(offer.path) if folder and offer.sha256 else stored.sha256
    if offer.sha256 and found != offer.sha256:
        raise InputError(
            f"{offer.path} has changed since it was collected", f"SHA-256 {found}", f"{offer.sha256} as the ledger says"
        )
    plain = folder or offer.name in NO_POSTERIOR
    summary = {} if plain else summarise_apart(store.path(stored.sha256), filename, insist=offer.name == "samples")
    return Kept(offer.name, offer.label, filename, stored.sha256, stored.size, summary)


def record(change: Change, attempt: Attempt, kept: Iterable[Kept]) -> None:
    """The rows of an attempt's results: a new one, or the present one written over."""
    kept = list(kept)
    present = {(r.name, r.label, r.filename): r for r in change.session.scalars(_of_attempt(), {"attempt": attempt.id})}
    new: list[dict[str, Any]] = []
    for one in kept:
        row = present.get((one.name, one.label, one.filename))
        if row is None:
            names = {"name": one.name, "label": one.label, "filename": one.filename}
            new.append(names | {"attempt_id": attempt.id, "sha256": one.sha256, "size": one.size, "summary": dict(one.summary)})
        else:
            row.sha256, row.size, row.summary = one.sha256, one.size, dict(one.summary)
    if new:
        change.session.execute(_NEW, new)
    if kept:
        analysis = attempt.analysis
        details: dict[str, Any] = {"results": {one.filename: one.sha256 for one in kept}}
        if faults := {one.filename: one.summary["error"] for one in kept if "error" in one.summary}:
            details["not summarised"] = faults
        change.journal(f"{len(kept)} results stored", event=analysis.event.name, analysis=analysis.name, **details)


@cache
def _of_attempt() -> Select[Result]:
    return select(Result).where(Result.attempt_id == bindparam("attempt"))


@dataclass(frozen=True)
class Row:
    """A result with the names of what it belongs to."""

    event: str
    analysis: str
    attempt: int
    present: bool  # of the analysis' present attempt
    result: Result


def rows(session: Session, event: str | None = None, analysis: str | None = None, *, every: bool = False) -> list[Row]:
    """Results in the order of the ledger: those of present attempts and those brought by hand, or of `every` attempt."""
    wanted = select(Event.name, Analysis.name, Attempt.number, Analysis.attempt, Result).select_from(Result)
    wanted = wanted.join(Attempt, Result.attempt_id == Attempt.id).join(Analysis).join(Event)
    if event is not None:
        wanted = wanted.where(Event.name == event)
    if analysis is not None:
        wanted = wanted.where(Analysis.name == analysis)
    if not every:
        wanted = wanted.where(Attempt.number.in_((0, Analysis.attempt)))
    found = session.execute(wanted.order_by(Event.id, Analysis.id, Attempt.number, Result.id))
    return [Row(e, a, number, number == present, result) for e, a, number, present, result in found]


def attempt_by_hand(change: Change, analysis: Analysis, folder: Path) -> Attempt:
    """The attempt that results brought by hand belong to: the present one, or number 0, which nothing has built."""
    number = analysis.attempt
    found = change.session.scalar(select(Attempt).where(Attempt.analysis_id == analysis.id, Attempt.number == number))
    if found is None:
        found = Attempt(analysis=analysis, number=number, folder=str(folder), state="left")
        change.session.add(found)
        change.session.flush()
    return found


__all__ = ["NOT_KEPT", "Kept", "Offer", "Row", "attempt_by_hand", "keep", "offers", "record", "rows"]

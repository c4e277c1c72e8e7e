"""How the data were: an event's omega scans and the checks of its data, as its tab shows them, and a page for each scan.

What a scan has found is read from ``scan.json`` in the folder of its present attempt, while it runs and after it.  Whether it still
runs is the ledger's to say: a file that says *running* beside a job that has ended is a scan that ended before its time.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from gwfollow.errors import NotFound, PermanentError
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Check
from gwfollow.ledger.store import find_analysis
from gwfollow.naming import OMEGA_SCAN
from gwfollow.provider.web import site
from gwfollow.provider.web.guards import ReadableEvent, guarded_router
from gwfollow.provider.web.rendering import page

if TYPE_CHECKING:
    from gwfollow.scans.model import ChannelResult, ScanResult

router: APIRouter = guarded_router()

#: channels that an event's tab shows of each scan, and a scan's page at once
TOP, PAGE = 12, 100
#: checks that an event's tab shows
MOST_CHECKS = 300
RESULT = "scan.json"
POLL = 4  # s
Sort = Literal["rank", "channel", "snr", "frequency", "time", "q", "energy", "correlation", "delay", "block", "state"]
Show = Literal["", "significant", "scanned", "unscanned"]
Words = Annotated[str, Query(max_length=200)]
#: statuses in which a job may still write
_AT_WORK = frozenset({"running", "stop"})


@dataclass(frozen=True)
class Scan:
    """One scan of an event, as far as it is."""

    analysis: str
    status: str  # the ledger's
    reason: str
    attempt: int
    page: bool  # its own page has been collected
    result: ScanResult | None = None
    problem: str = ""  # why there is no result, or none that can be read

    @property
    def state(self) -> str:
        """complete, partial, failed, running, stopped early; without a result what the ledger says, and *skipped*."""
        if self.result is not None:
            ended = self.result.state == "running" and self.status not in _AT_WORK
            return "stopped early" if ended else self.result.state
        if self.status == "cancelled" and self.reason.startswith("skipped"):
            return "skipped"
        return "unreadable" if self.problem and self.attempt else self.status

    @property
    def counts(self) -> dict[str, int]:
        """Channels in each state, `significant` and `waiting` ones; empty without a result."""
        if self.result is None:
            return {}
        counted = Counter(one.state for one in self.result.channels)
        found = {"scanned": counted.pop("scanned", 0), "significant": sum(one.significant for one in self.result.channels)}
        return found | dict(counted.most_common()) | ({"waiting": self.result.waiting} if self.result.waiting else {})

    @property
    def top(self) -> Sequence[ChannelResult]:
        """The loudest significant channels; results are ranked."""
        return [one for one in self.result.channels if one.significant][:TOP] if self.result else []


@dataclass(frozen=True)
class Channels:
    """One page of a scan's channels, each with its rank."""

    rows: Sequence[tuple[int, ChannelResult]]
    number: int
    pages: int
    total: int


def scans_of(session: Session, event_id: int) -> list[Scan]:
    """The event's scans, oldest first."""
    present = and_(Attempt.analysis_id == Analysis.id, Attempt.number == Analysis.attempt)
    paged = select(Asset.id).where(Asset.attempt_id == Attempt.id, Asset.name == "pages").exists().label("paged")
    columns = (Analysis.name, Analysis.status, Analysis.reason, Analysis.attempt, Attempt.folder, paged)
    wanted = select(*columns).outerjoin(Attempt, present).order_by(Analysis.id)
    rows = session.execute(wanted.where(Analysis.event_id == event_id, Analysis.pipeline == OMEGA_SCAN)).all()
    return [_scan(row.name, row.status, row.reason, row.attempt, row.folder, bool(row.folder and row.paged)) for row in rows]


def _scan(name: str, status: str, reason: str | None, attempt: int, folder: str | None, paged: bool) -> Scan:
    result, problem = read_result(Path(folder)) if folder else (None, "")
    return Scan(name, status, reason or "", attempt, paged, result, problem)


def read_result(folder: Path) -> tuple[ScanResult | None, str]:
    """What stands in the folder's ``scan.json``; else why nothing can be told.  One that has not changed is not read again."""
    path = folder / RESULT
    try:
        seen = path.stat()
        return _read(path, seen.st_mtime_ns, seen.st_size, seen.st_ino), ""
    except (FileNotFoundError, NotFound):
        return None, ""
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror or error}"
    except PermanentError as error:
        return None, str(error)


@functools.lru_cache(16)
def _read(path: Path, changed: int, size: int, inode: int) -> ScanResult:
    from gwfollow.scans.schema import read

    return read(path)


def checks_of(session: Session, event_id: int) -> list[Check]:
    """By detector and question; what failed first."""
    wanted = select(Check).where(Check.event_id == event_id).order_by(Check.ifo, Check.process, Check.name).limit(MOST_CHECKS)
    order = {"fail": 0, "pass": 2}
    return sorted(session.scalars(wanted), key=lambda check: order.get(check.verdict, 1))


# ---- a scan's own page ---------------------------------------------------------------------------------------------------------
@router.get("/scan/{event}/{analysis}", response_class=HTMLResponse)
def scan(
    request: Request,
    event: ReadableEvent,
    analysis: str,
    by: Sort = "rank",
    down: bool = False,
    show: Show = "",
    block: Words = "",
    find: Words = "",
    number: Annotated[int, Query(alias="page", ge=1)] = 1,
) -> Response:
    """All channels of a scan, sorted and paged here."""
    with site.ledger().read() as session:
        scans = scans_of(session, find_analysis(session, event, analysis).event_id)
    found = next((one for one in scans if one.analysis == analysis), None)
    if found is None:
        raise NotFound(f"{event}/{analysis} is no omega scan")
    ranked = list(enumerate(found.result.channels, 1)) if found.result else []
    chosen = _sorted([one for one in ranked if _matches(one[1], show, block, find)], by, down)
    asked = {"by": by if by != "rank" else "", "down": "true" if down else "", "show": show, "block": block, "find": find.strip()}
    context = {
        "event": event,
        "scan": found,
        "channels": _page(chosen, number),
        "blocks": sorted({one.block for _, one in ranked}),
        "by": by,
        "down": down,
        "asked": asked,
        "poll": POLL,
    }
    return page(request, "scan.html", context)


@router.get("/scan/{event}/{analysis}/{attempt}/{path:path}")
def scan_figure(event: ReadableEvent, analysis: str, attempt: int, path: str) -> Response:
    """A figure of the present attempt; the number of it stands in the address, so that a browser may keep what it has."""
    with site.ledger().read() as session:
        row = find_analysis(session, event, analysis)
        present = row.present
        folder = Path(present.folder) if present and present.number == attempt and row.pipeline == OMEGA_SCAN else None
    if folder is not None and path.endswith(".png"):
        file = (folder / path).resolve()
        if file.is_relative_to(folder.resolve()) and file.is_file():
            return FileResponse(file, media_type="image/png", headers={"cache-control": "private, max-age=3600"})
    raise HTTPException(404, "no such figure")


def _matches(one: ChannelResult, show: str, block: str, find: str) -> bool:
    if block and one.block != block:
        return False
    if show and not (one.significant if show == "significant" else (one.state == "scanned") == (show == "scanned")):
        return False
    return all(word in one.channel.lower() for word in find.lower().split())


Ranked = tuple[int, "ChannelResult"]


def _of_peak(name: str) -> Callable[[Ranked], Any]:
    return lambda ranked: getattr(ranked[1].peak, name, None)


_KEYS: dict[Sort, Callable[[Ranked], Any]] = {
    "rank": lambda ranked: ranked[0],
    "channel": lambda ranked: ranked[1].channel,
    "block": lambda ranked: ranked[1].block,
    "state": lambda ranked: ranked[1].state,
    "correlation": lambda ranked: ranked[1].correlation,
    "delay": lambda ranked: ranked[1].delay_ms,
    "snr": _of_peak("snr"),
    "frequency": _of_peak("frequency"),
    "time": _of_peak("time"),
    "q": _of_peak("q"),
    "energy": _of_peak("energy"),
}


def _sorted(found: list[Ranked], by: Sort, down: bool) -> list[Ranked]:
    """Channels that do not have what is asked for stand last, whichever way round."""
    key = _KEYS[by]
    with_it = [one for one in found if key(one) is not None]
    return sorted(with_it, key=key, reverse=down) + [one for one in found if key(one) is None]


def _page(found: Sequence[Ranked], number: int) -> Channels:
    pages = max(1, -(-len(found) // PAGE))
    number = min(number, pages)
    return Channels(found[(number - 1) * PAGE : number * PAGE], number, pages, len(found))


__all__ = ["Channels", "Scan", "checks_of", "read_result", "router", "scans_of"]

"""``index.html`` of a scan's folder: every channel ranked, with its figure, in one file that needs no network.

The page is whole at every moment (draft and rename), and while the scan runs it loads itself again.  It works from a disk, from any web
server, and under the sandboxing policy under which gwfollow's own pages serve it; without its script it is whole too, in the order of
the ranking.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gwfollow
from gwfollow.errors import InputError
from gwfollow.scans.drafts import write_whole
from gwfollow.scans.model import PAGE, TABLE, ChannelResult, ScanResult
from gwfollow.times import gps_to_utc

_HERE = Path(__file__).parent / "templates"
#: gwfollow's pages in Airflow have the style
_STYLE = Path(gwfollow.__file__).parent / "provider" / "web" / "static" / "gwfollow.css"
#: seconds after which a page of a running scan loads itself again
REFRESH = 10
#: seconds without news after which the page of a running scan says that the job may be gone
SILENT = 300


@dataclass(frozen=True)
class BlockCounts:
    """How the channels of one block ended."""

    key: str
    channels: int
    scanned: int
    significant: int


def write(result: ScanResult, folder: Path) -> Path:
    """Write the scan's page into its folder.  Raises `NotWritten`."""
    return write_whole(folder / PAGE, render(result))


def render(result: ScanResult) -> bytes:
    unscanned = [one for one in result.channels if one.state != "scanned"]
    scanned = [one for one in result.channels if one.state == "scanned"]
    context = {
        "scan": result,
        "state": state_in_words(result),
        "utc": _utc(result.gps),
        "scanned": scanned,
        "unscanned": sorted(unscanned, key=lambda one: (one.state, one.block, one.channel)),
        "reasons": Counter(one.state for one in unscanned).most_common(),
        "blocks": block_counts(result.channels),
        "correlated": any(one.correlation is not None for one in scanned),
        "table": TABLE,
        "refresh": REFRESH,
        "silent": SILENT,
    }
    return bytes(_template().render(context).encode())


def state_in_words(result: ScanResult) -> str:
    """The first line of the page: how far the scan is, and what its numbers leave out."""
    ended = len(result.channels)
    scanned = sum(one.state == "scanned" for one in result.channels)
    if result.state == "running":
        return f"Running: {ended} of {ended + result.waiting} channels have come to an end."
    told = f"{scanned} of {ended + result.waiting} channels were scanned"
    if result.state == "complete":
        left = ended - scanned
        if not left:
            return f"Complete: {told}."
        return f"Complete: {told}; {'one could not be, for a reason' if left == 1 else f'{left} could not be, for reasons'} given below."
    return f"{result.state.capitalize()}: {told}. {result.reason}".rstrip()


def block_counts(channels: Sequence[ChannelResult]) -> list[BlockCounts]:
    """In the order of their loudest channels."""
    counted: dict[str, Counter[str]] = {}
    for one in channels:
        block = counted.setdefault(one.block, Counter())
        block.update(channels=1, scanned=one.state == "scanned", significant=one.significant)
    return [BlockCounts(key, found["channels"], found["scanned"], found["significant"]) for key, found in counted.items()]


def picture(one: ChannelResult) -> str:
    """The figure's address relative to the page; empty where there is none, and for a path that leads out of the scan's folder."""
    parts = one.plot.split("/")
    inside = one.plot.endswith(".png") and not {"", ".", ".."} & set(parts)
    return "/".join(quote(part, safe="") for part in parts) if inside else ""


def _utc(gps: float) -> str:
    try:
        return gps_to_utc(gps).strftime("%Y-%m-%d %H:%M:%S")
    except InputError:
        return ""


def _moment(text: str) -> str:
    """ISO 8601 as people read it; what is none stays as it is."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text


def _policy(style: str, script: str) -> str:
    """Nothing but our own style and script runs, whatever a channel is called."""
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (style, script)]
    return f"default-src 'none'; img-src 'self' file: http: https: data:; style-src {hashes[0]}; script-src {hashes[1]}"


@lru_cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = _STYLE.read_text() + (_HERE / "scan.css").read_text()
    script = (_HERE / "scan.js").read_text()
    assets: Mapping[str, str] = {"style": style, "script": script, "policy": _policy(style, script)}
    made.globals.update(assets)
    made.filters.update(picture=picture, moment=_moment)
    return made.get_template("scan.html")


__all__ = ["BlockCounts", "block_counts", "picture", "render", "state_in_words", "write"]

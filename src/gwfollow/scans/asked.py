"""What somebody asks for when they ask for an omega scan, checked at the door: no ledger, no frames, nothing that is slow to import.

It becomes the document of an analysis with the pipeline ``omegascan`` (`gwfollow.scans.channel_sets.from_document`):

    scan: {channel set: H1_strain, engine: gwdetchar}                    a channel set
    scan: {channel set: H1_reduced, channels: ["H1:PEM-*"]}              some of its channels
    scan: {ifo: H1, channels: [...], frame types: {H1_R: {look up: [...]}}}     a free list
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gwfollow import schedulers
from gwfollow.errors import InputError
from gwfollow.naming import OMEGA_SCAN

ENGINES = ("gwfollow", "gwdetchar")
#: at the beginning of the analyses' names, and of those of the events that requests make
PREFIX = "scan-"
#: a time further ahead is a slip of the pen, s
AHEAD = 86400.0
#: GPS time minus the seconds of the system's clock, less some leap seconds: good enough to tell a slip of the pen
_GPS_EPOCH = 315964800.0
_CHANNEL = re.compile(r"[A-Z][0-9]:[A-Za-z0-9_.+#*?-]{1,200}")
_WORD = re.compile(r"[A-Za-z0-9_+#]+")
_HOST = re.compile(r"[A-Za-z0-9.:/_-]+")
#: about as many as a detector records at reduced rates
MOST_CHANNELS = 5000


@dataclass(frozen=True)
class Asked:
    """One request that has passed every check which needs neither ledger nor channel sets."""

    gps: float | None  # None: the event's
    scan: dict[str, Any]  # of the analysis' document
    scheduler: dict[str, Any]  # likewise; empty where the site's is meant
    title: str | None = None
    ifo: str | None = None  # the detector that the channels must be of; None: whichever they are of

    @property
    def channel_set(self) -> str | None:
        return self.scan.get("channel set")

    @property
    def name(self) -> str:
        """What the analysis is called unless another one is called so."""
        chosen = self.channel_set
        what = Path(chosen).stem if chosen else str(self.scan["ifo"])
        what += f"-{digest(self.scan['channels'])}" if "channels" in self.scan else ""
        engine = self.scan.get("engine", ENGINES[0])
        return PREFIX + re.sub(r"[^A-Za-z0-9_-]", "_", what)[:60] + (f"-{engine}" if engine != ENGINES[0] else "")

    def document(self, name: str) -> dict[str, Any]:
        """As a blueprint of an analysis."""
        found = {"kind": "analysis", "name": name, "pipeline": OMEGA_SCAN, "scan": self.scan}
        found |= {"scheduler": self.scheduler} if self.scheduler else {}
        return found | ({"comment": self.title} if self.title else {})


def read(
    *,
    gps: object = None,
    channel_set: str | None = None,
    channels: str | Iterable[str] | None = (),
    ifo: str | None = None,
    frames: str | None = None,
    frame_type: str | None = None,
    engine: str | None = None,
    scheduler: str | None = None,
    accounting_group: str | None = None,
    title: str | None = None,
) -> Asked:
    """Check what was asked; an empty text counts as not said.

    Parameters
    ----------
    gps : GPS s, as a number or its text, or a UTC time in ISO 8601; None: the event's time
    channel_set : a name among ``include/configs/channel_sets``, or a file
    channels : instead of a channel set, or those of it that are wanted (``H1:PEM-*``); a text has them separated by commas or space
    ifo : the detector, for a check: the channels say it
    frames : of free channels: a folder (or a pattern of folders), ``gwosc``, ``datafind``, or ``datafind:HOST``
    frame_type : of free channels, e.g. H1_R
    engine : one of `ENGINES`; else as the channel set says
    scheduler : ``htcondor`` or ``local``; else the site's
    title : for people

    Raises
    ------
    InputError : with the name of the argument
    """
    names = _channels(channels)
    if not channel_set and not names:
        raise InputError("channel set, channels", None, "a channel set, or channels")
    if channel_set and (frames or frame_type):
        raise InputError("frames, frame type", frames or frame_type, "nothing: a channel set says where its frames are")
    if channel_set:
        scan: dict[str, Any] = {"channel set": str(channel_set)} | ({"channels": names} if names else {})
    else:
        scan = _free(names, ifo, frames, frame_type)
    if engine:
        scan["engine"] = _one_of("engine", engine, ENGINES)
    where: dict[str, Any] = {"name": _one_of("scheduler", scheduler, schedulers.NAMES)} if scheduler else {}
    if accounting_group:
        where["accounting group"] = accounting_group
    return Asked(read_time(gps), scan, where, (title or "").strip() or None, ifo or None)


def read_time(value: object) -> float | None:
    """GPS s of a number, its text, or a UTC time in ISO 8601; None for nothing.  Raises `InputError`."""
    if value is None or value == "":
        return None
    expected = "GPS seconds, or a UTC time such as 2015-09-14T09:50:45.4"
    try:
        gps = float(value) if not isinstance(value, bool) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError):
        gps = _from_utc(str(value), expected)
    latest = time.time() - _GPS_EPOCH + AHEAD
    if not 0 < gps < latest:
        raise InputError("time", value, f"{expected}, at most a day ahead")
    return gps


def digest(value: Any) -> str:
    """Eight digits that tell documents apart."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _from_utc(text: str, expected: str) -> float:
    from gwfollow.times import utc_to_gps

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError("time", text, expected) from None
    return utc_to_gps(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _channels(given: str | Iterable[str] | None) -> list[str]:
    names = re.split(r"[,\s]+", given.strip()) if isinstance(given, str) else [str(name).strip() for name in given or ()]
    names = list(dict.fromkeys(name for name in names if name))
    for name in names:
        if not _CHANNEL.fullmatch(name):
            raise InputError("channels", name, "names such as H1:GDS-CALIB_STRAIN")
    if len(names) > MOST_CHANNELS:
        raise InputError("channels", f"{len(names)} of them", f"at most {MOST_CHANNELS}; a channel set may have more")
    return names


def _free(channels: list[str], ifo: str | None, frames: str | None, frame_type: str | None) -> dict[str, Any]:
    """The scan of a free list: all of one detector, in frames of one type."""
    detectors = sorted({name[:2] for name in channels if name[1] != "0"} | ({ifo} if ifo else set()))  # H0: is the site's
    if len(detectors) != 1:
        raise InputError("channels", ", ".join(detectors) or "of no detector", "channels of one detector")
    if not frame_type or not _WORD.fullmatch(frame_type):
        raise InputError("frame type", frame_type, "the type of the frames that have the channels, such as H1_R")
    return {"ifo": detectors[0], "channels": channels, "frame types": {frame_type: {"look up": [_way(frames)]}}}


def _way(frames: str | None) -> dict[str, Any]:
    """Where frames are looked for, as `gwfollow.scans.frame_types` reads it."""
    kind, _, host = (frames or "").partition(":")
    if kind == "gwosc" and not host:
        return {"gwosc": True}
    if kind == "datafind" and (not host or _HOST.fullmatch(host)):
        return {"datafind": host or None}
    if frames and frames.startswith("/"):
        return {"folder": frames}
    raise InputError("frames", frames, "an absolute folder, or datafind, datafind:HOST, gwosc")


def _one_of(place: str, value: str, allowed: tuple[str, ...]) -> str:
    word = value.strip().lower()
    if word not in allowed:
        raise InputError(place, value, f"one of {', '.join(allowed)}")
    return word


__all__ = ["ENGINES", "PREFIX", "Asked", "digest", "read", "read_time"]

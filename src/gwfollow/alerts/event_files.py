"""What is kept beside an event: its alerts, its sky maps and `skymap_info.json`.

    keep(folders, alert, received)      write what this alert brings
    skymaps(folders, "S190814bv")       its sky maps, newest last

Every name tells the contents, so the same alerts give the same folder, in whatever order they come and however often:

    lvc_alert-20190814T213916-preliminary-1f0c83ab.json     an alert, long texts replaced by checksums (VOEvents whole, as .xml)
    bayestar.multiorder.fits,1                              version 1 of a file of GraceDB
    bayestar-db875e1b.multiorder.fits,0                     a sky map that came inside an alert and has no version
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gwfollow.alerts.alert import Alert, Skymap
from gwfollow.alerts.folders import Folders, write_once
from gwfollow.errors import InputError

INFO = "skymap_info.json"
#: kinds that `skymap_info.json` is made of, and log entries with a sky map: an event has hundreds of other ones and of labels
_TELLING = frozenset({"earlywarning", "preliminary", "initial", "update", "retraction", "new", "snapshot", "voevent"})
#: of alert files, the time of issue; a message may have it from Kafka, and not say it itself
_TIME = "%Y%m%dT%H%M%S"
_NEVER = datetime.min.replace(tzinfo=UTC)


def keep(folders: Folders, alert: Alert, received: datetime) -> list[Path]:
    """Write what an alert brings beside its event, where it is not there yet; all its files.

    A sky map is written where the alert has its contents (`read`, not `read_payload`).  `received` becomes the time of new files, and
    nothing else: the same alert may come again later.
    """
    with folders.locked(alert.event):
        folder = folders.find(alert.event) or folders.event(alert.event)
        name, contents = _alert_file(alert)
        kept = [_keep(folder / name, contents, received)]
        if alert.skymap is not None and alert.skymap.contents is not None:
            kept.append(_keep(folder / skymap_file(alert.skymap), alert.skymap.contents, received))
        if (alert.skymap is not None or alert.kind in _TELLING) and (info := _newer_info(folder)):
            write_info(folder, info)
        if (folder / INFO).is_file():
            kept.append(folder / INFO)
        return kept


def skymaps(folders: Folders, graceid: str) -> list[Path]:
    """The sky maps beside an event, by the time when they were made (as their headers say); newest last."""
    folder = folders.find(graceid)
    if folder is None:
        return []
    found = [path for path in folder.glob("*.fits*") if re.search(r"\.fits(\.gz)?(,\d+)?$", path.name) and path.is_file()]
    return sorted(found, key=lambda path: (_made(path), _version(path), path.name))


def skymap_file(skymap: Skymap) -> str:
    """The name of a sky map beside its event: ``name,version``, as GraceDB's tools write it."""
    if skymap.version is not None or not skymap.sha256:
        return skymap.name if skymap.version is None else f"{skymap.name},{skymap.version}"
    stem, dot, rest = skymap.name.partition(".")
    return f"{stem}-{skymap.sha256[:8]}{dot}{rest},0"


def info_of(
    *, graceid: str, event_time: datetime | None, far: float | None, notice_time: datetime | None, pipeline: str | None,
    skymap_filename: str | None, alert_type: str,
) -> dict[str, Any]:  # fmt: skip
    """The documented keys of `skymap_info.json`; times are ISO 8601 in UTC, `far` is in Hz, `skymap_filename` is ``name,version``."""
    return {
        "graceid": graceid,
        "event_time_iso": _iso(event_time),
        "far": far,
        "notice_time_iso": _iso(notice_time),
        "pipeline": pipeline,
        "skymap_filename": skymap_filename,
        "alert_type": alert_type,
    }


def write_info(folder: Path, info: dict[str, Any], name: str = INFO) -> Path:
    """Write it where it says something new."""
    contents = json.dumps(info, indent=2).encode() + b"\n"
    path = folder / name
    if not path.is_file() or path.read_bytes() != contents:
        write_once(path, contents)
    return path


# ---- one alert -------------------------------------------------------------------------------------------------------------
def _alert_file(alert: Alert) -> tuple[str, bytes]:
    text = alert.payload.get("voevent")
    if isinstance(text, str):
        contents, suffix = text.encode(), ".xml"
    else:
        contents, suffix = json.dumps(dict(alert.payload), indent=1, sort_keys=True).encode() + b"\n", ".json"
    issued = f"{alert.issued.astimezone(UTC):{_TIME}}" if alert.issued else "undated"
    return f"lvc_alert-{issued}-{alert.kind}-{hashlib.sha256(contents).hexdigest()[:8]}{suffix}", contents


def _keep(path: Path, contents: bytes, received: datetime) -> Path:
    if not path.is_file() or path.stat().st_size != len(contents):
        write_once(path, contents)
        os.utime(path, (received.timestamp(), received.timestamp()))
    return path


# ---- all alerts of an event together ---------------------------------------------------------------------------------------
def _newer_info(folder: Path) -> dict[str, Any] | None:
    """What the alerts in the folder say together; None where no sky map is known, or a person chose one after the newest of them."""
    from gwfollow.times import gps_to_utc

    alerts = _alerts(folder)
    skymap = _newest_skymap(folder, alerts)
    notices = [alert for alert in alerts if _is_notice(alert) or alert.skymap is not None]
    if skymap is None or not notices:
        return None
    newest = notices[-1]
    chosen = _chosen(folder)
    if chosen is not None and chosen >= max(alert.issued or _NEVER for alert in notices):
        return None
    gps = _last(alerts, "t_0")
    return info_of(
        graceid=newest.event,
        event_time=None if gps is None else gps_to_utc(gps),
        far=_last(alerts, "far"),
        notice_time=newest.issued,
        pipeline=_last(alerts, "pipeline"),
        skymap_filename=skymap,
        alert_type=next((alert.kind for alert in reversed(alerts) if _is_notice(alert)), "new"),
    )


def _alerts(folder: Path) -> list[Alert]:
    """The alerts in a folder, oldest first; a file that a person has put there and that is none is not looked at."""
    from gwfollow.alerts.reading import read_payload

    found = []
    for path in folder.glob("lvc_alert-*"):
        _, time, kind, *_ = [*path.name.split("-"), "", ""]
        if kind not in _TELLING and kind != "log":
            continue
        try:
            text = path.read_text()
            if kind == "log" and ".fits" not in text:
                continue
            payload = {"voevent": text} if path.suffix == ".xml" else json.loads(text)
            alert = read_payload(payload, path.name)
        except (InputError, OSError, ValueError, AttributeError):
            continue
        found.append((alert.issued or _time(time), path.name, alert))
    found.sort(key=lambda one: one[:2])
    return [replace(alert, issued=None if moment == _NEVER else moment) for moment, _, alert in found]


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return _NEVER


def _is_notice(alert: Alert) -> bool:
    return alert.form in ("public", "voevent")


def _newest_skymap(folder: Path, alerts: list[Alert]) -> str | None:
    """Of those that are here, or that GraceDB has under a version."""
    for alert in reversed(alerts):
        if alert.skymap is not None and (alert.skymap.version is not None or (folder / skymap_file(alert.skymap)).is_file()):
            return skymap_file(alert.skymap)
    return None


def _last(alerts: list[Alert], fact: str) -> Any:
    """What the newest alert that says something says; notices to the public before internal messages."""
    for notices in (True, False):
        for alert in reversed(alerts):
            if _is_notice(alert) == notices and alert.facts.get(fact) is not None:
                return alert.facts[fact]
    return None


def _chosen(folder: Path) -> datetime | None:
    """When a person chose the sky map that `skymap_info.json` names; None where nobody did."""
    try:
        return datetime.fromisoformat(json.loads((folder / INFO).read_text())["chosen_time_iso"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


# ---- the age of sky maps ---------------------------------------------------------------------------------------------------
_DATE = re.compile(rb"DATE    = '(\d{4}-\d\d-\d\dT[0-9:.]{8,20})")


def _made(path: Path) -> str:
    """The keyword DATE of a FITS file, from the beginning of it; empty where it has none."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            match = _DATE.search(stream.read(16 * 2880))
    except (OSError, EOFError, zlib.error):
        return ""
    return match.group(1).decode() if match else ""


def _version(path: Path) -> int:
    version = path.name.rpartition(",")[2]
    return int(version) if version.isdecimal() else -1


__all__ = ["INFO", "info_of", "keep", "skymap_file", "skymaps", "write_info"]

"""An event by hand: from a GraceDB id or from a VOEvent to `skymap_info.json` with the sky map that it names.

`from_gracedb` and `from_alert` find out; `write` writes, `skymap_info.json` last, for that file is what others wait for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.category import category_of
from gwfollow.alerts.event_files import info_of, skymap_file, write_info
from gwfollow.alerts.folders import write_once
from gwfollow.alerts.models import EVENT, SUPEREVENT, Member, Moment, check, check_value
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.times import gps_to_utc

if TYPE_CHECKING:
    from gwfollow.gracedb.client import GraceDBClient

_FITS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,90}\.fits(?:\.gz)?")
#: label -> alert_type, the strongest first: what GraceDB's labels say about the notices that went out
_ALERT_TYPES = {
    "ADVNO": "retraction",
    "PE_READY": "update",
    "ADVOK": "initial",
    "GCN_PRELIM_SENT": "preliminary",
    "LOW_SIGNIF_PRELIM_SENT": "preliminary",
    "EARLY_WARNING": "earlywarning",
}


@dataclass(frozen=True)
class Found:
    """All that is needed to write an event's folder."""

    graceid: str
    mock: bool
    info: dict[str, Any]  # the keys of skymap_info.json
    skymap: bytes | None  # None: could not be fetched
    warning: str = ""  # why


def from_gracedb(client: GraceDBClient, graceid: str, skymap: str | None = None) -> Found:
    """What GraceDB knows.  `skymap`: ``name`` (its newest version) or ``name,version``; None takes the newest sky map.

    Raises `InputError` (no such id, no such sky map, a file that is no sky map), `RemoteSilent`, `RemoteRefused`.
    """
    about = _superevent(client, graceid) if re.fullmatch(SUPEREVENT, graceid) else _event(client, graceid)
    logs = client.logs(graceid)
    name = _newest(logs, graceid) if skymap is None else _named(client.files(graceid), skymap, graceid)
    contents = client.download(graceid, name)
    check_skymap(contents, f"{graceid}, {name}")
    info = info_of(
        graceid=graceid,
        event_time=None if about["t_0"] is None else gps_to_utc(about["t_0"]),
        far=about["far"],
        notice_time=_uploaded(logs, name) or about["created"],
        pipeline=about["pipeline"],
        skymap_filename=name,
        alert_type=next((kind for label, kind in _ALERT_TYPES.items() if label in (about["labels"] or ())), "new"),
    )
    return Found(graceid, about["category"] != "Production", info, contents)


def from_alert(alert: Alert, client: GraceDBClient | None, skymap: str | None = None) -> Found:
    """What a VOEvent (or another notice) says; its sky map from inside it, or from GraceDB.

    Raises `InputError` where it names no sky map and none is given.
    """
    contents = alert.skymap.contents if alert.skymap and skymap is None else None
    if skymap is not None:
        name = skymap if "," in skymap else f"{skymap},0"
        _check_name(name)
    elif alert.skymap is not None:
        name = skymap_file(alert.skymap)
        name = name if "," in name else f"{name},0"  # notices before 2019 name no version
    else:
        why = alert.facts.get("skymap_problem", f"a notice of kind {alert.kind} that names none")
        raise InputError(f"{alert.event}: no sky map ({why}); name one with --skymap NAME,VERSION")
    warning = ""
    if contents is None:
        contents, warning = _fetch(client, alert.event, name)
    else:
        check_skymap(contents, f"{alert.event}, {name}")
    gps = alert.facts.get("t_0")
    info = info_of(
        graceid=alert.event,
        event_time=None if gps is None else gps_to_utc(gps),
        far=alert.facts.get("far"),
        notice_time=alert.issued,
        pipeline=alert.facts.get("pipeline"),
        skymap_filename=name,
        alert_type=alert.kind,
    )
    return Found(alert.event, alert.test, info, contents, warning)


def write(found: Found, folder: Path, name: str, *, who: str) -> list[Path]:
    """Write sky map and `skymap_info.json`.  `who` has chosen this map: alerts that are older do not replace it."""
    paths = []
    if found.skymap is not None:
        paths.append(folder / found.info["skymap_filename"])
        write_once(paths[0], found.skymap)
    chosen = {"chosen_by": who, "chosen_time_iso": datetime.now(UTC).isoformat(timespec="seconds")}
    return [*paths, write_info(folder, {**found.info, **chosen}, name)]


def check_skymap(contents: bytes, place: str) -> None:
    """Raises `InputError` unless this is a sky map that can be read."""
    import tempfile

    from gwfollow.alerts.skymap import load

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.fits"
        path.write_bytes(contents)
        try:
            load(path)
        except InputError as error:
            raise InputError(str(error).replace("sky map map.fits", place)) from None


# ---- what GraceDB says -----------------------------------------------------------------------------------------------------
def _superevent(client: GraceDBClient, graceid: str) -> dict[str, Any]:
    from gwfollow.alerts.internal import read_snapshot

    answer = client.superevent(graceid)
    said = read_snapshot(answer, f"GraceDB's answer about {graceid}")
    pipeline, far, preferred = said.facts.get("pipeline"), said.facts.get("far"), said.facts.get("preferred_event")
    if (pipeline is None or far is None) and preferred is not None:
        event = check(Member, client.event(preferred), f"GraceDB's answer about {preferred}")
        pipeline, far = pipeline or event.pipeline, event.far if far is None else far
    return {
        "t_0": said.facts.get("t_0"),
        "far": far,
        "pipeline": pipeline,
        "labels": said.labels,
        "category": said.category,
        "created": _moment(answer.get("created"), graceid),
    }


def _event(client: GraceDBClient, graceid: str) -> dict[str, Any]:
    if not re.fullmatch(EVENT, graceid):
        raise InputError("--graceid", graceid, "an id of GraceDB, like S190814bv, MS181101ab or G184098")
    found = check(Member, client.event(graceid), f"GraceDB's answer about {graceid}")
    return {
        "t_0": found.gpstime,
        "far": found.far,
        "pipeline": found.pipeline,
        "labels": found.labels,
        "category": category_of(graceid, search=found.search, group=found.group),
        "created": found.created,
    }


def _newest(logs: list[dict[str, Any]], graceid: str) -> str:
    """The sky map that was uploaded last; multi-order ones before the flat copies that are made of them."""
    found = [entry for entry in logs if _FITS.fullmatch(str(entry.get("filename") or "")) and _is_map(entry)]
    if not found:
        raise InputError(f"GraceDB has no sky map with {graceid} yet (no log entry with the tag sky_loc and a FITS file)")
    newest = max(found, key=lambda entry: (".multiorder." in entry["filename"], int(entry.get("N") or 0)))
    return f"{newest['filename']},{int(newest.get('file_version') or 0)}"


def _is_map(entry: Mapping[str, Any]) -> bool:
    tags = entry.get("tag_names") or []
    return "ext_coinc" not in tags and ("sky_loc" in tags or not tags)


def _named(files: Mapping[str, str], wanted: str, graceid: str) -> str:
    """``name,version`` of a file that GraceDB has."""
    _check_name(wanted)
    name, comma, _ = wanted.partition(",")
    versions = sorted(int(file.rpartition(",")[2]) for file in files if re.fullmatch(re.escape(name) + r",\d+", file))
    if comma and wanted in files:
        return wanted
    if not comma and versions:
        return f"{name},{versions[-1]}"
    maps = sorted(file for file in files if "," in file and _FITS.fullmatch(file.rpartition(",")[0]))
    raise InputError(
        f"--skymap of {graceid}", wanted, f"a file that GraceDB has: {', '.join(maps[:10]) or 'it has no FITS file'}"
    )


def _check_name(name: str) -> None:
    stem, _, version = name.partition(",")
    if not _FITS.fullmatch(stem) or ("," in name and not re.fullmatch(r"\d{1,6}", version)):
        raise InputError("--skymap", name, "the name of a FITS file, or NAME,VERSION")


def _uploaded(logs: list[dict[str, Any]], name: str) -> datetime | None:
    stem, _, version = name.rpartition(",")
    for entry in logs:
        if entry.get("filename") == stem and str(entry.get("file_version")) == version:
            return _moment(entry.get("created"), name)
    return None


def _moment(text: Any, place: str) -> datetime | None:
    if text is None:
        return None
    moment: datetime = check_value(Moment, text, f"GraceDB's answer about {place}, created")
    return moment


def _fetch(client: GraceDBClient | None, graceid: str, name: str) -> tuple[bytes | None, str]:
    if client is None:
        return None, "no GraceDB is named in the settings (GWFOLLOW_GRACEDB_URL)"
    try:
        contents = client.download(graceid, name)
        check_skymap(contents, f"{graceid}, {name}")
    except (RemoteSilent, RemoteRefused, InputError) as error:
        return None, str(error)
    return contents, ""


__all__ = ["Found", "check_skymap", "from_alert", "from_gracedb", "write"]

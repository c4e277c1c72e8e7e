"""What the pipeline gwdata is asked for: asimov's keys of the document read and checked before any job starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwfollow.data.fetch import WAYS
from gwfollow.data.segments import Segment
from gwfollow.errors import InputError
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import Task

ENGINES = ("gwfollow", "gwdata")
#: what can be downloaded; asimov-gwdata says posterior where asimov's list of assets says samples
DOWNLOADS = {"frames": "frames", "calibration": "calibration", "psds": "psds", "samples": "posterior", "posterior": "posterior"}
FRAME_SOURCES = ("datafind", "folder", "gwosc", "osdf")
SOURCE_TYPES = ("pesummary", "local storage", "frame")
_SERVER = re.compile(r"(?:https?://)?[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9_./-]*)?")


@dataclass(frozen=True)
class Asked:
    """All that the settings file says; `None` is left out there."""

    engine: str
    ifos: tuple[str, ...]
    gps: float
    window: Segment  # GPS s that the frames must cover
    file_length: int  # s: asimov-gwdata takes GWOSC's files of at least this length
    downloads: tuple[str, ...]  # asimov-gwdata's words
    frames: str | None  # one of FRAME_SOURCES
    frame_types: Mapping[str, str]
    channels: Mapping[str, str]
    band: Mapping[str, tuple[float, float]]  # Hz: what PSDs and envelopes must cover, where it is known
    source_type: str | None
    location: str | None
    analysis: str | None
    frames_directory: str | None
    calibration_directory: str | None
    calibration_version: Any
    datafind_server: str | None
    gwosc_server: str | None
    sample_rate: int  # Hz, of GWOSC's files
    format: str  # of GWOSC's files
    urltype: str
    wait: float  # s to wait for frames that are not there yet
    pause: float  # s between two looks
    way: str
    virgo: Mapping[str, Any]


def gather(task: Task) -> Asked:
    """Raises `InputError` for what cannot be done, so that no job starts for it."""
    engine = _choice(task, "engine", "gwfollow", ENGINES)
    downloads = _downloads(task)
    ifos = inputs.detectors(task)
    source_type = task.get("source.type")
    if source_type is not None:
        source_type = _choice(task, "source.type", None, SOURCE_TYPES)
    frames = _frame_source(task) if "frames" in downloads else None
    asked = Asked(
        engine=engine,
        ifos=ifos,
        gps=inputs.event_time(task),
        window=window(task),
        file_length=int(inputs.number(task, "file length", 32, unit="s")),
        downloads=downloads,
        frames=frames,
        frame_types=_frame_types(task, frames),
        channels=inputs.channels(task),
        band=_band(task),
        source_type=source_type or _implied_type(task, downloads),
        location=_location(task),
        analysis=_text(task, "source.analysis"),
        frames_directory=_folder(task, "locations.frames directory"),
        calibration_directory=_folder(task, "locations.calibration directory"),
        calibration_version=task.get("calibration version"),
        datafind_server=_server(task, "locations.datafind server") or os.environ.get("GWDATAFIND_SERVER"),
        gwosc_server=_server(task, "locations.gwosc server"),
        sample_rate=_sample_rate(task),
        format=_choice(task, "source.format", "gwf", ("gwf", "hdf5")),
        urltype=_choice(task, "source.url type", "file", ("file", "https", "http")),
        wait=_seconds(task, "wait", 0.0),
        pause=max(1.0, _seconds(task, "pause", 30.0)),
        way="copy" if task.get("copy frames") else WAYS[0],
        virgo={key: task.get(key) for key in ("virgo prefix", "virgo frametype", "virgo timestamp channel") if task.get(key)},
    )
    _check(asked)
    return asked


def window(task: Task) -> Segment:
    """GPS seconds that frames must cover: the analysed segment, and what `span` asks for around the event."""
    gps = inputs.event_time(task)
    length = inputs.number(task, "data.segment length", 4.0, unit="s")
    if task.get("likelihood.segment start") is not None:
        start = inputs.number(task, "likelihood.segment start", unit="GPS s")
    else:
        start = gps + inputs.number(task, "likelihood.post trigger time", 2.0, unit="s") - length
    before, after = _seconds(task, "span.before", 0.0), _seconds(task, "span.after", 0.0)
    return (min(start, gps - before), max(start + length, gps + after))


def _check(asked: Asked) -> None:
    """What does not fit together."""
    ours = asked.engine == "gwfollow"
    if asked.frames == "osdf" and ours:
        raise InputError("source.frames", "osdf", "datafind, folder or gwosc; osdf:// is fetched by `engine: gwdata` only")
    if asked.frames == "folder" and asked.frames_directory is None:
        raise InputError("locations.frames directory", None, "the folder with frames")
    if asked.frames == "datafind" and ours and asked.datafind_server is None:
        raise InputError("locations.datafind server", None, "the address of a gwdatafind server, here or in GWDATAFIND_SERVER")
    if asked.frames in {"folder", "datafind"} and not ours:
        raise InputError("source.frames", asked.frames, "gwosc or osdf, which is what `engine: gwdata` knows")
    from_file = {"psds", "posterior"} & set(asked.downloads) or (
        "calibration" in asked.downloads and asked.source_type == "pesummary"
    )
    if from_file and asked.location is None:
        what = ", ".join(sorted(set(asked.downloads) - {"frames"}))
        raise InputError("source.location", None, f"a file of PESummary or GWTC, to take {what} from")
    if "calibration" in asked.downloads and ours:
        if asked.source_type == "frame":
            raise InputError("source.type", "frame", "pesummary or local storage; `engine: gwdata` reads envelopes from frames")
        if asked.source_type == "local storage" and asked.calibration_directory is None:
            raise InputError("locations.calibration directory", None, "the folder with calibration envelopes")


def _downloads(task: Task) -> tuple[str, ...]:
    given = task.get("download", ["frames"])
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not given:
        raise InputError("download", given, f"a list of {', '.join(DOWNLOADS)}")
    for index, word in enumerate(given):
        if word not in DOWNLOADS:
            raise InputError(f"download[{index}]", word, f"one of {', '.join(DOWNLOADS)}")
    return tuple(dict.fromkeys(DOWNLOADS[word] for word in given))


def _frame_source(task: Task) -> str:
    """Where frames are looked for: as said; else a folder that is given, a server that is given, else GWOSC as asimov does."""
    if task.get("source.frames") is not None:
        return _choice(task, "source.frames", None, FRAME_SOURCES)
    if task.get("locations.frames directory"):
        return "folder"
    known = task.get("locations.datafind server") or os.environ.get("GWDATAFIND_SERVER")
    return "datafind" if known and task.get("data.frame types") and task.get("engine") != "gwdata" else "gwosc"


def _frame_types(task: Task, frames: str | None) -> dict[str, str]:
    given = task.get("data.frame types") or {}
    found = {}
    for ifo in inputs.detectors(task):
        name = given.get(ifo)
        if name is None:
            if frames in {"datafind", "osdf"}:
                raise InputError(f"data.frame types.{ifo}", None, "the frame type to ask the server for")
            continue
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_+#]+", name):
            raise InputError(f"data.frame types.{ifo}", name, "a frame type: letters, digits and '_'")
        found[ifo] = name
    return found


def _band(task: Task) -> dict[str, tuple[float, float]]:
    low, high = inputs.per_detector(task, "minimum frequency"), inputs.per_detector(task, "maximum frequency")
    return {ifo: (low[ifo], high[ifo]) for ifo in low if ifo in high}


def _implied_type(task: Task, downloads: tuple[str, ...]) -> str | None:
    """Without a type, a folder of envelopes is the source of the calibration, else the file that `location` names."""
    if "calibration" in downloads and task.get("locations.calibration directory"):
        return "local storage"
    if task.get("source.location"):
        return "pesummary"
    return "local storage" if "calibration" in downloads else None


def _location(task: Task) -> str | None:
    value = _text(task, "source.location")
    if value is None or re.fullmatch(r"https?://[A-Za-z0-9./_~%:?=&+-]+", value):
        if value is not None and "@" in value:
            raise InputError("source.location", value, "an address without a name or password")
        return value
    return str(inputs.existing(value, "source.location"))


def _folder(task: Task, place: str) -> str | None:
    value = _text(task, place)
    if value is None:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute() or not path.is_dir():
        raise InputError(place, value, "the absolute path of a folder that is there")
    return str(path)


def _server(task: Task, place: str) -> str | None:
    value = _text(task, place)
    if value is not None and not _SERVER.fullmatch(value):
        raise InputError(place, value, "a host with or without a port, or an address without a name or password")
    return value


def _sample_rate(task: Task) -> int:
    """GWOSC has 4096 and 16384 Hz; the lower one holds what an analysis at up to 2048 Hz looks at."""
    value = task.get("source.sample rate")
    if value is None:
        rate = task.get("likelihood.sample rate")
        return 4096 if rate is None or float(rate) <= 2048 else 16384
    if value not in {4096, 16384}:
        raise InputError("source.sample rate", value, "4096 or 16384 (Hz)")
    return int(value)


def _text(task: Task, place: str) -> str | None:
    value = task.get(place)
    if value is not None and (not isinstance(value, str) or not value):
        raise InputError(place, value, "text")
    return value


def _choice(task: Task, place: str, default: Any, choices: tuple[str, ...]) -> str:
    value = task.get(place, default)
    if value not in choices:
        raise InputError(place, value, f"one of {', '.join(choices)}")
    return str(value)


def _seconds(task: Task, place: str, default: float) -> float:
    """A number of seconds, 0 allowed."""
    value = task.get(place, default)
    if not isinstance(value, bool) and value == 0:
        return 0.0
    return inputs.number(task, place, default, unit="s")

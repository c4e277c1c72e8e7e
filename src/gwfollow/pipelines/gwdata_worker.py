"""The program that the pipeline gwdata runs as a job: ``python -m gwfollow.pipelines.gwdata_worker SETTINGS``.

SETTINGS is the file that ``include/configs/gwdata.ini.j2`` makes.  Beside it the job leaves what asimov-gwdata leaves,

    frames/        frame files, linked or copied      cache/H1.cache   a LAL cache file for each detector
    calibration/   H1.txt or H1.dat                   psds/H1.dat      posterior/metafile.h5

and ``report.json``, written last: what each file was found to hold when it was opened.  Frames that are not there yet are waited for as
long as ``wait`` says; a server that does not answer has SILENCE_SECONDS at least.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gwfollow.data import discovery, envelopes, metafiles
from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.fetch import fetch
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, told
from gwfollow.data.strain import read_back
from gwfollow.errors import GWFollowError, PipelineError, RemoteSilent
from gwfollow.pipelines.files import write_text
from gwfollow.pipelines.psd import check_psd

REPORT = "report.json"
SILENCE_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when all that was asked for is there and whole; else 1, the reason the last line of stderr."""
    names = sys.argv[1:] if arguments is None else arguments
    if len(names) != 1:
        print("usage: python -m gwfollow.pipelines.gwdata_worker SETTINGS", file=sys.stderr)
        return 2
    import yaml

    path = Path(names[0]).absolute()
    try:
        work(yaml.safe_load(path.read_text()), path.parent)
    except (GWFollowError, OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}" if not isinstance(error, GWFollowError) else error, file=sys.stderr)
        return 1
    return 0


def work(settings: dict[str, Any], folder: Path) -> None:
    """Fetch into `folder` all that the settings name.  Raises `GWFollowError`."""
    steps: dict[str, Callable[[dict[str, Any], Path], dict[str, Any]]] = {
        # the small things first: they fail in a moment, frames may be waited for
        "posterior": _samples,
        "psds": _psds,
        "calibration": _calibration,
        "frames": _frames,
    }
    report = {name: step(settings, folder) for name, step in steps.items() if name in settings["data"]}
    write_text(folder / REPORT, json.dumps(report, indent=1) + "\n")


def _frames(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    window = (float(settings["time"]["start"]), float(settings["time"]["end"]))
    found = _waited_for(settings, window)
    report = {}
    for ifo, coverage in found.items():
        opened, lines = [], []
        for file in coverage.files:
            path = fetch(file.url, folder / "frames", way=settings["way"])
            opened.append(read_back(path, file, ifo, window, settings["channels"].get(ifo)).as_dict())
            lines.append(f"{file.site} {file.description} {file.start} {file.duration} file://localhost{path}")
            print(f"{ifo}: {path.name} from {file.url}", flush=True)
        (folder / "cache").mkdir(exist_ok=True)
        write_text(folder / "cache" / f"{ifo}.cache", "\n".join(lines) + "\n")
        report[ifo] = {"wanted": list(window), "files": opened, "spare": [file.url for file in coverage.spare]}
        for one, other in coverage.overlapping:
            print(f"{ifo}: {one.name} and {other.name} overlap", flush=True)
    return report


def _waited_for(settings: dict[str, Any], window: Segment) -> dict[str, Coverage]:
    """The files of each detector, once they cover the window.  Raises `PipelineError` that lists the gaps when time is up."""
    begun, wait = monotonic(), float(settings["wait"])
    while True:
        waited = monotonic() - begun
        try:
            found = {ifo: cover(_look(settings, ifo, window), window) for ifo in settings["interferometers"]}
        except RemoteSilent as error:
            if waited >= max(wait, SILENCE_SECONDS):
                raise
            said = str(error)
        else:
            gaps = [f"{ifo} has no frames for {told(one.gaps)}" for ifo, one in found.items() if one.gaps]
            if not gaps:
                return found
            said = f"{'; '.join(gaps)} ({_where(settings)})"
            if waited >= wait:
                after = f" after {waited:.0f} s of waiting" if wait else "; `wait` (s) waits for frames that are not there yet"
                raise PipelineError(f"{said}{after}")
        print(f"waiting: {said}", flush=True)
        sleep(float(settings["pause"]))


def _look(settings: dict[str, Any], ifo: str, window: Segment) -> list[FrameFile]:
    source, locations = settings["source"], settings["locations"]
    types = dict(name.split(":", 1) for name in settings.get("frame types", ()))
    if source["frames"] == "folder":
        return discovery.in_folder(Path(locations["frames directory"]), ifo, window, types.get(ifo))
    if source["frames"] == "datafind":
        return discovery.from_datafind(locations["datafind server"], ifo, types[ifo], window, source["url type"])
    return discovery.from_gwosc(
        ifo, window, sample_rate=source["sample rate"], extension=source["format"], host=locations["gwosc server"]
    )


def _where(settings: dict[str, Any]) -> str:
    locations = settings["locations"]
    types = ", ".join(settings.get("frame types", ()))
    if settings["source"]["frames"] == "folder":
        return f"in {locations['frames directory']}" + (f", {types}" if types else "")
    if settings["source"]["frames"] == "datafind":
        return f"at gwdatafind server {locations['datafind server']}, {types}"
    return f"at GWOSC, {settings['source']['sample rate']} Hz"


def _calibration(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    source, ifos = settings["source"], settings["interferometers"]
    target = folder / "calibration"
    report: dict[str, Any] = {}
    if source["type"] == "pesummary":
        made = metafiles.envelopes(_located(settings, folder), source["analysis"], ifos, target)
        report = {ifo: {"file": str(path)} for ifo, path in made.items()}
    else:
        directory, version = Path(settings["locations"]["calibration directory"]), settings.get("calibration version")
        for ifo in ifos:
            wanted = version.get(ifo) if isinstance(version, dict) else version
            path, made_at = envelopes.valid_at(directory, ifo, float(settings["time"]["event"]), wanted)
            report[ifo] = {
                "file": str(fetch(str(path), target, way="copy", name=f"{ifo}.txt")),
                "gps": made_at,
                "from": str(path),
            }
    for ifo, said in report.items():
        low, high = settings["band"].get(ifo, (None, None))
        envelopes.check(Path(said["file"]), low=low, high=high)
        print(f"{ifo}: calibration envelope {said.get('from', source['location'])}", flush=True)
    return report


def _psds(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    source = settings["source"]
    made = metafiles.psds(_located(settings, folder), source["analysis"], settings["interferometers"], folder / "psds")
    for ifo, path in made.items():
        low, high = settings["band"].get(ifo, (None, None))
        if low is not None:
            check_psd(path, spacing=None, low=low, high=high)
        print(f"{ifo}: PSD from {source['location']}", flush=True)
    return {ifo: {"file": str(path)} for ifo, path in made.items()}


def _samples(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = _located(settings, folder)
    metafiles.check_samples(path, settings["source"]["analysis"])
    return {"file": str(path), "analyses": metafiles.analyses(path)}


def _located(settings: dict[str, Any], folder: Path) -> Path:
    """The metafile in this folder, copied or downloaded once; only *posterior* is asked for as an asset."""
    kept = "posterior" if "posterior" in settings["data"] else ".source"
    return fetch(settings["source"]["location"], folder / kept, way="copy", name="metafile.h5")


if __name__ == "__main__":
    sys.exit(main())

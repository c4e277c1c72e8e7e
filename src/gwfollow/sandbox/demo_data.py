"""The demo's event: its strain, what a site sets up for it, its entry in the local GraceDB."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from gwfollow.data.names import parse
from gwfollow.errors import PermanentError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.sandbox.auxiliary import SOURCE, demo_channels
from gwfollow.sandbox.strain import EVENT_TIME, Strain
from gwfollow.settings import Settings

#: detector-frame chirp mass of GW150914 in solar masses (published median 31.2; GWTC-1, Abbott et al. 2019, PRX 9, 031040) and the
#: interval that a quick run with aligned spins must land in
GW150914 = (30.0, 32.5)


@dataclass(frozen=True)
class DemoEvent:
    """What the demo analyses, and how its answer is judged."""

    label: str
    strain: Strain
    text: str  # where the strain comes from and what is expected of it
    graceid: str = ""  # of its superevent, which is its name in the ledger too

    def plausible(self, chirp_mass: Mapping[str, float]) -> bool:
        """Real data: the median lies where GW150914's does.  Simulated: within a third of the 90% interval's width beyond its ends
        lies the injected value (with the fixed seed it lies inside; the margin is for other platforms' arithmetic)."""
        injected = self.strain.injected.get("chirp_mass")
        if injected is None:
            return GW150914[0] <= chirp_mass["median"] <= GW150914[1]
        margin = (chirp_mass["high"] - chirp_mass["low"]) / 3
        return chirp_mass["low"] - margin <= injected <= chirp_mass["high"] + margin


def make_event(folder: Path, gwosc: Path | None) -> DemoEvent:
    """Simulated strain as frames below `folder`, or the GWOSC files of GW150914 that are in `gwosc`."""
    command = [sys.executable, "-m", "gwfollow.sandbox.strain", str(folder), "--auxiliary"]
    if gwosc is not None:
        command += ["--gwosc", str(gwosc.expanduser().absolute()), "--gps", str(EVENT_TIME)]
    # in a process of its own: what it imports weighs half a gigabyte
    made = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if made.returncode:
        raise PermanentError(f"no strain: {(made.stderr.strip() or 'nothing was said').splitlines()[-1]}")
    strain = Strain(**json.loads(made.stdout))
    if gwosc is not None:
        return DemoEvent("GW150914", strain, "real strain of GW150914 from GWOSC; published chirp mass 31.2 solar masses")
    mass = strain.injected["chirp_mass"]
    return DemoEvent("SIM150914", strain, f"simulated strain with an injected signal of chirp mass {mass:.2f} solar masses")


def register(client: GraceDBClient, event: DemoEvent, folder: Path) -> DemoEvent:
    """Enter it in GraceDB as a search does: an event with its trigger file, and a superevent around it."""
    candidate = client.create_event("CBC", "gstlal", trigger_file(event.strain, folder), search="AllSky")
    superevent = client.create_superevent(event.strain.gps, candidate["graceid"])
    return replace(event, graceid=superevent["superevent_id"])


def trigger_file(strain: Strain, folder: Path) -> Path:
    """What a search uploads: a coinc.xml with time, detectors, SNR and false-alarm rate."""
    trigger = folder / "coinc.xml"
    trigger.write_text(_template(Path(__file__).parent, "coinc.xml.j2").render(gps=strain.gps, detectors=strain.detectors))
    return trigger


def site_defaults(event: DemoEvent, folder: Path) -> tuple[Path, Path]:
    """Blueprints of what a site sets up once: the project's defaults, and where its frames lie."""
    frames = folder / "frames.yaml"
    data = {"channels": dict(event.strain.channels), "data files": dict(event.strain.files)}
    pipelines = {
        "omegascan": {"scan": {"channel set": str(channel_set(event.strain, folder))}},
        "dataquality": {"checks": {"frames": {"low latency": {ifo: [_vectors(ifo, folder)] for ifo in event.strain.detectors}}}},
    }
    frames.write_text(yaml.safe_dump({"kind": "configuration", "data": data, "pipelines": pipelines}, sort_keys=False))
    return Settings.read().configs_folder / "blueprints" / "demo-defaults.yaml", frames


def channel_set(strain: Strain, folder: Path, ifo: str = "H1") -> Path:
    """The set of the demonstration's omega scan: the strain and the auxiliary channels of one detector, by subsystem."""
    name = parse(strain.files[ifo])
    if name is None:
        raise PermanentError(f"{strain.files[ifo]} is not named as frames are")
    # what the 32 seconds of the frames allow
    common = {"duration": 24, "fftlength": 4, "q range": [3.3166, 150], "plot time durations": [1, 4, 16]}
    subsystems: dict[str, list[str]] = {}
    for channel in demo_channels(ifo, strain.gps):
        subsystems.setdefault(channel.name.partition(":")[2].partition("-")[0], []).append(channel.name)
    auxiliary = f"{ifo}_{SOURCE}_AUX"
    blocks = {
        "GW": {
            **common,
            "name": "Strain",
            "channels": [strain.channels[ifo]],
            "frame type": name.description,
            "frequency range": [20, 1024],
            "always plot": True,
        }
    }
    for subsystem, channels in subsystems.items():
        blocks[subsystem] = {
            **common,
            "name": subsystem,
            "channels": channels,
            "frame type": auxiliary,
            "frequency range": [4, None],
        }
    here = {"look up": [{"folder": str(folder)}], "timeout": 60}
    document = {
        "ifo": ifo,
        "description": "Strain and thirty auxiliary channels that nobody has recorded: three are disturbed with the event",
        "primary": {"channel": strain.channels[ifo], "frame type": name.description, "f low": 20, "duration": 24, "fftlength": 4},
        "blocks": blocks,
        "frame types": {name.description: here, auxiliary: here},
    }
    path = folder / f"demo_{ifo}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _vectors(ifo: str, folder: Path) -> dict[str, Any]:
    ways = [{"way": "folder", "path": str(folder)}]
    return {"frame_type": f"{ifo}_{SOURCE}_DQ", "timeout": 60, "ways": ways}


def _template(folder: Path, name: str) -> Template:
    return Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False).get_template(name)

"""Omega scans for tests: a channel set of two channels, an event with scans, and what a worker leaves in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwfollow.scans.model import CONFIG, PAGE, RESULT, TABLE, ChannelResult, MissingData, Peak, ScanConfig, ScanResult, ScanState

GPS = 1126259462.4
STRAIN, OTHER = "H1:GDS-CALIB_STRAIN", "H1:PEM-EX_MAG_1"


def write_set(configs: Path, name: str = "H1_two", *, frames: Path = Path("/nowhere"), more: str = "", duration: int = 8) -> Path:
    """A set of strain and another channel, in frames of one type."""
    folder = configs / "channel_sets"
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{name}.yaml"
    path.write_text(f"""
ifo: {name[:2]}
blocks:
  GW:
    channels: [{name[:2]}{STRAIN[2:]}, {name[:2]}{OTHER[2:]}]
    frame type: {name[:2]}_SIM_AUX
    duration: {duration}
    fftlength: 2
    q range: [4, 16]
    frequency range: [20, 200]
    plot time durations: [1]
frame types:
  {name[:2]}_SIM_AUX: {{look up: [{{folder: {frames}}}], timeout: 0}}
correlate: false
{more}
""")
    return path


def event(*scans: str, graceid: str = "S150914a") -> str:
    """A blueprint of the event, with scans each as the name of its channel set."""
    documents = [f"kind: event\nname: S1\nevent time: {GPS}\ninterferometers: [H1, L1]\ngid: {graceid}\n"]
    documents += [
        f"kind: analysis\nname: scan-{name}\nevent: S1\npipeline: omegascan\nscan: {{channel set: {name}}}\n" for name in scans
    ]
    return "---\n".join(documents)


def leave_result(
    folder: Path, state: ScanState = "complete", *, reason: str = "", missing: Sequence[tuple[float, float]] = ()
) -> ScanResult:
    """What the worker leaves: the strain is loud and has a figure, the other channel is quiet, or without data where it is not complete."""
    config = ScanConfig.model_validate_json((folder / CONFIG).read_bytes())
    strain, other = config.blocks[0].channels
    peak = Peak(time=config.gps, frequency=61.2, q=8.0, energy=128.5, snr=16.0)
    common = {"block": "GW", "frame_type": config.blocks[0].frame_type}
    plot = "plots/strain.png"
    loud = ChannelResult(channel=strain, state="scanned", peak=peak, significant=True, plot=plot, **common)
    quiet = ChannelResult(channel=other, state="scanned" if state == "complete" else "no data", **common)
    result = ScanResult(
        title=config.title,
        gps=config.gps,
        ifo=config.ifo,
        channel_set=config.channel_set,
        engine=config.engine,
        engine_version="1",
        state=state,
        reason=reason,
        host="here",
        begun="2026-01-01T00:00:00+00:00",
        updated="2026-01-01T00:00:10+00:00",
        far_threshold=config.far_threshold,
        missing=(MissingData(frame_type=common["frame_type"], segments=tuple(missing)),) if missing else (),
        channels=(loud, quiet),
    )
    (folder / "plots").mkdir(exist_ok=True)
    (folder / plot).write_bytes(b"\x89PNG")
    (folder / PAGE).write_text("<html></html>")
    (folder / TABLE).write_text("Channel\n")
    (folder / RESULT).write_text(result.model_dump_json())
    return result

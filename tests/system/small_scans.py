"""Omega scans of two channels in small frames, for the tests on a real Airflow."""

from __future__ import annotations

from pathlib import Path

from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary

#: the second has a glitch a fifth of a second after the middle of its frame
CHANNELS = ["H1:SIM-QUIET", "H1:SIM-LOUD"]
DOCUMENT = """
name: {name}
pipeline: omegascan
scan:
  ifo: H1
  frame types: {{H1_{kind}: {{look up: [{{folder: {folder}}}], timeout: {timeout}}}}}
  blocks: {{quick: {{channels: [{channels}], frame type: H1_{kind}, duration: 4, fftlength: 1, plot time durations: [1]}}}}
  workers: 1
"""


def scan(name: str, kind: str, folder: Path, timeout: float) -> str:
    """The analysis, in YAML."""
    return DOCUMENT.format(name=name, kind=kind, folder=folder, timeout=timeout, channels=", ".join(CHANNELS))


def record(folder: Path, kind: str, gps: int, half: int) -> None:
    """Make a frame around a time, and move it to where it is looked for."""
    folder.mkdir(parents=True, exist_ok=True)
    loud = Auxiliary(CHANNELS[1], 256, [Glitch(gps + 0.2, 60.0, amplitude=20.0)])
    made = write_auxiliary(
        folder / "drafts",
        "H1",
        [Auxiliary(CHANNELS[0], 256), loud],
        start=gps - half,
        end=gps + half,
        length=2 * half,
        frame_type=f"H1_{kind}",
    )
    for path in made:
        path.rename(folder / path.name)

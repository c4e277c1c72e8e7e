"""The program that the psd pipeline runs as a job: ``python -m gwfollow.pipelines.psd_worker psd.json``.

For each detector it takes the strain before and after the event, without the stretch that will be analysed, estimates the power
spectral density of each side by the median of half-overlapping Hann-windowed segments (Welch's method with Allen et al. 2012,
Phys. Rev. D 85, 122006, appendix B, for the bias of a median), and averages the two sides by their number of segments.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from gwfollow.errors import GWFollowError, PipelineError
from gwfollow.pipelines.files import write_text


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when every detector's PSD is written; else 1, the reason the last line of stderr."""
    names = sys.argv[1:] if arguments is None else arguments
    if len(names) != 1:
        print("usage: python -m gwfollow.pipelines.psd_worker CONFIG.json", file=sys.stderr)
        return 2
    config = Path(names[0]).absolute()
    try:
        work(json.loads(config.read_text()), config.parent)
    except (GWFollowError, OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}" if not isinstance(error, GWFollowError) else error, file=sys.stderr)
        return 1
    return 0


def work(configuration: dict[str, Any], folder: Path) -> None:
    """Write the PSD of each detector into `folder`.  Raises `PipelineError`."""
    gps = configuration["event time"]
    before, after = configuration["exclude"]
    length = configuration["psd length"]
    for ifo, settings in configuration["detectors"].items():
        strain = read_strain(settings["files"], configuration["format"], settings["channel"], ifo)
        frequencies, power, segments = estimate(strain, gps - before, gps + after, length, ifo)
        if frequencies[-1] < settings["high"] - 1 / length:
            raise PipelineError(f"{ifo}: strain reaches {frequencies[-1]:g} Hz, the analysis goes to {settings['high']:g} Hz")
        write_text(folder / settings["output"], _table(ifo, gps, frequencies, power, segments, length))
        print(f"{ifo}: {segments} segments of {length:g} s", flush=True)


def read_strain(files: list[str], kind: str, channel: str | None, ifo: str) -> Any:
    """All files of a detector as one gwpy `TimeSeries`.  Raises `PipelineError` where they cannot be read or leave gaps."""
    import numpy
    from gwpy.timeseries import TimeSeries, TimeSeriesList

    pieces = TimeSeriesList()
    for file in files:
        try:
            piece = (
                TimeSeries.read(file, format="hdf5.gwosc")
                if kind == "hdf5.gwosc"
                else TimeSeries.read(file, channel, format="gwf")
            )
        except Exception as error:  # every reader has errors of its own; all mean the same here
            raise PipelineError(f"{ifo}: {file} cannot be read: {type(error).__name__}: {error}") from error
        pieces.append(piece)
    try:
        strain = pieces.join(gap="raise") if len(pieces) > 1 else pieces[0]
    except ValueError as error:
        raise PipelineError(f"{ifo}: the strain files do not join: {error}") from error
    bad = ~numpy.isfinite(strain.value)
    if bad.any():
        first = strain.times.value[bad.argmax()]
        raise PipelineError(f"{ifo}: {bad.sum()} samples are not finite, the first at GPS {first:.3f}: take data without gaps")
    return strain


def estimate(strain: Any, event_start: float, event_end: float, length: float, ifo: str) -> tuple[Any, Any, int]:
    """Frequencies (Hz), one-sided power (1/Hz) and the number of segments, from the strain outside `event_start`..`event_end` (GPS)."""
    start, end = (float(edge) for edge in strain.span)
    sides = []
    for left, right in ((start, min(event_start, end)), (max(event_end, start), end)):
        segments = int((right - left - length) / (length / 2)) + 1 if right - left >= length else 0
        if segments:
            side = strain.crop(left, right).psd(length, length / 2, method="median", window="hann")
            sides.append((segments, side))
    total = sum(segments for segments, _ in sides)
    if not total:
        raise PipelineError(
            f"{ifo}: no {length:g} s of strain outside GPS {event_start:.3f} to {event_end:.3f} (has {start:g} to {end:g})"
        )
    power = sum(segments * side.value for segments, side in sides) / total
    return sides[0][1].frequencies.value, power, total


def _table(ifo: str, gps: float, frequencies: Any, power: Any, segments: int, length: float) -> str:
    lines = [
        f"# {ifo}: a noisy Welch estimate: median of {segments} Hann segments of {length:g} s around GPS {gps:.3f}, event left out",
        "# frequency/Hz power/(1/Hz)",
    ]
    lines += [f"{frequency:.10g} {value:.10e}" for frequency, value in zip(frequencies, power, strict=True)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

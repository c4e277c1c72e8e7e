"""Frame files with state vectors, written by lalframe, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy

GPS = 1000000010.3  # the window is 1000000008.3 to 1000000012.3: frames of 8 to 13 s
FIRST = 1000000000
VECTOR = "H1:GDS-CALIB_STATE_VECTOR"
MONITOR = "H1:DMT-DQ_VECTOR"
Answers = Callable[..., dict[str, Any]]
#: bits of the calibration's state vector in good data
GOOD = 0b111100011
_TYPES = {"uint32": "UINT4", "int32": "INT4", "float32": "REAL4", "float64": "REAL8"}


def write_frame(folder: Path, frame_type: str, start: int, length: int, channels: Mapping[str, tuple[float, Any]]) -> Path:
    """One frame; `channels` are pairs of rate (Hz) and samples (one number: that at every sample)."""
    import lal
    import lalframe

    ifo = next(iter(channels)).partition(":")[0]
    frame = lalframe.FrameNew(lal.LIGOTimeGPS(start), length, "gwfollow", 0, 0, 0)
    for name, (rate, given) in channels.items():
        samples = numpy.asarray(given) if numpy.ndim(given) else numpy.full(round(length * rate), given, dtype=numpy.uint32)
        kind = _TYPES[samples.dtype.name]
        create = getattr(lal, f"Create{kind}TimeSeries")
        series = create(name, lal.LIGOTimeGPS(start), 0, 1 / rate, lal.DimensionlessUnit, len(samples))
        series.data.data = samples
        getattr(lalframe, f"FrameAdd{kind}TimeSeriesProcData")(frame, series)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ifo[0]}-{frame_type}-{start}-{length}.gwf"
    lalframe.FrameWrite(frame, str(path))
    return path


def with_bits_off(length: int, rate: int, bit: int, first: int, last: int, good: int = GOOD) -> Any:
    """uint32 samples with one bit off from sample `first` to before `last`."""
    samples = numpy.full(length * rate, good, dtype=numpy.uint32)
    samples[first:last] &= ~numpy.uint32(1 << bit)
    return samples


def states(found: dict[str, Any]) -> dict[str, str]:
    return {name: check["state"] for name, check in found.items() if name}

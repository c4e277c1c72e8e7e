"""Frames with anything in them, written by lalframe itself, and scans of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.data.names import parse
from gwfollow.scans.model import Block, ScanConfig

START = 1126259446  # GPS s, of the first frame
GPS = 1126259458.3
KIND = "H1_SIM_AUX"
_LETTERS = {"f4": "REAL4", "f8": "REAL8", "i2": "INT2", "i4": "INT4", "u4": "UINT4"}


def write_frame(folder: Path, start: int, length: int, channels: Mapping[str, Any], kind: str = KIND) -> Path:
    """One frame; each channel an array with `length` seconds of samples."""
    import lal
    import lalframe

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"H-{kind}-{start}-{length}.gwf"
    path.unlink(missing_ok=True)
    frame = lalframe.FrameNew(lal.LIGOTimeGPS(start), length, "test", 0, 0, 0)
    for name, samples in channels.items():
        letters = _LETTERS[samples.dtype.str[1:]]
        step = length / len(samples)
        made = getattr(lal, f"Create{letters}TimeSeries")(
            name, lal.LIGOTimeGPS(start), 0, step, lal.DimensionlessUnit, len(samples)
        )
        made.data.data = samples
        getattr(lalframe, f"FrameAdd{letters}TimeSeriesProcData")(frame, made)
    lalframe.FrameWrite(frame, str(path))
    return path


def noise(seconds: float, rate: int = 256, seed: int = 1, kind: str = "f4") -> Any:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * rate))
    return samples.astype(kind) if kind[0] == "f" else (1000 * samples).astype(kind)


def covered(*paths: Path, start: int = START, end: int = START + 24) -> Coverage:
    return cover([file for file in map(parse, paths) if file is not None], (float(start), float(end)))


def configuration(frames: Path, *channels: str, **changed: Any) -> ScanConfig:
    """Of one block unless told otherwise: 22 s of data, quick to transform."""
    block = {
        "key": "AUX",
        "name": "Auxiliary",
        "channels": channels,
        "frame_type": KIND,
        "duration": 20,
        "fftlength": 2,
        "frequency_range": (16.0, 100.0),
        "q_range": (4.0, 32.0),
        "max_mismatch": 0.35,
        "plot_time_durations": (1.0, 4.0),
    }
    own = {name: changed.pop(name) for name in list(changed) if name in Block.model_fields}
    document = {
        "title": "test",
        "gps": GPS,
        "ifo": "H1",
        "channel_set": "H1_test",
        "blocks": [block | own],
        "look_ups": [LookUp(ifo="H1", frame_type=KIND, ways=(Folder(path=str(frames)),), timeout=0)],
        "workers": 2,
    }
    return ScanConfig.model_validate(document | changed)

"""A file of strain is opened before an analysis gets it: which channel, how much of it, and whether its samples are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deadly_frames import CRASHES, flipped
from gwfollow.data.names import FrameFile, parse
from gwfollow.data.strain import read_back, strain_channel
from gwfollow.errors import PipelineError

START = 1126259446


@pytest.mark.parametrize(
    ("channels", "found"),
    [
        (["H1:A", "H1:GDS-CALIB_STRAIN", "L1:STRAIN"], "H1:GDS-CALIB_STRAIN"),
        (["H1:ONLY"], "H1:ONLY"),
        (["H1:A", "H1:B"], None),
        (["H1:A-STRAIN", "H1:B-STRAIN"], None),
        (["L1:STRAIN"], None),
        ([], None),
    ],
)
def test_the_strain_is_found_where_there_is_no_doubt(channels: list[str], found: str | None) -> None:
    if found:
        assert strain_channel(channels, Path("x.gwf"), "H1") == found
        return
    with pytest.raises(PipelineError, match=r"name the strain's in `data\.channels\.H1`"):
        strain_channel(channels, Path("x.gwf"), "H1")


def frame(folder: Path, samples: Any) -> tuple[Path, FrameFile]:
    """8 s of the strain of H1."""
    from gwpy.timeseries import TimeSeries

    path = folder / f"H-H1_T-{START}-8.gwf"
    series = TimeSeries(samples, t0=START, sample_rate=256, channel="H1:STRAIN", name="H1:STRAIN")
    series.write(str(path), format="gwf", backend="lalframe", overwrite=True)
    file = parse(path)
    assert file is not None
    return path, file


def noise() -> Any:
    return np.random.default_rng(1).standard_normal(8 * 256)


@pytest.mark.slow
def test_what_a_file_holds_is_told_and_what_it_lacks_refused(tmp_path: Path) -> None:
    pytest.importorskip("lalframe", reason="writes frames with lalframe (gwfollow[scans])")
    path, file = frame(tmp_path, noise())
    opened = read_back(path, file, "H1", (START + 1.5, START + 6.5))
    assert (opened.channel, opened.start, opened.end, opened.samples) == ("H1:STRAIN", START + 1, START + 7, 6 * 256)
    with pytest.raises(PipelineError, match=r"cannot be read.*it holds H1:STRAIN"):
        read_back(path, file, "H1", (START, START + 8), "H1:OTHER")
    with pytest.raises(PipelineError, match="name the strain's"):
        read_back(path, file, "L1", (START, START + 8))

    longer = path.rename(path.with_name(path.name.replace("-8.gwf", "-16.gwf")))
    claimed = parse(longer)
    assert claimed is not None
    with pytest.raises(PipelineError, match=r"cannot be read|its name and the event ask for"):
        read_back(longer, claimed, "H1", (START, START + 16))

    hurt = noise()
    hurt[100:102] = np.nan
    path, file = frame(tmp_path, hurt)
    with pytest.raises(PipelineError, match=f"2 samples are not finite, the first at GPS {START + 100 / 256:.4f}"):
        read_back(path, file, "H1", (START, START + 8))
    path, file = frame(tmp_path, noise())
    whole = path.read_bytes()
    for channel in ("H1:STRAIN", None):
        path.write_bytes(whole[:2000])
        with pytest.raises(PipelineError, match="cannot be read"):
            read_back(path, file, "H1", (START, START + 8), channel)
        path.write_bytes(whole)
        flipped(path, *CRASHES)
        with pytest.raises(PipelineError, match="the process that read it was ended by SIGSEGV"):
            read_back(path, file, "H1", (START, START + 8), channel)

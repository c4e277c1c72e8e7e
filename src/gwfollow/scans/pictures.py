"""What is drawn of a channel: its spectrograms and time series, in the forms that `figure` takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gwfollow.scans import conditioning, figure, qtransform, tiling
from gwfollow.scans.drafts import NotWritten
from gwfollow.scans.figure import warm
from gwfollow.scans.frames import Series
from gwfollow.scans.model import Block, ChannelResult, ScanConfig

Floats = NDArray[np.floating[Any]]
Span = tuple[float, float]
#: the primary channel's own scan stands under this key
PRIMARY = "primary"
#: Hz: a high-pass makes the time series readable where the drift below is a thousand times larger; the lowest that is shown
_READABLE = 4.0


@dataclass(frozen=True)
class Scanned:
    """One channel; `whitened` (n,) at the plan's sample rate."""

    series: Series
    whitened: Floats
    plan: tiling.Tiling
    result: ChannelResult
    drawn: bool  # gets a figure


def draw(folder: Path, config: ScanConfig, block: Block, one: Scanned) -> ChannelResult:
    """The channel's figure; the result with its path, or with the sentence why there is none.  Raises `NotWritten`."""
    try:
        path = figure.draw(folder, one.result, panels(config, block, one), config.colormap)
        if is_strain(config, block, one.result.channel):
            draw_strain(folder, config, one)
    except NotWritten:
        raise
    except Exception as error:  # the peak is a result without its picture
        said = "; ".join(filter(None, (one.result.message, f"no figure: {type(error).__name__}: {error}")))
        return one.result.model_copy(update={"message": said})
    return one.result.model_copy(update={"plot": path})


def panels(config: ScanConfig, block: Block, one: Scanned) -> figure.Panels:
    """Spectrograms of the whitened data in the plane of the loudest tile's Q."""
    assert one.result.peak is not None
    start, rate = one.series.start, one.plan.sample_rate
    end = start + one.plan.duration
    spans = [_within((config.gps - length / 2, config.gps + length / 2), start, end) for length in block.plot_time_durations]
    return figure.Panels(
        gps=config.gps,
        whitened=figure.Series(start, rate, one.whitened),
        raw=_readable(block, one, spans),
        spectrograms=_spectrograms(one, one.result.peak.q, spans, (figure.ROWS, figure.COLUMNS)),
    )


def is_strain(config: ScanConfig, block: Block, channel: str) -> bool:
    """The channel whose picture goes to GraceDB: the primary one, where it is scanned as that; without one, the strain."""
    return block.key == PRIMARY if config.primary is not None else "STRAIN" in channel.upper()


def draw_strain(folder: Path, config: ScanConfig, one: Scanned) -> Path:
    """``H1_omegascan.png``, as far as the data reach."""
    assert one.result.peak is not None
    start, end = one.series.start, one.series.start + one.plan.duration
    spans = [_within((config.gps + before, config.gps + after), start, end) for before, after in figure.STRAIN_WINDOWS]
    pictures = _spectrograms(one, one.result.peak.q, spans, (figure.ROWS, 2 * figure.COLUMNS))
    return figure.draw_strain(folder, config.ifo, config.gps, pictures, config.colormap)


def _within(span: Span, start: float, end: float) -> Span:
    return (max(span[0], start), min(span[1], end))


def _spectrograms(one: Scanned, q: float, spans: Sequence[Span], shape: tuple[int, int]) -> list[figure.Spectrogram]:
    made = qtransform.spectrogram(one.whitened, one.plan, q, one.series.start, spans, shape)
    return [figure.Spectrogram(each.span, one.plan.band, each.energy) for each in made]


def _readable(block: Block, one: Scanned, spans: Sequence[Span]) -> figure.Series:
    """The samples as recorded, high-passed at the lowest frequency of the block; of what is shown and a second around it."""
    series = one.series
    first = max(0, int((min(span[0] for span in spans) - 1 - series.start) * series.rate))
    last = int((max(span[1] for span in spans) + 1 - series.start) * series.rate)
    cut = series.values[first:last].astype(np.float64)[np.newaxis]
    cut -= cut.mean()
    corner = max(block.frequency_range[0], _READABLE)
    if corner < series.rate / 4:
        cut = conditioning.highpassed(cut, series.rate, corner)
    return figure.Series(series.start + first / series.rate, series.rate, cut[0])


__all__ = ["PRIMARY", "draw", "draw_strain", "is_strain", "panels", "warm"]

"""One figure for each significant channel: time series and spectrograms over several durations around the time of the scan.

What is drawn has been brought to the resolution of the picture before: spectrograms come as arrays whose rows are equally spaced in log
frequency (`Spectrogram`), time series are drawn as the least and the largest of what falls onto one column of pixels.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gwfollow.scans.drafts import NotWritten, write_whole
from gwfollow.scans.model import PLOTS, ChannelResult
from gwfollow.scans.panels import Panels, Series, Spectrogram, envelope
from gwfollow.scans.raster import SHADES, Box, Canvas, font

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.floating[Any]]

#: pixels of a spectrogram in a figure of three: more rows and columns than this nobody sees
ROWS, COLUMNS = 334, 362
#: normalised energy at the end of the colour bar, where the loudest tile is no tenfold louder: the same colours mean the same energy
#: in (nearly) all figures of a scan, so that they can be compared at a glance
FULL_SCALE = 25.0
#: around the time of an event, s, and Hz: what alert advocates look at first (those of gwcelery's omega scans)
STRAIN_WINDOWS = ((-0.75, 0.25), (-1.5, 0.5), (-7.5, 2.5))
STRAIN_FREQUENCIES = (10.0, 4096.0)

_SIZE = (1320, 640)
_LEFT, _RIGHT, _GAP = 80, 1222, 28
#: top and bottom of the two time series and of the spectrograms
_RAW, _WHITENED, _ENERGY = (98, 154), (174, 230), (246, 246 + ROWS)
_COLOURS = ((122, 75, 0), (26, 86, 168), (0, 0, 0), (255, 45, 120))
_BROWN, _BLUE, _BLACK, _PINK = range(4)
_USUAL = re.compile(r"[A-Z][0-9A-Z]:[A-Za-z0-9_-]{1,150}")
#: part of the height that the largest swing takes
_SWING = 0.94


def warm(colormap: str = "viridis") -> None:
    """Open the fonts and the colour map before the first figure of a process; what a pool runs when a process of it begins."""
    for size in (11, 12, 13, 16):
        font(size, bold=False)
    Canvas(1, 1, colormap, _COLOURS).png()


def figure_name(channel: str) -> str:
    """The file's name, another one for every channel: ``H1-PEM-EX_SEIS_1.png``; odd names get eight digits of their hash."""
    if _USUAL.fullmatch(channel):
        return f"{channel.replace(':', '-', 1)}.png"
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", channel)[:150]
    return f"{plain}.{hashlib.sha256(channel.encode()).hexdigest()[:8]}.png"


def draw(folder: Path, result: ChannelResult, panels: Panels, colormap: str = "viridis") -> str:
    """Draw the channel's figure below the scan's `folder`; its path relative to that.

    Raises `NotWritten` where the disk does not take it; no torn file is left.
    """
    canvas = Canvas(*_SIZE, colormap, _COLOURS)
    _head(canvas, result, panels.gps)
    scale = full_scale(panels.spectrograms)
    count = max(1, len(panels.spectrograms))
    width = (_RIGHT - _LEFT - _GAP * (count - 1)) // count
    for number, spectrogram in enumerate(panels.spectrograms):
        left = _LEFT + number * (width + _GAP)
        _time_series(canvas, (left, _RAW[0], left + width, _RAW[1]), panels.raw, spectrogram.span, _BROWN)
        _time_series(canvas, (left, _WHITENED[0], left + width, _WHITENED[1]), panels.whitened, spectrogram.span, _BLUE)
        box = (left, _ENERGY[0], left + width, _ENERGY[1])
        _spectrogram(canvas, box, spectrogram, panels.gps, scale, labels=number == 0)
        if result.peak is not None:
            _cross(canvas, box, spectrogram, result.peak.time, result.peak.frequency)
    for (top, bottom), words in ((_RAW, "high-passed"), (_WHITENED, "whitened"), (_ENERGY, "frequency (Hz)")):
        canvas.text_upwards(22, (top + bottom) // 2, words, 13 if words == "frequency (Hz)" else 11)
    _colour_bar(canvas, (_RIGHT + 16, _ENERGY[0], _RIGHT + 32, _ENERGY[1]), scale)
    canvas.text((_LEFT + _RIGHT) // 2, 628, f"seconds after GPS {_gps(panels.gps)}", 13, anchor="ms")
    name = f"{PLOTS}/{figure_name(result.channel)}"
    try:
        (folder / PLOTS).mkdir(exist_ok=True)
    except OSError as error:
        raise NotWritten(f"{folder / PLOTS} cannot be made: {error.strerror or error}") from error
    write_whole(folder / name, canvas.png())
    return name


def draw_strain(folder: Path, ifo: str, gps: float, spectrograms: Sequence[Spectrogram], colormap: str = "viridis") -> Path:
    """``{ifo}_omegascan.png``: the strain in `STRAIN_WINDOWS`, one below the other, for GraceDB.  Raises `NotWritten`."""
    canvas = Canvas(900, 960, colormap, _COLOURS)
    canvas.text(12, 14, f"{ifo} strain at GPS {_gps(gps)}", 20, bold=True)
    scale = full_scale(spectrograms)
    top, bottom = 56, 920
    pitch = (bottom - top) // max(1, len(spectrograms))
    for number, spectrogram in enumerate(spectrograms):
        box = (86, top + number * pitch, 800, top + (number + 1) * pitch - 34)
        _spectrogram(canvas, box, spectrogram, gps, scale, labels=True)
        canvas.text_upwards(22, (box[1] + box[3]) // 2, "frequency (Hz)", 13)
    _colour_bar(canvas, (818, top, 836, bottom - 34), scale)
    canvas.text(443, 948, f"seconds after GPS {_gps(gps)}", 13, anchor="ms")
    return write_whole(folder / f"{ifo}_omegascan.png", canvas.png())


def full_scale(spectrograms: Sequence[Spectrogram]) -> float:
    """The energy of the last colour: `FULL_SCALE`, and a tenth of the largest energy where that is more."""
    largest = max((float(np.nanmax(one.energy, initial=0.0)) for one in spectrograms), default=0.0)
    return max(FULL_SCALE, largest / 10) if math.isfinite(largest) else FULL_SCALE


# ---- parts -------------------------------------------------------------------------------------------------------------------
def _head(canvas: Canvas, result: ChannelResult, gps: float) -> None:
    size = 24
    while size > 9 and canvas.width_of(result.channel, size, bold=True) > _SIZE[0] - 24:
        size -= 1
    canvas.text(12, 14, result.channel, size, bold=True)
    canvas.text(12, 54, _facts(result, gps), 16)


def _facts(result: ChannelResult, gps: float) -> str:
    peak = result.peak
    if peak is None:
        return result.message or result.state
    words = [
        f"GPS {_gps(peak.time)} ({1000 * (peak.time - gps):+.0f} ms)",
        f"{peak.frequency:.4g} Hz",
        f"Q {peak.q:.3g}",
        f"SNR {peak.snr:.3g}",
        f"energy {peak.energy:.3g}",
    ]
    if result.correlation is not None:
        words.append(f"correlation {result.correlation:.3g}")
    return "loudest tile:  " + "     ".join(words) + ("" if result.significant else "     not significant")


def _gps(time: float) -> str:
    return f"{time:.3f}"


def _time_series(canvas: Canvas, box: Box, series: Series, span: tuple[float, float], colour: int) -> None:
    low, high = envelope(series, span, box[2] - box[0])
    largest = max(float(np.nanmax(np.abs([low, high]), initial=0.0)), 1e-300)
    canvas.frame(box)
    canvas.text(box[2], box[1] - 3, f"±{largest:.2g}", 11, anchor="rs", grey=70)
    canvas.column_spans(box, 0.5 + low * (_SWING / 2 / largest), 0.5 + high * (_SWING / 2 / largest), colour)


def _spectrogram(canvas: Canvas, box: Box, spectrogram: Spectrogram, gps: float, scale: float, *, labels: bool) -> None:
    canvas.frame(box)
    canvas.shades(box, _shades(spectrogram.energy, scale))
    for value in _frequency_ticks(*spectrogram.frequencies):
        y = _down(box, _height(value, spectrogram))
        canvas.line(box[0] - 5, y, box[0] - 2, y)
        if labels:
            canvas.text(box[0] - 9, y, f"{value:g}", 12, anchor="rm")
    begin, end = (at - gps for at in spectrogram.span)
    for value in _ticks(begin, end):
        x = box[0] + round((value - begin) / (end - begin) * (box[2] - box[0] - 1))
        canvas.line(x, box[3] + 1, x, box[3] + 4)
        canvas.text(x, box[3] + 7, f"{value:g}", 12, anchor="ma")


def _shades(energy: Samples, scale: float) -> NDArray[np.uint8]:
    """Numbers of colours; what is no number is as dark as nothing."""
    clean = np.nan_to_num(np.asarray(energy, dtype=np.float32), nan=0.0, posinf=scale, neginf=0.0)
    return np.asarray(np.clip(clean * ((SHADES - 1) / scale), 0, SHADES - 1), dtype=np.uint8)


def _height(frequency: float, spectrogram: Spectrogram) -> float:
    low, high = spectrogram.frequencies
    return math.log(max(frequency, 1e-9) / low) / math.log(high / low)


def _down(box: Box, height: float) -> int:
    """The row of pixels that is so high (0 to 1) in the box."""
    return box[3] - 1 - round(height * (box[3] - box[1] - 1))


def _frequency_ticks(low: float, high: float) -> list[float]:
    """Powers of ten; twofold and fivefold too where there are few of them."""
    tens = [10.0**power for power in range(-3, 6)]
    for factors in ((1,), (1, 2, 5), range(1, 10)):
        found = [factor * ten for ten in tens for factor in factors if low <= factor * ten <= high]
        if len(found) > 2:
            return found
    return [low, high]


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2.5))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 6)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _cross(canvas: Canvas, box: Box, spectrogram: Spectrogram, time: float, frequency: float) -> None:
    begin, end = spectrogram.span
    if not begin <= time <= end:
        return
    x = box[0] + round((time - begin) / (end - begin) * (box[2] - box[0] - 1))
    y = _down(box, min(max(_height(frequency, spectrogram), 0.0), 1.0))
    for colour, reach, half in ((_BLACK, 10, 2), (_PINK, 9, 1)):
        canvas.fill((x - reach, y - half, x + reach + 1, y + half + 1), colour)
        canvas.fill((x - half, y - reach, x + half + 1, y + reach + 1), colour)


def _colour_bar(canvas: Canvas, box: Box, scale: float) -> None:
    canvas.frame(box)
    canvas.shades(box, np.repeat(np.linspace(0, SHADES - 1, box[3] - box[1]).astype(np.uint8)[:, None], box[2] - box[0], axis=1))
    for value in _ticks(0, scale):
        y = _down(box, value / scale)
        canvas.line(box[2] + 1, y, box[2] + 4, y)
        canvas.text(box[2] + 8, y, f"{value:g}", 12, anchor="lm")
    canvas.text_upwards(box[2] + 50, (box[1] + box[3]) // 2, "normalised energy", 13)


__all__ = [
    "COLUMNS",
    "FULL_SCALE",
    "ROWS",
    "STRAIN_FREQUENCIES",
    "STRAIN_WINDOWS",
    "Panels",
    "Series",
    "Spectrogram",
    "draw",
    "draw_strain",
    "envelope",
    "figure_name",
    "full_scale",
    "warm",
]

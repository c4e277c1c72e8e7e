"""A picture with a palette, drawn by numpy and Pillow: text and frames in grey, one colour map, and a few colours of its own.

A figure of matplotlib with ten axes takes a third of a second, nearly all of it for its objects; this one takes a hundredth.  Of
matplotlib we take the colour maps and the font.  Places are pixels from the upper left corner.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shades = NDArray[np.uint8]

#: colours of the map, as many as the eye tells apart: the noise of a real spectrogram is half of the file with them, and all of 256 doubles it
SHADES = 64
_GREYS = 64
_FIRST_GREY = SHADES
_FIRST_COLOUR = SHADES + _GREYS
#: left, top, right, bottom; the last two are outside
Box = tuple[int, int, int, int]


class Canvas:
    """White to begin with.  What is put by `shades`, `column_spans` and `fill` lies above text and frames."""

    def __init__(self, width: int, height: int, colormap: str, colours: Sequence[tuple[int, int, int]] = ()) -> None:
        self._ink = Image.new("L", (width, height), 255)
        self._draw = ImageDraw.Draw(self._ink)
        self._over = np.zeros((height, width), dtype=np.uint8)  # indices of the palette
        self._set = np.zeros((height, width), dtype=bool)
        self._colormap, self._colours = colormap, tuple(colours)

    def text(self, x: int, y: int, words: str, size: int, *, anchor: str = "la", bold: bool = False, grey: int = 26) -> None:
        """One line; `anchor` as Pillow's: l, m, r, and a (top), m, s (base line)."""
        self._draw.text((x, y), plain(words), fill=grey, font=font(size, bold), anchor=anchor)

    def text_upwards(self, x: int, y: int, words: str, size: int, *, grey: int = 26) -> None:
        """Turned by 90 degrees, with its middle at this place."""
        used = font(size, False)
        left, top, right, bottom = (round(edge) for edge in used.getbbox(words))
        box = Image.new("L", (right - left + 2, bottom - top + 2), 255)
        ImageDraw.Draw(box).text((1 - left, 1 - top), words, fill=grey, font=used)
        turned = box.rotate(90, expand=True, fillcolor=255)
        self._ink.paste(turned, (x - turned.width // 2, y - turned.height // 2))

    def width_of(self, words: str, size: int, *, bold: bool = False) -> float:
        return float(font(size, bold).getlength(plain(words)))

    def line(self, x0: int, y0: int, x1: int, y1: int, grey: int = 90) -> None:
        self._draw.line((x0, y0, x1, y1), fill=grey)

    def frame(self, box: Box, grey: int = 90) -> None:
        """Just around the box."""
        self._draw.rectangle((box[0] - 1, box[1] - 1, box[2], box[3]), outline=grey)

    def shades(self, box: Box, values: Shades) -> None:
        """An array of 0 to `SHADES` - 1, its first row at the bottom, stretched over the box."""
        width, height = box[2] - box[0], box[3] - box[1]
        picture = Image.fromarray(np.ascontiguousarray(values[::-1]))
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        self._over[box[1] : box[3], box[0] : box[2]] = np.asarray(picture)
        self._set[box[1] : box[3], box[0] : box[2]] = True

    def column_spans(self, box: Box, low: NDArray[Any], high: NDArray[Any], colour: int) -> None:
        """In each column of the box the pixels from `low` to `high` (0 the bottom, 1 the top; NaN: none)."""
        height = box[3] - box[1]
        from_top = np.arange(height)[:, None]
        with np.errstate(invalid="ignore"):
            upper, lower = np.floor((1 - high) * (height - 1)), np.ceil((1 - low) * (height - 1))
            hit = (from_top >= upper) & (from_top <= lower)
        self._over[box[1] : box[3], box[0] : box[2]][hit] = _FIRST_COLOUR + colour
        self._set[box[1] : box[3], box[0] : box[2]][hit] = True

    def fill(self, box: Box, colour: int) -> None:
        left, top = max(box[0], 0), max(box[1], 0)
        self._over[top : max(box[3], 0), left : max(box[2], 0)] = _FIRST_COLOUR + colour
        self._set[top : max(box[3], 0), left : max(box[2], 0)] = True

    def png(self) -> bytes:
        greys = _FIRST_GREY + (np.asarray(self._ink, dtype=np.uint16) * (_GREYS - 1) + 127) // 255
        indices = np.where(self._set, self._over, greys.astype(np.uint8))
        picture = Image.fromarray(indices)
        picture.putpalette(_palette(self._colormap, self._colours))
        out = io.BytesIO()
        picture.save(out, format="png", compress_level=5)
        return out.getvalue()


def plain(words: str) -> str:
    """One line of what the font can show."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


@functools.cache
def font(size: int, bold: bool) -> Any:
    """The font that comes with matplotlib: no look for others, the same everywhere."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


@functools.cache
def _palette(colormap: str, colours: tuple[tuple[int, int, int], ...]) -> bytes:
    known = colormap if colormap in matplotlib.colormaps else "viridis"
    shades = matplotlib.colormaps[known](np.linspace(0, 1, SHADES), bytes=True)[:, :3]
    greys = np.repeat(np.linspace(0, 255, _GREYS).round().astype(np.uint8)[:, None], 3, axis=1)
    own = np.zeros((256 - SHADES - _GREYS, 3), dtype=np.uint8)
    own[: len(colours)] = np.reshape(colours, (-1, 3))
    return bytes(np.concatenate([shades, greys, own]).astype(np.uint8).tobytes())


__all__ = ["SHADES", "Box", "Canvas", "font", "plain"]

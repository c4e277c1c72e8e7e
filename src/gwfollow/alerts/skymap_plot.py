"""The picture of a sky map: ``python -m gwfollow.alerts.skymap_plot FITS PNG [--title TEXT]``.

A process of its own, for matplotlib keeps a hundred megabytes and its state to whoever imports it.  Mollweide projection, right
ascension to the left, the 50% and 90% credible regions as contours, and a close-up where those are small.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.errors import GWFollowError

if TYPE_CHECKING:
    from gwfollow.alerts.skymap import Cells, Floats, Ranks

_WIDTH = 1600  # points of the grid across the whole sky
#: deg2; a 90% region smaller than this gets a close-up
_SMALL = 150.0
_LEVELS = (0.5, 0.9)


@dataclass(frozen=True)
class _Field:
    cells: Cells
    ranks: Ranks


def draw(path: Path, png: Path, *, title: str = "") -> None:
    """Draw the map in a file.  Raises `InputError` for what is no sky map; writes whole or not at all."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    from gwfollow.alerts.skymap import credible_areas, load, rank

    cells = load(path)
    field = _Field(cells, rank(cells))
    areas = credible_areas(field.cells, _LEVELS)
    figure = Figure(figsize=(10, 5.8), dpi=100)
    axes = figure.add_axes((0.02, 0.06, 0.96, 0.82))
    _sky(axes, field)
    if areas[-1] < _SMALL:
        _close_up(figure, field, areas[-1])
    figure.text(0.02, 0.95, title or path.name, fontsize=14, va="center", parse_math=False)
    text = "   ".join(f"{level:.0%} area {_degrees(area)}" for level, area in zip(_LEVELS, areas, strict=True))
    figure.text(0.02, 0.03, f"{text}{_distance(field.cells.header)}", fontsize=11, va="center")
    part = png.with_name(f".{png.name}.{os.getpid()}.png")
    try:
        figure.savefig(part, format="png", facecolor="white", metadata={"Software": "gwfollow"})
        part.replace(png)
    finally:
        part.unlink(missing_ok=True)


def _look_up(field: _Field, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Density (relative to the largest) and credible level at these directions (rad); 0 and 1 where there is none."""
    import numpy as np
    from astropy import units
    from astropy_healpix import lonlat_to_healpix

    from gwfollow.alerts.skymap import DEEPEST_ORDER

    pixel = lonlat_to_healpix(lon * units.rad, lat * units.rad, 1 << DEEPEST_ORDER, order="nested")
    cells = field.cells
    if cells.multiorder:
        first = cells.first
        index = np.clip(np.searchsorted(first, pixel, side="right") - 1, 0, None)
        beyond = pixel - first[index]
        inside = (beyond >= 0) & (beyond < 1 << (2 * (DEEPEST_ORDER - cells.order[index])))
        density = np.where(inside, cells.density[index], 0.0)
    else:
        density = cells.density[pixel >> (2 * (DEEPEST_ORDER - int(cells.order[0])))]
    return density / field.ranks.density[0], field.ranks.level(density)


def _sky(axes: Any, field: _Field) -> None:
    """The whole sky.  Inverse Mollweide: Snyder 1987 (USGS PP 1395), equations 31-6 to 31-8, with R = 1/sqrt(2)."""
    import numpy as np
    from matplotlib.patches import Ellipse

    x, y = np.meshgrid(np.linspace(-2, 2, _WIDTH), np.linspace(-1, 1, _WIDTH // 2))
    inside = x**2 / 4 + y**2 < 1
    theta = np.arcsin(y[inside])
    lat = np.arcsin(np.clip((2 * theta + np.sin(2 * theta)) / np.pi, -1, 1))
    lon = np.pi - np.pi * x[inside] / (2 * np.cos(theta))  # 12 h in the middle, growing to the left
    shade, level = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    shade[inside], level[inside] = _look_up(field, lon % (2 * np.pi), lat)
    axes.imshow(shade, extent=(-2, 2, -1, 1), origin="lower", cmap="Oranges", vmin=0, vmax=1, interpolation="nearest")
    _contours(axes, x, y, level)
    _graticule(axes)
    axes.add_patch(Ellipse((0, 0), 4, 2, fill=False, color="0.3", lw=1))
    axes.set(xlim=(-2.12, 2.12), ylim=(-1.06, 1.06), aspect="equal")
    axes.axis("off")


def _contours(axes: Any, x: Floats, y: Floats, level: Floats) -> None:
    import numpy as np

    for value, colour in zip(_LEVELS, ("#a32020", "#1f4e9e"), strict=True):
        if np.nanmin(level) < value < np.nanmax(level):
            axes.contour(x, y, level, levels=[value], colors=[colour], linewidths=1.2)
        axes.plot([], [], color=colour, lw=1.5, label=f"{value:.0%}")
    axes.legend(loc="lower right", frameon=False, title="credible region")


def mollweide(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """x in -2..2 and y in -1..1 of directions (rad), right ascension 12 h in the middle; Snyder 1987, equations 31-1 to 31-5."""
    import numpy as np

    theta = lat.copy()
    for _ in range(30):  # Newton; beside the poles it converges slowly, but the start is right there
        slope = 2 + 2 * np.cos(2 * theta)
        step = np.where(slope > 1e-9, (2 * theta + np.sin(2 * theta) - np.pi * np.sin(lat)) / np.maximum(slope, 1e-9), 0.0)
        theta = np.clip(theta - step, -np.pi / 2, np.pi / 2)
    return 2 / np.pi * (np.pi - lon) * np.cos(theta), np.sin(theta)


def _graticule(axes: Any) -> None:
    import numpy as np

    line = np.linspace(-np.pi / 2, np.pi / 2, 181)
    for hour in range(0, 25, 2):
        x, y = mollweide(np.full_like(line, np.radians(15 * hour)), line)
        axes.plot(x, y, color="0.6", lw=0.4)
        if 0 < hour < 24 and hour % 4 == 0:
            _note(axes, x[90], 0.0, f"{hour} h", ha="center", va="center")
    for dec in range(-60, 61, 30):
        x, y = mollweide(np.linspace(0, 2 * np.pi, 181), np.full(181, np.radians(float(dec))))
        axes.plot(x, y, color="0.6", lw=0.4)
        _note(axes, x[0] + 0.03, y[0], f"{dec:+d}°" if dec else "0°", ha="left", va="center")


def _note(axes: Any, x: float, y: float, text: str, **where: str) -> None:
    axes.text(x, y, text, fontsize=8, color="0.35", **where)


def _close_up(figure: Any, field: _Field, area: float) -> None:
    """Around the most probable point, a plane that touches the sky there (gnomonic), in degrees."""
    import numpy as np

    from gwfollow.alerts.skymap import centre

    ra, dec = (np.radians(angle) for angle in centre(field.cells, int(np.argmax(field.cells.density))))
    half = np.radians(min(40.0, max(1.0, 2.2 * np.sqrt(area))))
    x, y = np.meshgrid(*[np.linspace(-half, half, 300)] * 2)
    rho = np.maximum(np.hypot(x, y), 1e-12)
    c = np.arctan(rho)
    lat = np.arcsin(np.clip(np.cos(c) * np.sin(dec) + y * np.sin(c) * np.cos(dec) / rho, -1, 1))
    lon = ra - np.arctan2(x * np.sin(c), rho * np.cos(dec) * np.cos(c) - y * np.sin(dec) * np.sin(c))
    shade, level = _look_up(field, lon % (2 * np.pi), lat)
    # in the corner of the side of the sky where the source is not
    left = 0.85 if ra > np.pi else 0.015
    inset = figure.add_axes((left, 0.67, 0.135, 0.225))
    width = np.degrees(half)
    inset.imshow(shade, extent=(-width, width, -width, width), origin="lower", cmap="Oranges", vmin=0, vmax=1)
    for value, colour in zip(_LEVELS, ("#a32020", "#1f4e9e"), strict=True):
        if level.min() < value < level.max():
            inset.contour(np.degrees(x), np.degrees(y), level, levels=[value], colors=[colour], linewidths=1.2)
    inset.set_title(f"{np.degrees(ra):.1f}°, {np.degrees(dec):+.1f}°, {2 * width:.0f}° wide", fontsize=7.5)
    inset.set(xticks=[], yticks=[])


def _degrees(area: float) -> str:
    return f"{area:,.0f} deg²" if area >= 20 else f"{area:.2g} deg²"


def _distance(header: dict[str, Any]) -> str:
    from gwfollow.alerts.skymap import positive

    mean, std = positive(header.get("DISTMEAN")), positive(header.get("DISTSTD"))
    if mean is None:
        return ""
    return f"   distance {mean:,.0f}" + (f" ± {std:,.0f}" if std else "") + " Mpc"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gwfollow.alerts.skymap_plot", description="Draw a sky map.")
    parser.add_argument("fits", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    try:
        draw(options.fits, options.png, title=options.title)
    except (GWFollowError, OSError) as error:
        sys.exit(f"skymap_plot: {error}")


if __name__ == "__main__":
    main()

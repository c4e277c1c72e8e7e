"""The picture of a sky map, made as callers make it: by a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from alert_messages import multiorder_map, uniform_map
from matplotlib.image import imread

from gwfollow.alerts.skymap_plot import draw, mollweide


def one_cell(pixel: int, order: int = 2) -> bytes:
    """All probability in one cell."""
    cells = 12 * 4**order
    density = np.where(np.arange(cells) == pixel, cells / (4 * np.pi), 0.0)
    return multiorder_map(np.arange(cells) + 4 * 4**order, density)


@pytest.mark.slow
def test_a_process_of_its_own_draws_and_says_what_is_wrong(tmp_path: Path) -> None:
    fits, png = tmp_path / "map.fits", tmp_path / "map.png"
    fits.write_bytes(uniform_map())
    command = [sys.executable, "-m", "gwfollow.alerts.skymap_plot", str(fits), str(png), "--title", "S260301ab $\\broken{"]
    subprocess.run(command, check=True)
    assert png.read_bytes().startswith(b"\x89PNG")

    fits.write_bytes(b"no map")
    png.unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("skymap_plot: sky map map.fits: found b'no map', expected a FITS file")
    assert [path.name for path in tmp_path.iterdir()] == ["map.fits"]


def test_the_shade_lies_where_the_probability_is(tmp_path: Path) -> None:
    """Right ascension grows to the left, with 12 h in the middle; north is up."""
    from astropy_healpix import healpix_to_lonlat

    for pixel in (20, 100, 170):
        fits, png = tmp_path / "map.fits", tmp_path / "map.png"
        fits.write_bytes(one_cell(pixel))
        draw(fits, png)
        red, green, blue = np.moveaxis(imread(png)[..., :3], -1, 0)
        dark = (red > 0.4) & (red < 0.6) & (green < 0.3) & (blue < 0.1)  # the end of the colour map
        height, width = dark.shape
        rows, columns = np.nonzero(dark)
        lon, lat = healpix_to_lonlat(pixel, 4, order="nested")
        x, y = (float(v[0]) for v in mollweide(np.array([lon.rad]), np.array([lat.rad])))
        # the axes fill 0.96 x 0.82 of the picture, and show -2.12..2.12; their height follows from that
        scale = 0.96 * width / 4.24
        assert columns.mean() == pytest.approx(width / 2 + x * scale, abs=12)
        assert rows.mean() == pytest.approx(height * (1 - 0.06 - 0.41) - y * scale, abs=12)


def test_mollweide_keeps_areas_and_ends() -> None:
    x, y = mollweide(np.array([0.0, 2 * np.pi, np.pi, np.pi]), np.array([0.0, 0.0, np.pi / 2, -np.pi / 2]))
    assert x == pytest.approx([2, -2, 0, 0], abs=1e-9)
    assert y == pytest.approx([0, 0, 1, -1], abs=1e-6)
    # half of the northern hemisphere lies below 30 deg: so must half of the upper half ellipse
    _, height = mollweide(np.array([np.pi]), np.radians([30.0]))
    below = height[0] * np.sqrt(1 - height[0] ** 2) + np.arcsin(height[0])  # area of the unit circle up to y, in both halves
    assert below == pytest.approx(np.pi / 4, rel=1e-6)

"""Sky maps made for tests: a bent strip on the sky, as two detectors see it."""

from __future__ import annotations

from pathlib import Path


def write_skymap(path: Path, *, ra: float = 120.0, dec: float = -30.0, distance: float | None = 240.0, order: int = 6) -> Path:
    """A multi-order sky map around a direction (deg); `distance` in Mpc."""
    import numpy as np
    from astropy.table import Table
    from astropy_healpix import healpix_to_lonlat, nside_to_npix, nside_to_pixel_area

    nside = 1 << order
    pixel = np.arange(nside_to_npix(nside))
    lon, lat = (angle.rad for angle in healpix_to_lonlat(pixel, nside, order="nested"))
    towards = np.radians([ra, dec])
    along = np.cos(lat) * np.cos(lon - towards[0])
    across = np.sin(lat - towards[1] - 0.4 * np.sin(lon - towards[0]) ** 2)
    probability = np.exp(-(across**2) / (2 * 0.03**2) - (1 - along) ** 2 / (2 * 0.08**2))
    density = probability / probability.sum() / nside_to_pixel_area(nside).value
    keep = pixel[density > density.max() * 1e-7]
    rest = np.setdiff1d(np.unique(pixel >> 2), np.unique(keep >> 2))  # parents without a kept child
    kept = np.flatnonzero(np.isin(pixel >> 2, keep >> 2))
    uniq = np.concatenate([4 * nside**2 + pixel[kept], 4 * (nside // 2) ** 2 + rest])
    values = np.concatenate([density[kept], np.zeros(len(rest))])
    table = Table({"UNIQ": uniq.astype(np.int64), "PROBDENSITY": values}, meta={"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ"})
    table.meta |= {"COORDSYS": "C", "INDXSCHM": "EXPLICIT", "CREATOR": "gwfollow's tests", "DATE": "2026-01-01T00:00:00"}
    if distance is not None:
        table.meta |= {"DISTMEAN": distance, "DISTSTD": distance / 4}
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path, format="fits", overwrite=True)
    return path


__all__ = ["write_skymap"]

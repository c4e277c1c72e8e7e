"""Sky maps: multi-order and flat HEALPix FITS files, also gzipped, and what is told of them.

    describe(Path("bayestar.multiorder.fits")).area90_deg2

Columns and keywords are those of ligo.skymap's files (LVK public alerts user guide, "Sky maps"): UNIQ and PROBDENSITY (sr^-1) of
multi-order maps, PROB of flat ones, DISTMEAN and DISTSTD (Mpc) in the header.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.alerts.fits_outline import LARGEST_FITS, gunzip, outline
from gwfollow.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

#: order 29 (nside 2^29) is the deepest that 64 bits hold
DEEPEST_ORDER = 29
#: cells; a flat map of nside 1024
MOST_CELLS = 12 * 1024**2
#: a map whose probability is further from 1 than this is refused
TOLERANCE = 0.01
#: HEALPix's value of pixels that were not observed
_UNSEEN = -1.6375e30


@dataclass(frozen=True)
class SkymapFacts:
    """What a sky map says, for people."""

    multiorder: bool
    orders: tuple[int, ...]  # HEALPix orders of its cells
    cells: int
    integral: float  # total probability
    area50_deg2: float
    area90_deg2: float
    ra_deg: float  # centre of the most probable cell
    dec_deg: float
    distmean: float | None  # Mpc
    diststd: float | None  # Mpc
    creator: str
    object: str
    instruments: tuple[str, ...]
    date: str  # when it was made, as its header says

    @property
    def nside(self) -> int:
        """Of its smallest cells."""
        return 1 << max(self.orders)


@dataclass(frozen=True)
class Cells:
    """The cells of a map, in the order of the sky's nested index: disjoint, of any orders.

    `first` is the nested index of a cell's first pixel at order 29; `density` is in sr^-1.
    """

    order: Integers
    pixel: Integers  # nested, at the cell's own order
    density: Floats
    header: dict[str, Any]
    multiorder: bool

    @property
    def area(self) -> Floats:
        """sr"""
        import numpy as np

        if not self.multiorder:  # millions of cells: one number for all of them
            return np.broadcast_to(np.pi / 3 * 0.25 ** float(self.order[0]), self.order.shape)
        areas: Floats = np.pi / 3 * 0.25 ** self.order.astype(float)
        return areas

    @property
    def first(self) -> Integers:
        first: Integers = self.pixel << (2 * (DEEPEST_ORDER - self.order))
        return first


def describe(path: Path) -> SkymapFacts:
    """What the map in a file says.  Raises `InputError` for what is no sky map, or one whose probability does not integrate to 1."""
    import numpy as np

    cells = load(path)
    area50, area90 = credible_areas(cells, (0.5, 0.9))
    ra, dec = centre(cells, int(np.argmax(cells.density)))
    header = cells.header
    return SkymapFacts(
        multiorder=cells.multiorder,
        orders=tuple(int(order) for order in (np.unique(cells.order) if cells.multiorder else cells.order[:1])),
        cells=len(cells.order),
        integral=float(np.sum(cells.density * cells.area)),
        area50_deg2=area50,
        area90_deg2=area90,
        ra_deg=ra,
        dec_deg=dec,
        distmean=positive(header.get("DISTMEAN")),
        diststd=positive(header.get("DISTSTD")),
        creator=_words(header.get("CREATOR")),
        object=_words(header.get("OBJECT")),
        instruments=tuple(part.strip() for part in _words(header.get("INSTRUME")).split(",") if part.strip()),
        date=_words(header.get("DATE")),
    )


def credible_areas(cells: Cells, levels: tuple[float, ...]) -> list[float]:
    """Areas in deg2 of the smallest regions that hold these probabilities.

    Greedy: cells in order of falling probability density, until their probabilities add up to the level (Sidery et al. 2014, PRD 89
    084060, section III), with the last cell taken in part, so that the size of cells does not round the area up.
    """
    import numpy as np

    ranks = rank(cells)
    found = []
    for level in levels:
        last = min(int(np.searchsorted(ranks.probability, level)), len(ranks.area) - 1)
        before = ranks.probability[last - 1] if last else 0.0
        part = (level - before) / (ranks.probability[last] - before)
        found.append(float(ranks.area[:last].sum() + min(part, 1.0) * ranks.area[last]) * (180 / np.pi) ** 2)
    return found


@dataclass(frozen=True)
class Ranks:
    """Cells in order of falling probability density."""

    density: Floats  # sr^-1
    probability: Floats  # of a cell and all before it
    area: Floats  # sr

    def level(self, density: Floats) -> Floats:
        """The probability of all cells that are denser than this: what the smallest region with this density in it begins at."""
        import numpy as np

        denser = len(self.density) - np.searchsorted(self.density[::-1], density, side="right")
        return np.where(denser > 0, self.probability[denser - 1], 0.0)


def rank(cells: Cells) -> Ranks:
    import numpy as np

    if cells.multiorder:
        order = np.argsort(-cells.density, kind="stable")
        density, area = cells.density[order], cells.area[order]
    else:  # all cells are alike; sorting numbers is several times faster than sorting their places
        density, area = np.sort(cells.density)[::-1], cells.area
    probability = np.cumsum(density * area)
    probability /= probability[-1]
    return Ranks(density, probability, area)


def load(path: Path) -> Cells:
    """The cells of the map in a file.  Raises `InputError`: too large, not FITS, truncated, or not a map of probabilities."""
    place = f"sky map {path.name}"
    try:
        size = path.stat().st_size
        if size > LARGEST_FITS:
            raise InputError(f"{place}: {size} bytes, more than the {LARGEST_FITS} that are opened")
        contents = gunzip(path.read_bytes(), place)
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from None
    outline(contents, place)
    try:
        header, columns = _columns(contents, place)
        cells = _multiorder(header, columns, place) if "UNIQ" in columns else _flat(header, columns, place)
        _check(cells, place)
    except (InputError, ImportError, MemoryError):
        raise
    except Exception as error:  # astropy and numpy raise what they like over a file that was tampered with
        raise InputError(f"{place}: no sky map that can be read: {type(error).__name__}: {error}") from error
    return cells


def _columns(contents: bytes, place: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header, and the columns that are used, of the first table."""
    import numpy as np
    from astropy.io import fits

    with (
        warnings.catch_warnings(action="ignore"),  # of cards that do not matter here
        fits.open(io.BytesIO(contents), memmap=False, disable_image_compression=True, lazy_load_hdus=True) as file,
    ):
        table = next((hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)), None)
        if table is None or not len(table.data):
            raise InputError(f"{place}: no table with a map in it")
        names = {name.upper(): name for name in table.columns.names}
        wanted = {"UNIQ", "PROBDENSITY"} if "UNIQ" in names else {"PROB", "PROBABILITY"}
        found = {}
        for name in wanted & names.keys():
            values = np.asarray(table.data[names[name]])
            if values.dtype.kind not in ("i" if name == "UNIQ" else "fiu"):
                raise InputError(f"{place}, column {name}", str(values.dtype), "numbers")
            found[name] = values.ravel()  # flat maps may have many pixels in a row
        return dict(table.header), found


def _multiorder(header: dict[str, Any], columns: dict[str, Any], place: str) -> Cells:
    import numpy as np

    if "PROBDENSITY" not in columns:
        raise InputError(f"{place}: a multi-order map without the column PROBDENSITY")
    uniq = columns["UNIQ"].astype(np.int64)
    if len(uniq) > MOST_CELLS or uniq.min() < 4 or uniq.max() >= 16 << (2 * DEEPEST_ORDER):
        raise InputError(f"{place}, column UNIQ", f"{uniq.min()} to {uniq.max()}", "HEALPix cells of orders 0 to 29")
    # 4 * 4^order <= uniq < 16 * 4^order; logarithms of floats would be off by one beside a power of four
    order = np.searchsorted(np.int64(4) << (2 * np.arange(DEEPEST_ORDER + 1)), uniq, side="right") - 1
    pixel = uniq - (np.int64(4) << (2 * order))
    cells = Cells(order, pixel, columns["PROBDENSITY"].astype(np.float64), header, multiorder=True)
    sort = np.argsort(cells.first, kind="stable")
    return Cells(order[sort], pixel[sort], cells.density[sort], header, multiorder=True)


def _flat(header: dict[str, Any], columns: dict[str, Any], place: str) -> Cells:
    import numpy as np
    from astropy_healpix import HEALPix

    values = columns.get("PROB", columns.get("PROBABILITY"))
    if values is None:
        raise InputError(f"{place}: neither a multi-order map (column UNIQ) nor a flat one (column PROB)")
    order = max(0, (len(values) // 12).bit_length() - 1) // 2
    if len(values) != 12 * 4**order or len(values) > MOST_CELLS:
        raise InputError(f"{place}, number of pixels", len(values), "12 * 4^order, with order 0 to 10")
    density = values.astype(np.float64)
    density[density == _UNSEEN] = 0.0
    density *= len(values) / (4 * np.pi)
    ordering = str(header.get("ORDERING", "")).strip().upper()
    if ordering not in ("RING", "NESTED", "NEST"):
        raise InputError(f"{place}, ORDERING", ordering, "RING or NESTED")
    if ordering == "RING":
        nested = np.empty_like(density)
        nested[HEALPix(1 << order).ring_to_nested(np.arange(len(values)))] = density
        density = nested
    orders = np.broadcast_to(np.int64(order), len(values))
    return Cells(orders, np.arange(len(values)), density, header, multiorder=False)


def _check(cells: Cells, place: str) -> None:
    import numpy as np

    if str(cells.header.get("COORDSYS", "C")).strip().upper() not in ("C", "EQ", "CELESTIAL", "ICRS"):
        raise InputError(f"{place}, COORDSYS", cells.header.get("COORDSYS"), "C (equatorial)")
    if not np.all(np.isfinite(cells.density)) or cells.density.min() < 0:
        raise InputError(f"{place}: probabilities that are negative or no numbers")
    if cells.multiorder:
        ends = cells.first + (np.int64(1) << (2 * (DEEPEST_ORDER - cells.order)))
        if np.any(ends[:-1] > cells.first[1:]):
            raise InputError(f"{place}: cells that overlap")
    integral = float(np.sum(cells.density * cells.area))
    if not abs(integral - 1) <= TOLERANCE:
        raise InputError(f"{place}, probability over the whole sky", round(integral, 6), "1")


def centre(cells: Cells, index: int) -> tuple[float, float]:
    """Right ascension and declination (deg) of the middle of a cell."""
    from astropy_healpix import healpix_to_lonlat

    ra, dec = healpix_to_lonlat(int(cells.pixel[index]), 1 << int(cells.order[index]), order="nested")
    return float(ra.deg), float(dec.deg)


def positive(value: Any) -> float | None:
    """Mpc; maps of bursts have none, and the header of a map without signal says infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e9 else None


def _words(value: Any) -> str:
    return "".join(letter for letter in value if letter.isprintable())[:100].strip() if isinstance(value, str) else ""


__all__ = ["Cells", "Ranks", "SkymapFacts", "centre", "credible_areas", "describe", "load", "positive", "rank"]

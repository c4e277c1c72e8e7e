"""Sky maps: areas and positions against independent arithmetic and published values; files that are no maps are refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alert_messages import flat_map, multiorder_map, uniform_map
from astropy import units
from astropy.io import fits
from astropy_healpix import HEALPix
from hypothesis import given, settings
from hypothesis import strategies as st

from gwfollow.alerts.fits_outline import outline
from gwfollow.alerts.skymap import Cells, credible_areas, describe, load
from gwfollow.errors import InputError

SKY = 4 * np.pi * (180 / np.pi) ** 2  # deg2
RA, DEC, SIGMA = 40.0, -30.0, np.radians(6.0)


def gaussian(order: int) -> Any:
    """The probability of nested pixels, of a two-dimensional Gaussian of width SIGMA around RA, DEC (von Mises-Fisher)."""
    sky = HEALPix(1 << order, order="nested")
    lon, lat = sky.healpix_to_lonlat(np.arange(sky.npix))
    ra, dec = np.radians([RA, DEC])
    cosine = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(lon - ra * units.rad)
    weight = np.exp((cosine.value - 1) / SIGMA**2)
    return weight / weight.sum()


def exact_area(level: float) -> float:
    """deg2: of a von Mises-Fisher distribution, 1 - exp(-(1 - cos r)/sigma^2) lies within r."""
    return -np.log(1 - level) * SIGMA**2 * 2 * np.pi * (180 / np.pi) ** 2


def mixed_orders(order: int) -> bytes:
    """The Gaussian with fine cells in one half of the sky's base pixels and coarse ones, with the mean density, in the others."""
    fine = gaussian(order)
    coarse = fine.reshape(-1, 16).sum(axis=1)
    base = np.arange(len(fine)) // 4**order
    keep = base % 2 == 0
    uniq = np.concatenate([np.flatnonzero(keep) + 4 * 4**order, np.flatnonzero(~keep[::16]) + 4 * 4 ** (order - 2)])
    density = np.concatenate([fine[keep] * len(fine), coarse[~keep[::16]] * len(coarse)]) / (4 * np.pi)
    shuffle = np.random.default_rng(1).permutation(len(uniq))
    return multiorder_map(uniq[shuffle], density[shuffle], DISTMEAN=100.0, DISTSTD=20.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "map.fits"


def refusal(file: Path, contents: bytes) -> str:
    file.write_bytes(contents)
    with pytest.raises(InputError, match=r"^sky map map\.fits") as caught:
        describe(file)
    return str(caught.value)


def test_a_gaussian_has_the_areas_of_its_formula_flat_and_multi_order(file: Path) -> None:
    nested = gaussian(6)
    ring = nested[HEALPix(64).ring_to_nested(np.arange(len(nested)))]
    contents = [flat_map(nested), flat_map(ring, "RING"), mixed_orders(6), gzip.compress(flat_map(nested))]
    for raw in contents:
        file.write_bytes(raw)
        facts = describe(file)
        assert facts.integral == pytest.approx(1, abs=1e-9)
        assert facts.area50_deg2 == pytest.approx(exact_area(0.5), rel=0.02)
        assert facts.area90_deg2 == pytest.approx(exact_area(0.9), rel=0.02)
        assert facts.ra_deg == pytest.approx(RA, abs=1)
        assert facts.dec_deg == pytest.approx(DEC, abs=1)


def test_what_the_header_says_is_told(file: Path) -> None:
    file.write_bytes(mixed_orders(4))
    facts = describe(file)
    assert (facts.multiorder, facts.orders, facts.nside) == (True, (2, 4), 16)
    assert (facts.distmean, facts.diststd) == (100.0, 20.0)
    file.write_bytes(uniform_map(INSTRUME="H1,L1", OBJECT="G100", DISTMEAN=1e12))
    facts = describe(file)
    assert (facts.creator, facts.instruments, facts.object, facts.distmean) == ("BAYESTAR", ("H1", "L1"), "G100", None)
    assert facts.date == "2026-03-01T10:00:20.000000"


def test_on_a_uniform_sky_the_area_is_the_probability(file: Path) -> None:
    file.write_bytes(uniform_map(0))
    facts = describe(file)
    assert facts.area50_deg2 == pytest.approx(SKY / 2)
    assert facts.area90_deg2 == pytest.approx(SKY * 0.9)


def test_greedy_takes_the_densest_cells_first() -> None:
    order = np.zeros(12, dtype=np.int64)
    density = np.array([7, 2, 1, *[0] * 9]) / 10 / (np.pi / 3)
    cells = Cells(order, np.arange(12), density, {}, multiorder=True)
    # 0.7 in one cell, 0.2 in the next, half of 0.1 in the third
    assert credible_areas(cells, (0.7, 0.9, 0.95)) == pytest.approx([SKY / 12, SKY / 6, SKY / 12 * 2.5])


def test_mocpy_finds_the_same_regions(file: Path) -> None:
    from mocpy import MOC

    file.write_bytes(mixed_orders(6))
    cells = load(file)
    uniq = cells.pixel + (np.int64(4) << (2 * cells.order))
    region = MOC.from_valued_healpix_cells(
        uniq.astype(np.uint64), cells.density * cells.area, max_depth=10, cumul_from=0.0, cumul_to=0.9
    )
    assert region.sky_fraction * SKY == pytest.approx(describe(file).area90_deg2, rel=0.02)


@pytest.mark.parametrize("order", [0, 1, 13, 28, 29])
def test_cells_of_every_order_have_their_number(file: Path, order: int) -> None:
    """Beside powers of four, where a logarithm of floats would be off by one."""
    last = 16 * 4**order - 1
    rest = np.arange(4, 15)  # base cells 0 to 10
    uniq = [last] if order == 0 else [*_filling(order), last]
    area = np.pi / 3 * 0.25 ** float(order)
    density = np.zeros(len(rest) + len(uniq))
    density[-1] = 1 / area
    file.write_bytes(multiorder_map(np.concatenate([rest, np.array(uniq, dtype=np.int64)]), density))
    cells = load(file)
    assert cells.order[-1] == order
    assert cells.pixel[-1] == 12 * 4**order - 1


def _filling(order: int) -> list[int]:
    """Cells that fill base cell 11 up to its last cell of that order."""
    return [4 * 4**o + 12 * 4**o - 4 + part for o in range(1, order + 1) for part in range(3)]


# ---- published values ------------------------------------------------------------------------------------------------------
def test_gw190814_has_its_published_area_and_distance(shared: Path) -> None:
    """GCN circular 25333: 90% credible region 23 deg2, luminosity distance 267 +- 52 Mpc."""
    facts = describe(shared / "data" / "skymaps" / "S190814bv_5_LALInference.multiorder.fits")
    assert round(facts.area90_deg2) == 23
    assert (round(facts.distmean or 0), round(facts.diststd or 0)) == (267, 52)


def test_gw150914_has_its_published_area_and_no_distance(shared: Path) -> None:
    """Abbott et al. 2016, ApJL 826, L13, table 1: BAYESTAR 90% 400 deg2."""
    facts = describe(shared / "data" / "skymaps" / "G184098_GW150914_bayestar_gstlal.fits.gz")
    assert facts.area90_deg2 == pytest.approx(400, abs=5)
    assert (facts.multiorder, facts.nside, facts.distmean) == (False, 512, None)


def test_an_o4_map_agrees_with_its_own_flat_copy(shared: Path, file: Path) -> None:
    """Spread over pixels of one order by hand, a multi-order map has the same areas."""
    path = shared / "data" / "skymaps" / "S250326y_bayestar.multiorder.fits"
    cells = load(path)
    order = int(cells.order.max())
    flat = np.repeat(cells.density, 4 ** (order - cells.order)) * 4 * np.pi / (12 * 4**order)
    file.write_bytes(flat_map(flat))
    facts, copy = describe(path), describe(file)
    assert copy.area50_deg2 == pytest.approx(facts.area50_deg2, rel=1e-4)
    assert copy.area90_deg2 == pytest.approx(facts.area90_deg2, rel=1e-4)


# ---- what is no sky map ----------------------------------------------------------------------------------------------------
def test_files_that_are_no_fits_are_refused(file: Path) -> None:
    assert "FITS" in refusal(file, b"GIF89a")
    assert "FITS" in refusal(file, b"")
    assert "truncated" in refusal(file, uniform_map()[:6000])
    assert "broken gzip" in refusal(file, gzip.compress(uniform_map())[:-20])
    with pytest.raises(InputError, match="No such file"):
        describe(file.with_name("none.fits"))


def test_a_gzip_bomb_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.alerts.skymap.gunzip.__defaults__", (10_000_000,))
    bomb = gzip.compress(uniform_map() + bytes(20_000_000))
    assert len(bomb) < 50_000
    assert "more than 10000000 bytes after gunzip" in refusal(file, bomb)


@pytest.mark.parametrize("rows", [10**9, 10**12, -1])
def test_a_header_that_promises_too_much_is_refused(file: Path, rows: int) -> None:
    contents = uniform_map()
    assert contents.count(b"NAXIS2  =                   48") == 1
    bomb = contents.replace(b"NAXIS2  =                   48", f"NAXIS2  = {rows:>20}".encode())
    assert "NAXIS" in refusal(file, bomb)


def test_an_image_of_an_exabyte_is_refused(file: Path) -> None:
    cards = ["SIMPLE  =                    T", "BITPIX  =                  -64", "NAXIS   =                    2",
             "NAXIS1  =            100000000", "NAXIS2  =            100000000", "END"]  # fmt: skip
    header = "".join(card.ljust(80) for card in cards).ljust(2880)
    assert "NAXIS" in refusal(file, header.encode())


def test_tables_without_a_map_are_refused(file: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("FLUX", "D", array=[1.0])])
    for hdus, words in (([fits.PrimaryHDU()], "no table"), ([fits.PrimaryHDU(), table], "neither")):
        fits.HDUList(hdus).writeto(file, overwrite=True)
        assert words in refusal(file, file.read_bytes())


def test_numbers_that_are_no_probabilities_are_refused(file: Path) -> None:
    uniq = np.arange(12) + 4
    even = np.full(12, 1 / (4 * np.pi))
    assert "expected 1" in refusal(file, multiorder_map(uniq, even / 2))
    assert "negative or no numbers" in refusal(file, multiorder_map(uniq, np.where(uniq == 5, -even, even)))
    assert "negative or no numbers" in refusal(file, multiorder_map(uniq, np.where(uniq == 5, np.nan, even)))
    assert "overlap" in refusal(file, multiorder_map(np.append(uniq, 4), np.append(even, 0.0)))
    assert "overlap" in refusal(file, multiorder_map(np.append(uniq, 16), np.append(even, 0.0)))
    assert "HEALPix cells" in refusal(file, multiorder_map(np.append(uniq, 3), np.append(even, 0.0)))
    assert "HEALPix cells" in refusal(file, multiorder_map(np.append(uniq, 2**62), np.append(even, 0.0)))
    assert "12 * 4^order" in refusal(file, flat_map(np.full(13, 1 / 13)))
    assert "RING or NESTED" in refusal(file, flat_map(np.full(12, 1 / 12), "SPIRAL"))
    assert "COORDSYS" in refusal(file, uniform_map(0).replace(b"COORDSYS= 'C       '", b"COORDSYS= 'G       '"))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 8000), st.binary(min_size=1, max_size=12), st.booleans())
def test_a_map_with_bytes_replaced_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, by: bytes, cut: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "tampered.fits"
    contents = uniform_map()
    file.write_bytes(contents[:at] + by + contents[at + (0 if cut else len(by)) :])
    try:
        assert describe(file).area90_deg2 <= SKY
    except InputError:
        pass


def test_the_outline_agrees_with_astropy(shared: Path) -> None:
    from gwfollow.alerts.fits_outline import gunzip

    for path in (shared / "data" / "skymaps").iterdir():
        headers = outline(gunzip(path.read_bytes(), path.name), path.name)
        with fits.open(path) as file:
            assert len(headers) == len(file)
            for ours, theirs in zip(headers, file, strict=True):
                assert int(ours["NAXIS"]) == theirs.header["NAXIS"]
                assert ours.get("CREATOR") == theirs.header.get("CREATOR")

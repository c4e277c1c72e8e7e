"""Channels are read from files as they are: with gaps, twice there, damaged, of any type; what is wrong is said for each channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lalframe", reason="reads frames with lalframe (gwfollow[scans])")

from gwfollow.data import frame_files
from gwfollow.data.coverage import Coverage
from gwfollow.data.names import parse
from gwfollow.scans import frames
from gwfollow.scans.frames import Series, Unread
from scan_frames import START, covered, noise, write_frame

MIDDLE = START + 12.3


def read(coverage: Coverage, *channels: str, shortest: float = 6.0, bad: dict[str, str] | None = None) -> Any:
    found = frames.read(
        coverage, channels, ifo="H1", around=(MIDDLE - 1, MIDDLE + 1), shortest=shortest, bad={} if bad is None else bad
    )
    return found[channels[0]] if len(channels) == 1 else found


@pytest.fixture(scope="module")
def whole() -> Any:
    return noise(24)


def three(folder: Path, samples: Any, name: str = "H1:A", **other: Any) -> list[Path]:
    """Three frames of 8 s."""
    size = len(samples) // 3
    return [
        write_frame(folder, START + 8 * number, 8, {name: samples[number * size : (number + 1) * size], **other})
        for number in range(3)
    ]


@pytest.mark.slow
def test_every_sample_is_where_gwpys_reader_puts_it(tmp_path: Path, whole: Any) -> None:
    from gwpy.timeseries import TimeSeries

    paths = three(tmp_path, whole)
    found = read(covered(*paths, start=START + 1, end=START + 23), "H1:A")
    theirs = TimeSeries.read([str(path) for path in paths], "H1:A", start=START + 1, end=START + 23)
    assert (found.start, found.rate, found.message) == (theirs.t0.value, theirs.sample_rate.value, "")
    np.testing.assert_array_equal(found.values, theirs.value)


def test_each_file_is_opened_once_for_all_channels(tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = three(tmp_path, whole, "H1:A", **{"H1:B": noise(8), "H1:C": noise(8, 128)})
    opened = []
    real = frame_files.open_file
    monkeypatch.setattr(frames, "open_file", lambda file, ifo: opened.append(file.url) or real(file, ifo))
    found = read(covered(*paths), "H1:A", "H1:B", "H1:C")
    assert opened == [str(path) for path in paths]
    assert [one.rate for one in found.values()] == [256, 256, 128]


@pytest.mark.parametrize("kind", ["f8", "i2", "i4", "u4"])
def test_samples_of_every_type_are_read(tmp_path: Path, kind: str) -> None:
    samples = np.abs(noise(24, kind=kind)) if kind == "u4" else noise(24, kind=kind)
    found = read(covered(*three(tmp_path, samples)), "H1:A")
    assert found.values.dtype == kind
    np.testing.assert_array_equal(found.values, samples)


def test_overlapping_files_count_once_and_join_without_a_seam(tmp_path: Path, whole: Any) -> None:
    first = write_frame(tmp_path, START, 16, {"H1:A": whole[: 16 * 256]})
    second = write_frame(tmp_path, START + 8, 16, {"H1:A": whole[8 * 256 :]})
    copy = write_frame(tmp_path / "copy", START + 8, 16, {"H1:A": whole[8 * 256 :]})
    found = read(covered(first, second, copy), "H1:A")
    np.testing.assert_array_equal(found.values, whole)


def test_a_gap_away_from_the_event_leaves_the_stretch_around_it(tmp_path: Path, whole: Any) -> None:
    _, *rest = three(tmp_path, whole)
    found = read(covered(*rest), "H1:A")
    assert isinstance(found, Series)
    assert (found.start, found.duration) == (START + 8, 16)
    assert found.message == f"scanned only 16 of 24 s; missing [{START}, {START + 8})"
    np.testing.assert_array_equal(found.values, whole[8 * 256 :])


def test_a_gap_at_the_event_leaves_nothing(tmp_path: Path, whole: Any) -> None:
    first, _, last = three(tmp_path, whole)
    assert read(covered(first, last), "H1:A") == Unread("H1:A", "no data", f"missing [{START + 8}, {START + 16})")


def test_a_stretch_too_short_for_the_transform_is_not_taken(tmp_path: Path, whole: Any) -> None:
    _, middle, _ = three(tmp_path, whole)
    assert read(covered(middle), "H1:A", shortest=9).state == "no data"


def test_a_channel_that_no_frame_has_is_absent_and_one_that_some_lack_says_which(tmp_path: Path, whole: Any) -> None:
    paths = three(tmp_path, whole)
    paths[0] = write_frame(tmp_path, START, 8, {"H1:B": noise(8)})
    found = read(covered(*paths), "H1:A", "H1:NONE")
    assert (found["H1:NONE"].state, found["H1:A"].duration) == ("absent", 16)
    assert f"not in {paths[0].name}" in found["H1:A"].message


def test_what_is_not_finite_or_never_changes_is_said(tmp_path: Path) -> None:
    hurt = noise(24)
    hurt[100:103] = np.nan
    paths = three(tmp_path, hurt, **{"H1:FLAT": np.full(2048, 7, np.float32)})
    found = read(covered(*paths), "H1:A", "H1:FLAT")
    assert found["H1:A"] == Unread(
        "H1:A",
        "not finite",
        f"3 samples are not finite, the first at GPS {START + 100 / 256:.4f}, the last at {START + 102 / 256:.4f}",
    )
    assert found["H1:FLAT"] == Unread("H1:FLAT", "constant", "every sample is 7")


def test_a_rate_that_changes_between_files_is_a_fault_of_the_channel(tmp_path: Path, whole: Any) -> None:
    paths = three(tmp_path, whole)
    write_frame(tmp_path, START + 8, 8, {"H1:A": noise(8, 128)})
    found = read(covered(*paths), "H1:A")
    assert found.state == "failed"
    assert found.message == f"the sample rate is 128 Hz in {paths[1].name} and 256 Hz before"


@pytest.mark.parametrize("how", ["cut off", "garbage", "empty", "gone"])
def test_a_file_that_is_none_is_named_and_the_rest_is_read(tmp_path: Path, whole: Any, how: str) -> None:
    paths = three(tmp_path, whole)
    content = paths[0].read_bytes()
    known = covered(*paths)
    paths[0].write_bytes({"cut off": content[: len(content) // 2], "garbage": bytes(range(256)) * 9}.get(how, b""))
    if how == "gone":
        paths[0].unlink()
    bad: dict[str, str] = {}
    found = read(known, "H1:A", bad=bad)
    assert set(bad) == {str(paths[0])}
    assert found.duration == 16
    assert paths[0].name in found.message


def test_a_damaged_channel_is_noticed_and_leaves_the_others(tmp_path: Path, whole: Any) -> None:
    paths = three(tmp_path, whole, **{"H1:B": noise(8, seed=2)})
    content = bytearray(paths[0].read_bytes())
    for place in range(4000, 4400):  # within the samples of the one that lalframe writes first
        content[place] ^= 0x5A
    paths[0].write_bytes(content)
    found = read(covered(*paths), "H1:A", "H1:B")
    assert "H1:B in it is damaged" in found["H1:B"].message
    assert found["H1:B"].duration == 16
    assert (found["H1:A"].message, found["H1:A"].duration) == ("", 24)


def test_a_copy_is_read_where_the_file_is_damaged(tmp_path: Path, whole: Any) -> None:
    paths = three(tmp_path / "a", whole)
    copies = three(tmp_path / "b", whole)
    paths[1].write_bytes(b"no frame")
    found = read(covered(*paths, *copies), "H1:A")
    assert (found.message, found.duration) == ("", 24)
    np.testing.assert_array_equal(found.values, whole)


def test_gwoscs_strain_is_read_by_any_name_of_the_detectors_strain(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / f"H-H1_GWOSC_4KHZ_R1-{START}-24.hdf5"
    samples = noise(24, kind="f8") * 1e-21
    with h5py.File(path, "w") as file:
        file.create_dataset("strain/Strain", data=samples).attrs["Xspacing"] = 1 / 256
        file["meta/GPSstart"], file["meta/Detector"] = START, "H1"
    found = read(covered(path), "H1:GWOSC-4KHZ_R1_STRAIN", "H1:PEM", "L1:STRAIN")
    np.testing.assert_array_equal(found["H1:GWOSC-4KHZ_R1_STRAIN"].values, samples)
    assert (found["H1:PEM"].state, found["L1:STRAIN"].state) == ("absent", "absent")
    path.write_bytes(path.read_bytes()[:1000])
    bad: dict[str, str] = {}
    assert read(covered(path), "H1:STRAIN", bad=bad).state == "no data"
    assert "no file of strain" in bad[str(path)]


def test_a_file_that_lies_elsewhere_is_not_read() -> None:
    file = parse(f"https://example.org/H-H1_SIM_AUX-{START}-24.gwf")
    assert file is not None
    with pytest.raises(frame_files.Damaged, match="does not lie on this machine"):
        frame_files.open_file(file, "H1")

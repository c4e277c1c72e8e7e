"""Which files count as results (`gwfollow.results.files`): those that have stopped growing and can be opened."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy
import pytest

from gwfollow.checksums import sha256_of
from gwfollow.errors import PermanentError
from gwfollow.results.files import StableFiles, check_readable, read_whole
from gwfollow.schedulers.base import JobState


def write_hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["posterior/chirp_mass"] = numpy.random.default_rng(1).normal(31, 1, 5000)
    return path


def cut(path: Path, keep: float) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    return path


# ---- stable ------------------------------------------------------------------------------------------------------------------
def stable(files: StableFiles, pattern: str) -> bool:
    return files.query([pattern])[pattern].state is JobState.COMPLETED


def test_a_file_counts_from_the_second_look_at_which_it_is_the_same(tmp_path: Path) -> None:
    files, path = StableFiles(), tmp_path / "x_result.json"
    assert not stable(files, str(path))
    path.write_text("[1")
    assert not stable(files, str(path))
    assert stable(files, str(path))


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    files, path = StableFiles(), tmp_path / "x_result.json"
    with path.open("w") as stream:
        for _ in range(5):
            stream.write("[1]\n")
            stream.flush()
            assert not stable(files, str(path))
    assert stable(files, str(path))


def test_one_more_file_of_the_pattern_begins_it_anew(tmp_path: Path) -> None:
    files, pattern = StableFiles(), str(tmp_path / "*_result.json")
    (tmp_path / "a_result.json").write_text("[1]")
    assert [stable(files, pattern), stable(files, pattern)] == [False, True]
    (tmp_path / "b_result.json").write_text("[1]")
    assert [stable(files, pattern), stable(files, pattern)] == [False, True]


def test_what_nobody_asks_for_any_more_is_forgotten(tmp_path: Path) -> None:
    files, path, other = StableFiles(), tmp_path / "x_result.json", str(tmp_path / "other")
    path.write_text("[1]")
    files.query([str(path)])
    files.query([other])
    assert [stable(files, str(path)), stable(files, str(path))] == [False, True]


def test_an_empty_file_is_no_result_however_long_it_stays(tmp_path: Path) -> None:
    files, path = StableFiles(), tmp_path / "x_result.json"
    path.touch()
    assert [stable(files, str(path)) for _ in range(3)] == [False] * 3


def test_a_file_that_cannot_be_looked_at_holds_up_its_own_pattern_alone(tmp_path: Path) -> None:
    """It vanished between the listing and the look, as temporary files do; a dangling link always does."""
    files = StableFiles()
    (tmp_path / "a_result.json").symlink_to(tmp_path / "gone")
    (tmp_path / "b_result.dat").write_text("1")
    patterns = [str(tmp_path / "*.json"), str(tmp_path / "*.dat")]
    files.query(patterns)
    states = {pattern: status.state for pattern, status in files.query(patterns).items()}
    assert states == {patterns[0]: JobState.RUNNING, patterns[1]: JobState.COMPLETED}


# ---- whole -------------------------------------------------------------------------------------------------------------------
def test_whole_files_come_with_path_and_checksum(tmp_path: Path) -> None:
    paths = [write_hdf5(tmp_path / "a.hdf5"), tmp_path / "b.json", tmp_path / "c.dat"]
    paths[1].write_text(json.dumps({"posterior": [1.0]}))
    paths[2].write_text("20.0 1e-46\n")
    for path in paths:
        check_readable(path)
    assert read_whole(str(tmp_path / "*")) == [{"path": str(path), "sha256": sha256_of(path)} for path in paths]


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize("name", ["x.hdf5", "x.h5", "x.hdf"])
def test_an_hdf5_file_that_was_cut_is_refused_by_name(tmp_path: Path, name: str, keep: float) -> None:
    path = cut(write_hdf5(tmp_path / name), keep)
    with pytest.raises(PermanentError, match=str(path)):
        read_whole(str(path))


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_json_file_that_was_cut_is_refused_by_name(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"posterior": list(range(500))}))
    with pytest.raises(PermanentError, match=str(cut(path, keep))):
        read_whole(str(path))


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    for name in ("x.hdf5", "x.json"):
        (tmp_path / name).write_bytes(b"<html>404</html>\xff")
        with pytest.raises(PermanentError, match=f"{name} cannot be read"):
            read_whole(str(tmp_path / name))


def test_one_broken_file_of_several_is_named(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "a.hdf5")
    cut(write_hdf5(tmp_path / "b.hdf5"), 0.5)
    with pytest.raises(PermanentError, match=r"b\.hdf5"):
        read_whole(str(tmp_path / "*.hdf5"))


def test_no_file_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no file matches"):
        read_whole(str(tmp_path / "*.hdf5"))


def test_a_link_to_nothing_is_named_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "x.dat").symlink_to(tmp_path / "gone")
    with pytest.raises(PermanentError, match=r"x\.dat cannot be read"):
        read_whole(str(tmp_path / "*.dat"))

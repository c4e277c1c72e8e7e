"""Folders are read by names: shared memory with thousands of files, archives of years; what is half written or gone does not count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fake_frames import frame, whole
from gwfollow.data import folders
from gwfollow.data.folders import Kind, look
from gwfollow.errors import InputError

NOW = 1126259462
HOFT = Kind("H1", "H1_llhoft", (NOW - 4.0, NOW + 4.0))


def starts(path: Path | str, kind: Kind = HOFT) -> list[int]:
    return sorted(file.start for file in look(str(path), [kind])[kind])


def test_of_hundreds_of_files_only_those_of_the_time_are_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(NOW - 150, NOW + 2):
        for kind in ("H1_llhoft", "H1_R", "L1_llhoft"):
            (tmp_path / f"{kind[0]}-{kind}-{second}-1.gwf").write_bytes(whole())
    touched = []
    stat = Path.stat

    def counted(path: Path, **options: bool) -> os.stat_result:
        touched.append(path.name)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", counted)
    found = look(str(tmp_path), [HOFT, Kind("L1", "L1_llhoft", (NOW - 1.0, NOW + 1.0))])
    assert [len(files) for files in found.values()] == [6, 2]
    assert sum(name.endswith(".gwf") for name in touched) == 8


def test_what_touches_the_stretch_is_not_in_it(tmp_path: Path) -> None:
    for start in (NOW - 8, NOW - 4, NOW, NOW + 4):
        frame(tmp_path, "H1_llhoft", start, 4)
    assert starts(tmp_path) == [NOW - 4, NOW]


def test_half_written_files_do_not_count(tmp_path: Path) -> None:
    frame(tmp_path, "H1_llhoft", NOW - 4, 1)
    os.utime(frame(tmp_path, "H1_llhoft", NOW - 3, 1, content=b""), (1, 1))
    cut = frame(tmp_path, "H1_llhoft", NOW - 2, 1, content=whole()[:100])
    for name in (f"H-H1_llhoft-{NOW - 1}-1.gwf.tmp", f".H-H1_llhoft-{NOW - 1}-1.gwf.Xy12", f"H-H1_llhoft-{NOW - 1}-1.tmp"):
        (tmp_path / name).write_bytes(whole())
    assert starts(tmp_path) == [NOW - 4]

    cut.write_bytes(whole())
    assert starts(tmp_path) == [NOW - 4, NOW - 2]
    os.utime(cut, (1, 1))
    cut.write_bytes(whole()[:100])
    os.utime(cut, (1, 1))  # cut off for years: a reader will say so, nobody writes it
    assert starts(tmp_path) == [NOW - 4, NOW - 2]


@pytest.mark.slow
def test_frames_that_the_field_writes_are_told_whole_as_soon_as_they_are(tmp_path: Path) -> None:
    from gwfollow.sandbox.auxiliary import Auxiliary, write_auxiliary

    (path,) = write_auxiliary(tmp_path, "H1", [Auxiliary("H1:A", 64)], start=NOW, end=NOW + 1, length=1, frame_type="H1_llhoft")
    assert starts(tmp_path) == [NOW]
    content = path.read_bytes()
    for size in (0, 1, 40, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert starts(tmp_path) == [], f"{size} of {len(content)} bytes passed for a whole file"


def test_a_file_that_vanishes_between_its_name_and_the_touch_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame(tmp_path, "H1_llhoft", NOW, 1)
    gone = frame(tmp_path, "H1_llhoft", NOW + 1, 1)
    look_at_name = folders.parse
    vanished = []

    def vanishing(path: str) -> object:
        if path == str(gone):
            gone.unlink()
            vanished.append(path)
        return look_at_name(path)

    monkeypatch.setattr(folders, "parse", vanishing)
    assert starts(tmp_path) == [NOW]
    assert vanished


def test_a_pattern_names_many_folders_and_an_archive_is_read_where_its_time_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "O1" / "hoft" / "H1"
    for start in (NOW - 100_000, NOW - NOW % 4096, NOW + 4096 - NOW % 4096):
        frame(archive / f"H-H1_llhoft-{start // 100_000}", "H1_llhoft", start, 4096)
    frame(tmp_path / "O2" / "2015", "H1_llhoft", NOW + 2, 2)  # a year is no GPS time
    frame(archive / "H-H1_R-11262", "H1_llhoft", NOW, 1)  # in the folder of another type: not looked for
    read = []
    entries = folders._entries
    monkeypatch.setattr(folders, "_entries", lambda folder: read.append(Path(folder).name) or entries(folder))

    assert starts(f"{tmp_path}/O?") == [NOW - NOW % 4096, NOW + 2]
    assert sorted(read) == ["2015", "H-H1_llhoft-11261", "H-H1_llhoft-11262", "H1", "O1", "O2", "hoft"]


def test_whose_files_they_are_counts_where_a_site_has_one_type_for_all(tmp_path: Path) -> None:
    for site in "HL":
        (tmp_path / f"{site}-R-{NOW}-1.gwf").write_bytes(whole())
    raw = Kind("L1", "R", HOFT.stretch)
    assert [file.site for file in look(str(tmp_path), [raw])[raw]] == ["L"]


def test_a_folder_that_is_not_there_or_too_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"frames of H1_llhoft: found .*/no\*', expected a folder that is there, or a pattern"):
        starts(tmp_path / "no*")
    for start in range(3):
        frame(tmp_path, "H1_llhoft", start, 1)
    monkeypatch.setattr(folders, "MOST_FILES", 2)
    with pytest.raises(InputError, match="more than 2 names"):
        starts(tmp_path)


def test_a_link_that_leads_round_in_a_circle_ends(tmp_path: Path) -> None:
    frame(tmp_path, "H1_llhoft", NOW, 1)
    (tmp_path / "again").symlink_to(tmp_path)
    assert set(starts(tmp_path)) == {NOW}

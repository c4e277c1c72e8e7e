"""SHA-256 of files and folders: equal exactly when names and contents are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gwfollow.checksums import sha256_of


def folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        file = path / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path


def test_a_files_checksum_is_what_sha256sum_says(tmp_path: Path) -> None:
    file = tmp_path / "psd.dat"
    file.write_bytes(bytes(range(256)) * 10_000)
    assert sha256_of(file) == hashlib.sha256(bytes(range(256)) * 10_000).hexdigest()


def test_equal_folders_have_equal_checksums_in_whatever_order_they_were_written(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", a="1", sub__b="2")
    other = folder(tmp_path / "other", sub__b="2", a="1")
    assert sha256_of(one) == sha256_of(other)


@pytest.mark.parametrize("files", [{"a": "1", "sub__b": "3"}, {"a": "1", "sub__c": "2"}, {"a": "1", "b": "2"}, {"a": "1"}])
def test_another_content_name_place_or_number_changes_a_folders_checksum(tmp_path: Path, files: dict[str, str]) -> None:
    one = folder(tmp_path / "one", a="1", sub__b="2")
    assert sha256_of(folder(tmp_path / "other", **files)) != sha256_of(one)


def test_what_is_not_there_is_an_error_and_not_the_checksum_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "gone")

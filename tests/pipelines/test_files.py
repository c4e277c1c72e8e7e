"""Helpers: programs, tails, environments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines import files


def test_programs_of_our_own_environment_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "venv" / "bin"
    other = tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir(parents=True)
        (folder / "tool").write_text("#!/bin/sh\n")
        (folder / "tool").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(mine / "python"))
    monkeypatch.setenv("PATH", str(other))
    assert files.program("tool") == mine / "tool"
    (mine / "tool").unlink()
    assert files.program("tool") == other / "tool"
    with pytest.raises(PipelineError, match="neither in"):
        files.program("no-such-tool")


def test_builders_see_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "canary")
    monkeypatch.setenv("GWFOLLOW_LEDGER", "canary")
    monkeypatch.setenv("X509_USER_PROXY", "/tmp/proxy")
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = files.builder_environment(tmp_path / "bin" / "bilby_pipe")
    assert "canary" not in environment.values()
    assert environment["X509_USER_PROXY"] == "/tmp/proxy"
    assert environment["PATH"] == f"{tmp_path}/bin:/usr/bin"


def test_a_tail_is_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\rthree\r\nfour \xff\n")
    assert files.tail(path, 2).startswith("\nfour") or files.tail(path, 2).endswith("four \ufffd")
    assert files.tail(tmp_path / "none") == ""


def test_tails_leave_out_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").write_text("")
    assert files.tails([tmp_path / name for name in "abc"]) == {tmp_path / "a": "text"}


def test_a_written_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = files.write_text(tmp_path / "x", "old")
    assert files.write_text(path, "new").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]

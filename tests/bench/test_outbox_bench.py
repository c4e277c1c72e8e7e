"""The measurement of the outbox counts what it wrote, and runs with the present code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

pytest.importorskip("ligo.gracedb.test.integration")

import outbox
from measure import BenchError


@pytest.mark.slow
def test_each_row_has_its_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["outbox.py", "--messages", "4", "--events", "2", "--repeat", "1"])

    assert outbox.main() == 0

    lines = capsys.readouterr().out.splitlines()
    names = ["ligo-gracedb, bare", "gwfollow's client", "outbox, one event", "outbox, 2 events", "outbox, its pace kept"]
    assert [line[:24].strip() for line in lines[2:]] == names
    assert all(float(line.split()[-3 if "x" in line.split()[-1] else -2]) > 0 for line in lines[2:])


@pytest.mark.slow
def test_a_message_that_is_missing_is_no_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(outbox.GraceDBWriter, "send", lambda self, message: {})
    with outbox.LocalGraceDB(tmp_path / "gracedb") as server, pytest.raises(BenchError, match="entries: 0, expected 2"):
        outbox.Bench(server, tmp_path, outbox.coinc_file()).outbox(2)

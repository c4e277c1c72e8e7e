"""Calibration envelopes: whose a file is, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.data.envelopes import check, valid_at
from gwfollow.errors import InputError, PipelineError

LINE = "1 1 0 0.9 -0.1 1.1 0.1\n"


def test_the_newest_that_is_not_newer_is_taken_from_the_detectors_own_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "LHO").mkdir()
    for name in (
        "LHO/cal_1000000000.txt",
        "LHO/cal_1000000500.txt",
        "LHO/cal_1000000900.txt",
        "1000000600-L1.txt",
        "1000000700.txt",
    ):
        (tmp_path / name).write_text(LINE)
    assert valid_at(tmp_path, "H1", 1000000800.0) == (tmp_path / "LHO" / "cal_1000000500.txt", 1000000500.0)
    assert valid_at(tmp_path, "L1", 1000000800.0)[1] == 1000000600.0
    with pytest.raises(InputError, match="found '3 from GPS 1000000000 on"):
        valid_at(tmp_path, "H1", 999999999.0)
    with pytest.raises(InputError, match="found 'none'"):
        valid_at(tmp_path, "V1", 1000000800.0)
    with pytest.raises(InputError, match="a folder that is there"):
        valid_at(tmp_path / "none", "H1", 1000000800.0)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "0 lines of numbers"),
        (b"\xff\xfe\x00", "cannot be read"),
        (LINE.encode() * 2, "line 2: 1 Hz after 1 Hz"),
        (LINE.replace("0.9", "nan").encode(), "line 1: 7 columns, expected 7 finite numbers"),
        (b"1 2 3\n", "line 1: 3 columns"),
        (b"1 2 x\n", "line 1: not numbers"),
    ],
)
def test_what_is_no_envelope_is_refused_with_its_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "envelope.txt"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=complaint):
        check(path)


def test_an_envelope_must_hold_the_frequencies_of_the_analysis(tmp_path: Path) -> None:
    path = tmp_path / "envelope.txt"
    path.write_text(f"# Hz ...\n10{LINE[1:]}\n1000{LINE[1:]}")
    assert check(path, low=10, high=1000) == 2
    with pytest.raises(PipelineError, match="covers 10 to 1000 Hz, the analysis needs 5 to 0 Hz"):
        check(path, low=5)

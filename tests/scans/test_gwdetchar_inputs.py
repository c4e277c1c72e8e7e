"""What gwdetchar-omega is given to read: files that end their reader are found out before, and left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lalframe", reason="reads frames with lalframe (gwfollow[scans])")

from deadly_frames import Impatient, flipped
from gwfollow.scans import gwdetchar_inputs
from gwfollow.scans.gwdetchar_inputs import Inputs
from gwfollow.scans.model import ChannelResult
from scan_frames import START, configuration, noise, write_frame


@pytest.mark.parametrize(("begin", "end", "signs"), [(450, 400, "SIGSEGV"), (400, 350, "SIGKILL after 300 s")])
def test_a_file_that_kills_its_reader_or_holds_it_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: int, end: int, signs: str
) -> None:
    monkeypatch.setattr(gwdetchar_inputs, "Blame", Impatient)
    frames = tmp_path / "frames"
    for number in range(3):
        write_frame(frames, START + 8 * number, 8, {"H1:A": noise(8, seed=number)})
    bad = write_frame(frames, START, 24, {"H1:A": noise(24), "H1:B": noise(24, 128)})
    flipped(bad, begin, end)
    said: list[str] = []
    ends: list[ChannelResult] = []
    inputs = Inputs(
        configuration(frames, "H1:A", "H1:B", engine="gwdetchar"),
        tmp_path, said.append, over=lambda: False, final=ends.extend, idle=lambda: None, bad={},
    )  # fmt: skip
    try:
        inputs.gather()
    finally:
        inputs.crew.close()
    assert f"{bad}: the process that read it was ended by {signs}; it is not opened again" in said
    assert set(inputs.bad) == {str(bad)}
    assert inputs.rates == {"H1:A": 256}
    assert [(one.channel, one.state) for one in ends] == [("H1:B", "absent")]


def test_flags_are_asked_once_each_and_unknown_is_not_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tmp_path / "frames"
    names = [f"H1:{name}" for name in "ABCD"]
    write_frame(frames, START, 24, {name: noise(24) for name in names})
    asked: list[str] = []

    def query(flag: str, begin: float, end: float, **_: Any) -> Any:
        asked.append(flag)
        if flag == "H1:SILENT:1":
            raise ConnectionError("no route")
        return {"known": [(begin, end)], "active": [(begin, end)] if flag == "H1:ON:1" else []}

    monkeypatch.setattr("dqsegdb2.query.query_segments", query)
    ends: list[ChannelResult] = []
    config = configuration(frames, *names, engine="gwdetchar")
    flags = ("H1:ON:1", "H1:OFF:1", "H1:SILENT:1", "H1:OFF:1")
    blocks = tuple(
        config.blocks[0].model_copy(update={"key": f"B{number}", "channels": (name,), "state_flag": flag})
        for number, (name, flag) in enumerate(zip(names, flags, strict=True))
    )
    inputs = Inputs(
        config.model_copy(update={"blocks": blocks}),
        tmp_path, lambda text: None, over=lambda: False, final=ends.extend, idle=lambda: None, bad={},
    )  # fmt: skip
    try:
        inputs.gather()
    finally:
        inputs.crew.close()
    assert inputs.rates == {"H1:A": 256}
    assert {one.channel: one.state for one in ends} == {"H1:B": "state off", "H1:C": "failed", "H1:D": "state off"}
    assert "no route" in next(one.message for one in ends if one.channel == "H1:C")
    assert sorted(asked) == sorted(set(flags))

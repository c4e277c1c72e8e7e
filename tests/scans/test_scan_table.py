"""The table is gwdetchar-omega's, to the byte, and is read back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gwfollow.data.lookup import Folder, LookUp
from gwfollow.errors import PermanentError
from gwfollow.scans import table
from gwfollow.scans.model import Block, ChannelResult, ScanConfig
from scan_results import GPS, channel, scan

CORRELATED = {"correlation": 7.26, "standard_deviation": 1.2345678901234567, "delay_ms": -13.9}


def config(*blocks: tuple[str, ...]) -> ScanConfig:
    made = tuple(
        Block(key=f"block{n}", name="", channels=channels, frame_type="H1_R", duration=64, fftlength=8)
        for n, channels in enumerate(blocks)
    )
    look_up = LookUp(ifo="H1", frame_type="H1_R", ways=(Folder(path="/nowhere"),))
    return ScanConfig(title="t", gps=GPS, ifo="H1", channel_set="s", blocks=made, look_ups=(look_up,))


@pytest.mark.slow
@pytest.mark.parametrize("correlated", [True, False])
def test_it_is_what_gwdetchar_omega_would_write(tmp_path: Path, correlated: bool) -> None:
    from gwdetchar.omega import html
    from gwdetchar.omega.config import OmegaChannel
    from numpy import around

    more = CORRELATED if correlated else {}
    ours = [channel(f"H1:PEM-{n}", snr=snr, **more) for n, snr in enumerate((31.25, 14.449, 8.0))]
    theirs = []
    for one in ours:
        made = OmegaChannel(one.channel, "block0", **{"q-range": "3,100", "frequency-range": "4,Inf", "plot-time-durations": "1"})
        peak = one.peak
        assert peak is not None
        made.Q, made.energy, made.snr = around(peak.q, 1), around(peak.energy, 1), around(peak.snr, 1)
        made.t, made.f = around(peak.time, 3), around(peak.frequency, 1)
        if correlated:
            made.corr, made.stdev, made.delay = around(CORRELATED["correlation"], 1), CORRELATED["standard_deviation"], -13
        theirs.append(made)
    (tmp_path / "data").mkdir()
    html.write_summary_table({"block0": {"channels": theirs}}, correlated, base=os.fspath(tmp_path))
    assert table.as_csv(scan(*ours)) == (tmp_path / "data" / "summary.csv").read_text()


def test_channels_stand_in_the_order_of_the_configuration_and_only_those_with_a_figure() -> None:
    found: list[ChannelResult] = [
        channel("H1:LOUD", snr=20, block="block1"),
        channel("H1:B", snr=9, block="block0"),
        channel("H1:A", snr=8, block="block0"),
        channel("H1:ALWAYS", snr=3, block="block0", significant=False, plot="plots/H1-ALWAYS.png"),
        channel("H1:QUIET", snr=3, block="block0", significant=False),
        channel("H1:ABSENT", block="block0"),
    ]
    asked = config(("H1:A", "H1:ALWAYS", "H1:QUIET", "H1:B", "H1:ABSENT"), ("H1:LOUD",))
    names = [line.split(",")[0] for line in table.as_csv(scan(*found), asked).splitlines()[1:]]
    assert names == ["H1:A", "H1:ALWAYS", "H1:B", "H1:LOUD"]
    without = [line.split(",")[0] for line in table.as_csv(scan(*found)).splitlines()[1:]]
    assert without == ["H1:LOUD", "H1:B", "H1:A", "H1:ALWAYS"]


def test_it_is_read_back(tmp_path: Path) -> None:
    result = scan(channel("H1:A,B", snr=20, **CORRELATED), channel("H1:B", snr=9))
    first, second = table.read_csv(table.write_csv(result, tmp_path / "summary.csv"))
    assert (first.channel, first.peak.snr, first.peak.frequency, first.peak.time) == ("H1:A,B", 20.0, 131.2, 1126259462.421)
    assert (first.correlation, first.standard_deviation, first.delay_ms) == (7.3, 1.2345678901234567, -13.0)
    assert (second.channel, second.correlation, second.delay_ms) == ("H1:B", None, None)
    assert table.read_csv(table.write_csv(scan(), tmp_path / "empty.csv")) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot be read"),
        ("", "the columns are none"),
        ("a,b\n", "the columns are a, b"),
        (f"{','.join(table.PEAK_COLUMNS)}\nH1:A,1,2,3,4,5\nH1:B,1,2", "ends in the middle of line 3"),
        (f"{','.join(table.PEAK_COLUMNS)}\nH1:A,1,2,3\n", "line 2: 4 cells, expected 6"),
        (f"{','.join(table.PEAK_COLUMNS)}\nH1:A,1,2,3,4,loud\n", r"line 2 \(H1:A\): could not convert"),
        (f"{','.join(table.PEAK_COLUMNS)}\nH1:A,1,2,3,nan,5\n", r"line 2 \(H1:A\): a peak without a number"),
    ],
)
def test_a_table_that_is_none_is_told_apart(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "summary.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PermanentError, match=reason):
        table.read_csv(path)

"""Reading the scan files of the older Omega pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.scans import old_scan_file
from gwfollow.scans.channel_sets import load

OLD = """\
# Scan configuration
[Context,Context]

[Gravitational,Gravitational wave data]

{
  channelName:                 'H1:GDS-CALIB_STRAIN'
  frameType:                   'H1_HOFT_C00'
  sampleFrequency:             4096
  searchTimeRange:             64
  searchFrequencyRange:        [32 Inf]
  searchQRange:                [4 96]
  searchMaximumEnergyLoss:     0.2
  whiteNoiseFalseRate:         1e-3
  searchWindowDuration:        0.5
  plotTimeRanges:              [1 4 16]
  plotFrequencyRange:          []
  plotNormalizedEnergyRange:   [0 25.5]
  alwaysPlotFlag:              1
}

[PEM,Environment]  # slow ones

{ channelName: 'H0:PEM-WIND_1' frameType: 'H1_R' sampleFrequency: 128 searchTimeRange: 1024 searchFrequencyRange: [0 Inf] searchQRange: [4, 64] }
{ channelName: "H1:PEM-SEIS_2" frameType: "H1_R" sampleFrequency: 128 searchTimeRange: 1024 searchFrequencyRange: [0 Inf] searchQRange: [4, 64] }
{
  channelName:        'H1:PEM-MIC_1'
  frameType:          'H1_R'
  searchTimeRange:    32
}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "H1_old.txt"
    path.write_text(OLD)
    return path


def test_channels_that_are_transformed_alike_make_one_block(old: Path) -> None:
    found = load(old, old.parent)
    assert found.ifo == "H1"
    assert [(block.key, block.channels) for block in found.blocks] == [
        ("Gravitational-wave-data", ("H1:GDS-CALIB_STRAIN",)),
        ("Environment", ("H0:PEM-WIND_1", "H1:PEM-SEIS_2")),
        ("Environment-2", ("H1:PEM-MIC_1",)),
    ]


def test_every_key_is_carried_over(old: Path) -> None:
    strain, slow, fast = load(old, old.parent).blocks
    assert (strain.name, strain.frame_type, strain.resample) == ("Gravitational wave data", "H1_HOFT_C00", 4096.0)
    assert (strain.duration, strain.fftlength, strain.search, strain.max_mismatch) == (64.0, 8.0, 0.5, 0.2)
    assert (strain.frequency_range, strain.q_range) == ((32.0, None), (4.0, 96.0))
    assert strain.always_plot
    assert strain.plot_time_durations == (1.0, 4.0, 16.0)
    assert (slow.fftlength, fast.fftlength) == (64.0, 4.0), "an eighth of the data, at most 64 s"
    assert slow.frequency_range[0] == pytest.approx(50 * 4 / (2 * 3.141592653589793 * 1024))
    assert load(old, old.parent).options == {"far_threshold": 1e-3}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("searchQRange:                [4 96]", "searchQRange: [4 96 7]", r"H1_old\.txt, line 12, searchQRange: .*two Qs"),
        (
            "searchQRange:                [4 96]",
            "searchQRange:",
            r"line 13: found 'searchMaximumEnergyLoss', expected a value for searchQ",
        ),
        ("searchQRange:                [4 96]", "[4 96]", r"line 12: found '\[4 96\]', expected key: value"),
        ("searchTimeRange:             64", "", "line 6: found 'a block without searchTimeRange'"),
        ("searchTimeRange:             64", "searchTimeRange: long", r"line 10.*a number above 0 \(s\)"),
        ("  alwaysPlotFlag:              1\n}", "  alwaysPlotFlag:              1\n", "line 22: found .*key: value, or }"),
        ("    32\n}", "    32\n", "line 26: found 'a block without its end'"),
        ("frameType:                   'H1_HOFT_C00'", "frameType: 'H1_HOFT_C00", "line 8: .*key: value, a heading"),
        ("sampleFrequency:             4096", "sampleFrequency: 4096\nsampleFrequency: 2048", "a second sampleFrequency"),
        ("'H1:GDS-CALIB_STRAIN'", "'L1:GDS-CALIB_STRAIN'", "a channel of L1|a channel of H1"),
        ("whiteNoiseFalseRate:         1e-3", "whiteNoiseFalseRate: often", "line 14, whiteNoiseFalseRate"),
        ("'H1:GDS-CALIB_STRAIN'", "{ 'H1:A' 'L1:B' }", "expected a value for channelName"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(old: Path, was: str, now: str, told: str) -> None:
    assert was in OLD
    old.write_text(OLD.replace(was, now, 1))
    with pytest.raises(InputError, match=told):
        load(old, old.parent)


def test_a_slip_and_two_thresholds_are_told(old: Path) -> None:
    found = old_scan_file.read(
        OLD.replace("searchTimeRange:    32", "searchTimeRange: 32 whiteNoiseFalseRate: 1 alwaysPlotFlags: 1"), "f"
    )
    assert found.far_threshold == 1e-3
    assert [text for text in found.warnings if "did you mean 'alwaysPlotFlag'?" in text]
    assert [text for text in found.warnings if "0.001, 1 Hz; the lowest is taken" in text]


def test_plots_longer_than_the_data_are_left_out_with_a_word(old: Path) -> None:
    old.write_text(OLD.replace("[1 4 16]", "[1 4 512]"))
    found = load(old, old.parent)
    assert found.blocks[0].plot_time_durations == (1.0, 4.0)
    assert any("no plot of 512 s" in text for text in found.warnings)

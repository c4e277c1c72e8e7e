"""What gwdetchar-omega is given to read, and what its log tells."""

from __future__ import annotations

from pathlib import Path

from gwfollow.data.lookup import Folder, LookUp
from gwfollow.data.names import parse
from gwfollow.scans import omega_ini
from gwfollow.scans.gwdetchar_files import figure_name, ini, lal_cache, plot_spans, read_log, sections
from gwfollow.scans.model import Block, Primary, ScanConfig
from gwfollow.scans.sections import make_block

BLOCK = Block(
    key="PEM",
    name="100% environment",
    channels=("H1:FAST", "H1:SLOW", "H1:GONE"),
    frame_type="H1_R",
    duration=64,
    fftlength=8,
    resample=1024,
    frequency_range=(10, None),
    plot_time_durations=(0.4, 1, 4.2, 16),
    always_plot=True,
)
LOG = """
gwdetchar-omega 2026-11-21 19:41:20 UTC     INFO: H1 Omega Scan 1126259462.4
gwdetchar-omega 2026-11-21 19:41:20 UTC    DEBUG: Processing block GW
gwdetchar-omega 2026-11-21 19:41:20 UTC     INFO:  -- Scanning channel H1:LOUD
gwdetchar-omega 2026-11-21 19:41:21 UTC     INFO:  -- Plotting Omega scan products for H1:LOUD
gwdetchar-omega 2026-11-21 19:41:34 UTC     INFO:  -- Cross-correlating H1:LOUD
gwdetchar-omega 2026-11-21 19:41:47 UTC     INFO:  -- Scanning channel H1:QUIET
gwdetchar-omega 2026-11-21 19:41:47 UTC  WARNING:  -- Channel not significant at white noise false alarm rate 3.171e-08 Hz
gwdetchar-omega 2026-11-21 19:41:48 UTC     INFO:  -- Scanning channel H1:ODD
/x/gwdetchar/omega/__main__.py:145: UserWarning: Skipping H1:ODD: [<class 'KeyError'>] 'no such thing'
gwdetchar-omega 2026-11-21 19:41:48 UTC     INFO:  -- Scanning channel H1:LAST
"""


def config() -> ScanConfig:
    primary = Primary(channel="H1:FAST", frame_type="H1_R", f_low=10, resample=4096)
    look_ups = (LookUp(ifo="H1", frame_type="H1_R", ways=(Folder(path="/frames"),)),)
    return ScanConfig(title="t", gps=1126259462.4, ifo="H1", channel_set="s", blocks=(BLOCK,), primary=primary, look_ups=look_ups)


def test_a_slower_channel_is_never_resampled_up_and_one_that_is_not_there_is_left_out() -> None:
    found = sections([BLOCK], {"H1:FAST": 4096.0, "H1:SLOW": 256.0})
    assert [(one.key, one.channels, one.resample) for one in found] == [
        ("PEM", ("H1:FAST",), 1024),
        ("PEM-2", ("H1:SLOW",), None),
    ]
    assert sections([BLOCK], {}) == []


def test_the_configuration_says_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    rates = {"H1:FAST": 4096.0, "H1:SLOW": 256.0}
    cache = tmp_path / "50% of frames.lcf"
    text = ini(config(), sections([BLOCK], rates), {"H1_R": cache}, 4096.0)
    read, warnings = omega_ini.read(text, "test.ini", "H1")

    assert warnings == []
    assert [section.key for section in read] == ["primary", "PEM", "PEM-2"]
    primary, fast, slow = read
    assert primary.values["channel"] == "H1:FAST"
    assert "resample" not in primary.values  # it has that rate
    assert {section.values["source"] for section in read} == {str(cache)}
    assert "resample" not in slow.values
    fast.put("frame type", "H1_R", "here")
    again = make_block(fast, "H1", [])
    assert again == BLOCK.model_copy(update={"channels": ("H1:FAST",), "plot_time_durations": (1.0, 4.0, 16.0)})
    assert "[primary]" not in ini(config(), sections([BLOCK], rates), {"H1_R": cache}, None)


def test_a_cache_has_a_line_for_each_file_of_this_machine() -> None:
    files = [parse("/frames/H-H1_R-1126259392-64.gwf"), parse("https://host/H-H1_R-1126259456-64.gwf")]
    assert lal_cache(file for file in files if file) == "H H1_R 1126259392 64 file://localhost/frames/H-H1_R-1126259392-64.gwf\n"


def test_its_log_tells_how_each_channel_ended() -> None:
    found = read_log(LOG)
    assert found.seen == {"H1:LOUD": "drawn", "H1:QUIET": "insignificant", "H1:ODD": "skipped", "H1:LAST": "scanning"}
    assert found.why == {"H1:ODD": "no such thing"}


def test_its_figures_are_found_by_their_names() -> None:
    assert figure_name("H1:PEM-EX_MAG-1", 4) == "plots/H1-PEM_EX_MAG_1-qscan_whitened-4.png"
    assert plot_spans(BLOCK) == [1, 4, 16]

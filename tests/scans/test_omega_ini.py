"""Reading the INI files of gwdetchar-omega."""

from __future__ import annotations

import ast
import importlib.util
import math
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.scans import omega_ini
from gwfollow.scans.channel_sets import load
from gwfollow.scans.model import Block
from gwfollow.scans.sections import make_block, make_primary

INI = """\
; a comment
[primary]
channel = %(IFO)s:GDS-CALIB_STRAIN
frametype = H1_HOFT_C00
f-low = 4.0
matched-filter-length = 6
resample = 4096
duration = 64
fftlength = 8

[GW]
name = Gravitational wave strain
q-range = 3.3166,150.0
frequency-range = 4.0,2048
resample = 4096
frametype = H1_HOFT_C00
state-flag = H1:DMT-GRD_ISC_LOCK_NOMINAL:1
duration = 64
fftlength = 8
always-plot = True
plot-time-durations = 1,4,16
channels = H1:GDS-CALIB_STRAIN

[CAL]
parent = GW
q-range = 3.3166,100
frequency-range = 0,Inf
frametype = H1_R
search = 1.5
max-mismatch = 0.35
snr-threshold = 6
plot-time-durations = 4
channels =
    H1:CAL-DELTAL_EXTERNAL_DQ
    ; not this one: H1:CAL-OTHER
    H1:CAL-CS_DARM_DQ
"""


def made(text: str) -> list[Block]:
    sections, warnings = omega_ini.read(text, "x.ini", "H1")
    for section in sections:
        if section.key == "primary":
            make_primary(section, "H1")
    return [make_block(section, "H1", warnings) for section in sections if section.key != "primary"]


def test_every_key_of_a_block_is_read() -> None:
    sections, warnings = omega_ini.read(INI, "x.ini", "H1")
    primary = make_primary(sections[0], "H1")
    strain, cal = (make_block(section, "H1", warnings) for section in sections[1:])
    assert not warnings
    assert (primary.channel, primary.f_low, primary.matched_filter_length) == ("H1:GDS-CALIB_STRAIN", 4.0, 6.0)
    assert (strain.q_range, strain.frequency_range, strain.resample) == ((3.3166, 150.0), (4.0, 2048.0), 4096.0)
    assert strain.state_flag == "H1:DMT-GRD_ISC_LOCK_NOMINAL:1"
    assert strain.always_plot
    assert cal.channels == ("H1:CAL-DELTAL_EXTERNAL_DQ", "H1:CAL-CS_DARM_DQ")
    assert (cal.duration, cal.fftlength) == (32.0, 2.0), "what gwdetchar takes where nothing is said"
    assert (cal.search, cal.max_mismatch, cal.snr_threshold, cal.plot_time_durations) == (1.5, 0.35, 6.0, (4.0,))
    assert cal.name == strain.name, "a block stands under its parent's name"


def test_the_lowest_possible_frequency_is_gwpys_and_the_highest_stays_open() -> None:
    low, high = made(INI)[1].frequency_range
    assert low == pytest.approx(50 * 3.3166 / (2 * 3.141592653589793 * 32))
    assert high is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "q-range = 3.3166,150.0",
            "q-range = 150,3.3166",
            r"x\.ini, line 13, \[GW\] q-range: found '150,3.3166', expected two Qs",
        ),
        ("q-range = 3.3166,150.0", "q-range = 1,64", "square root of 11"),
        ("frequency-range = 4.0,2048", "frequency-range = 4", r"line 14.*two frequencies"),
        ("frequency-range = 4.0,2048", "frequency-range = nan,7", "two frequencies"),
        ("resample = 4096\nframetype = H1_HOFT_C00\nstate", "resample = 4000\nframetype = H1_HOFT_C00\nstate", "a power of two"),
        (
            "duration = 64\nfftlength = 8\nalways",
            "duration = 64\nfftlength = 80\nalways",
            r"at most the duration of the data \(64 s\)",
        ),
        ("always-plot = True", "always-plot = perhaps", "true or false"),
        ("channels = H1:GDS-CALIB_STRAIN", "channels = L1:GDS-CALIB_STRAIN", r"line 22.*a channel of H1"),
        ("channels = H1:GDS-CALIB_STRAIN", "channels = H1:A 16384 safe", "one channel, with its detector"),
        ("channels = H1:GDS-CALIB_STRAIN", "", r"\[GW\], channels: found None"),
        ("[CAL]", "[GW]", r"line 24: found 'a second \[GW\]'"),
        ("parent = GW", "snr-threshold = 6", "a second 'snr-threshold'"),
        ("; a comment", "channels = H1:A", "line 1: .*a section's heading before it"),
        ("parent = GW", "what is this", "line 25"),
        ("parent = GW", "name = 100%", "%% for a percent sign"),
        ("matched-filter-length = 6", "matched-filter-length = none", "a number above 0"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(old: str, new: str, told: str) -> None:
    assert old in INI
    with pytest.raises(InputError, match=told):
        made(INI.replace(old, new, 1))


def test_a_slip_is_told_with_the_option_that_is_meant() -> None:
    _, warnings = omega_ini.read(INI.replace("snr-threshold", "snr-treshold"), "x.ini", "H1")
    assert warnings == [
        "x.ini, line 31, [CAL] snr-treshold: nothing reads it, as in gwdetchar-omega; did you mean 'snr-threshold'?"
    ]


def test_the_examples_of_gwdetchar_itself_read(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("gwdetchar")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gwdetchar is not installed")
    folder = Path(spec.submodule_search_locations[0], "omega")
    frame = tmp_path / "K-K1_TEST-0-64.gwf"
    frame.touch()
    read = []
    for example in _examples(folder / "config.py", folder / "tests" / "test_main.py", folder / "tests" / "test_config.py"):
        path = tmp_path / "example.ini"
        path.write_text(example.format(path=frame) if "{path}" in example else example)
        found = load(path, tmp_path)
        assert found.primary is not None
        read.append((found.ifo, len(found.blocks), len(found.channels)))
    assert read == [("L1", 2, 2), ("K1", 2, 4), ("X1", 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["H1_reduced", "L1_reduced"])
def test_gwdetchar_reads_the_same_from_the_sets_that_come_with_gwfollow(checkout: Path, name: str) -> None:
    from gwdetchar.omega.config import OmegaConfigParser

    ours = load(name, checkout / "include" / "configs")
    parser = OmegaConfigParser(ifo=ours.ifo, defaults={})
    parser.read([str(checkout / "include" / "configs" / "channel_sets" / f"{name}.ini")])
    theirs = parser.get_channel_blocks()
    assert theirs.pop("primary").channel.name == ours.primary.channel  # type: ignore[union-attr]
    assert list(theirs) == [block.key for block in ours.blocks]
    for block in ours.blocks:
        other = theirs[block.key]
        assert [channel.name for channel in other.channels] == list(block.channels)
        assert (other.duration, other.fftlength, other.resample) == (block.duration, block.fftlength, block.resample or 0)
        assert (other.search, other.frametype, other.name) == (block.search, block.frame_type, block.name)
        first = other.channels[0]
        low, high = block.frequency_range
        assert (first.qrange, first.frange) == (block.q_range, (low, math.inf if high is None else high))
        assert (first.mismatch, first.snrthresh, first.always_plot) == (
            block.max_mismatch,
            block.snr_threshold,
            block.always_plot,
        )
        assert tuple(first.pranges) == block.plot_time_durations


def _examples(*files: Path) -> list[str]:
    """Texts in the sources that are configurations of one detector."""
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "[primary]\n" in node.value
                and "channels =" in node.value
            ):
                text = node.value[node.value.index("[primary]") :].partition(".. note::")[0]
                lines = text.splitlines()
                indented = all(line.startswith("   ") or not line.strip() for line in lines[1:])
                found.append("\n".join(line[3:] if indented and number else line for number, line in enumerate(lines)))
    return found

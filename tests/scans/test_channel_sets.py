"""Channel sets: what is read, what is refused at the door, what an analysis may change."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_old_scan_file import OLD
from test_omega_ini import INI

from gwfollow.data.lookup import Datafind, Folder
from gwfollow.errors import InputError, NotFound
from gwfollow.scans.channel_sets import ChannelSet, from_document, load, names

SET = """
ifo: H1
description: a test
blocks:
  GW:
    channels: [H1:GDS-CALIB_STRAIN]
    frame type: H1_llhoft
    duration: 64
    fftlength: 8
  PEM:
    channels: [H1:PEM-A_DQ, H1:PEM-B_DQ, H1:PEM-A_DQ]
    frame type: H1_R
    duration: 128
    q range: [4, 64]
    frequency range: [0, Inf]
primary:
  channel: H1:GDS-CALIB_STRAIN
  frame type: H1_llhoft
frame types:
  H1_llhoft:
    look up:
      - folder: /dev/shm/kafka/H1
      - datafind: datafind.example.org
        url type: file
        frame type: H1_HOFT_C00
    timeout: 600
  H1_R:
    look up: [datafind]
incomplete: skip
engine: gwdetchar
far threshold: 1e-7
memory: 2 GB
time limit: 900
scheduler:
  accounting group: ligo.dev.o4.detchar.transient.omega
"""


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "channel_sets"
    folder.mkdir()
    (folder / "H1_test.yaml").write_text(SET)
    (folder / "H1_old.txt").write_text(OLD)
    (folder / "H1_ini.ini").write_text(INI)
    return tmp_path


@pytest.fixture
def found(configs: Path) -> ChannelSet:
    return load("H1_test", configs)


def test_a_set_becomes_the_configuration_of_a_scan(found: ChannelSet) -> None:
    config = found.scan_config(gps=1126259462.391, title="GW150914")
    assert (config.title, config.gps, config.ifo, config.channel_set) == ("GW150914", 1126259462.391, "H1", "H1_test")
    assert (config.engine, config.incomplete, config.far_threshold, config.memory_mb) == ("gwdetchar", "skip", 1e-7, 2048)
    assert config.blocks[1].frequency_range[0] > 0
    assert config.blocks[1].frequency_range[1] is None
    strain, aux = config.look_ups
    assert (strain.frame_type, strain.timeout, aux.timeout) == ("H1_llhoft", 600.0, 60.0)
    assert strain.ways == (
        Folder(path="/dev/shm/kafka/H1", frame_type=None),
        Datafind(host="datafind.example.org", urltype="file", frame_type="H1_HOFT_C00"),
    )
    assert found.scheduler == {"accounting group": "ligo.dev.o4.detchar.transient.omega"}
    assert config.model_validate_json(config.model_dump_json()) == config


def test_the_window_is_whole_seconds_that_hold_the_longest_block_and_a_pad(found: ChannelSet) -> None:
    assert found.window(1000.5) == (935, 1066)
    assert found.window(1000.5, "H1_llhoft") == (967, 1034)


def test_a_channel_that_stands_twice_is_scanned_once_with_a_word(found: ChannelSet) -> None:
    assert found.channels == ["H1:GDS-CALIB_STRAIN", "H1:PEM-A_DQ", "H1:PEM-B_DQ"]
    assert found.warnings == ("H1_test, PEM: H1:PEM-A_DQ stands in PEM already and is scanned once, as there",)


def test_what_an_analysis_says_is_merged_over_the_set(configs: Path, found: ChannelSet) -> None:
    document = {
        "channel set": "H1_test",
        "engine": "gwfollow",
        "frame types": {"H1_R": {"look up": [{"folder": "/x"}]}},
        "blocks": {"PEM": {"search": 2, "q range": "5 50"}, "GW": None},
        "primary": {"duration": 16},
    }
    changed = from_document(document, configs)
    assert [block.key for block in changed.blocks] == ["PEM"]
    assert (changed.blocks[0].search, changed.blocks[0].q_range, changed.blocks[0].duration) == (2.0, (5.0, 50.0), 128.0)
    assert changed.primary is not None
    assert changed.primary.duration == 16.0
    assert next(each for each in changed.look_ups if each.frame_type == "H1_R").ways[0].way == "folder"
    assert found.scan_config(gps=1e9, title="t", overrides=document) == changed.scan_config(gps=1e9, title="t")


def test_an_analysis_can_choose_channels_by_pattern(found: ChannelSet) -> None:
    assert found.overridden({"channels": ["H1:PEM-*"]}).channels == ["H1:PEM-A_DQ", "H1:PEM-B_DQ"]
    with pytest.raises(InputError, match=r"scan, channels: found 'H1:PEM-C_DQ'.*did you mean 'H1:PEM-"):
        found.overridden({"channels": ["H1:PEM-C_DQ"]})


def test_overrides_reach_the_blocks_of_a_file_beside_the_set(configs: Path) -> None:
    (configs / "channel_sets" / "H1_beside.yaml").write_text(
        "ifo: H1\nconfig: H1_ini.ini\nframe types:\n  H1_HOFT_C00: {look up: [datafind]}\n  H1_R: {look up: [{folder: /a/*}]}\n"
    )
    beside = load("H1_beside", configs)
    assert [block.key for block in beside.blocks] == ["GW", "CAL"]
    assert beside.primary is not None
    assert beside.overridden({"blocks": {"CAL": {"snr threshold": 7}}}).blocks[1].snr_threshold == 7.0


def test_a_scan_without_a_set_names_its_channels_and_frames(configs: Path) -> None:
    scan = {"ifo": "L1", "channels": ["L1:A-B", "L0:C-D"], "frame types": {"L1_R": {"look up": [{"gwosc": True}]}}}
    config = from_document(scan, configs).scan_config(gps=1e9, title="t")
    assert config.blocks[0].channels == ("L1:A-B", "L0:C-D")
    assert config.look_ups[0].ways[0].way == "gwosc"


def test_a_file_of_channels_alone_is_a_set_whose_frames_gwdatafind_has(configs: Path) -> None:
    for name in ("H1_old.txt", "H1_ini.ini"):
        alone = load(configs / "channel_sets" / name, configs)
        assert alone.ifo == "H1"
        assert {way.way for look_up in alone.look_ups for way in look_up.ways} == {"datafind"}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("ifo: H1", "ifo: Hanford", r"H1_test\.yaml, ifo: found 'Hanford', expected a detector"),
        ("ifo: H1", "ifo: L1", r"blocks\.GW\.channels: found 'H1:GDS-CALIB_STRAIN', expected a channel of L1"),
        ("incomplete: skip", "incomplete: skipp", "did you mean 'skip'"),
        ("engine: gwdetchar", "engin: gwdetchar", r"H1_test\.yaml, engin: .*did you mean 'engine'"),
        ("    q range", "    q-range", r"blocks\.PEM, q-range: .*did you mean 'q range'"),
        ("[4, 64]", "[4, wide]", r"blocks\.PEM\.q range: found \[4, 'wide'\]"),
        ("frame type: H1_R", "frame type: H1_RR", r"blocks\.PEM\.frame type: found 'H1_RR'.*did you mean 'H1_R'"),
        ("folder: /dev/shm/kafka/H1", "folder: kafka/H1", r"frame types\.H1_llhoft\.look up\[0\]\.folder: .*absolute path"),
        ("folder: /dev/shm/kafka/H1", "floder: /dev/shm", r"look up\[0\], floder: .*did you mean 'folder'"),
        ("timeout: 600", "timeout: soon", r"frame types\.H1_llhoft\.timeout"),
        ("look up: [datafind]", "look up: []", r"frame types\.H1_R\.look up: .*a list of ways"),
        ("memory: 2 GB", "memory: much", "an amount of memory"),
        ("time limit: 900", "time limit: 0", "a number above 0"),
        ("accounting group: l", "request cpus: l", "scheduler, request cpus"),
        ("blocks:", "config: missing.ini\nblocks:", "missing.ini: No such file"),
        ("ifo: H1", "ifo: [", "not YAML"),
        ("ifo: H1", "--- 1\n---\nifo: H1", "2 documents"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(configs: Path, was: str, now: str, told: str) -> None:
    assert was in SET
    (configs / "channel_sets" / "H1_test.yaml").write_text(SET.replace(was, now, 1))
    with pytest.raises(InputError, match=told):
        load("H1_test", configs)


def test_a_wrong_override_is_told_with_the_place_of_the_override(found: ChannelSet) -> None:
    with pytest.raises(InputError, match=r"GW1/scan-H1, scan, blocks\.PEM\.q range: found 'narrow'"):
        found.scan_config(gps=1e9, title="t", overrides={"blocks": {"PEM": {"q range": "narrow"}}}, place="GW1/scan-H1, scan")
    with pytest.raises(InputError, match="GPS time"):
        found.scan_config(gps=float("nan"), title="t")


def test_a_set_that_is_not_there_is_told_with_the_ones_that_are(configs: Path) -> None:
    with pytest.raises(NotFound, match=r"one of H1_test in .*did you mean 'H1_test'"):
        load("H1_tset", configs)
    with pytest.raises(NotFound, match="a file that is there"):
        load("/nowhere/x.yaml", configs)


def test_a_lal_cache_as_source_brings_its_frame_type(configs: Path) -> None:
    frame = configs / "H-H1_SIM-100-64.gwf"
    frame.touch()
    cache = configs / "H.lcf"
    cache.write_text(f"H H1_SIM 100 64 file://localhost{frame}\n")
    ini = configs / "a.ini"
    ini.write_text(INI.replace("frametype = H1_HOFT_C00", f"source = {cache}").replace("frametype = H1_R", f"source = {configs}"))
    config = load(ini, configs).scan_config(gps=130, title="t")
    assert {block.frame_type for block in config.blocks} == {"H1_SIM"}
    assert [way.path for way in config.look_ups[0].ways if isinstance(way, Folder)] == [str(configs)]
    cache.unlink()
    with pytest.raises(InputError, match=r"a\.ini, line 4, \[primary\] source: .*a LAL cache"):
        load(ini, configs)


def test_the_sets_that_come_with_gwfollow_are_right(checkout: Path) -> None:
    shipped = checkout / "include" / "configs"
    assert names(shipped) == ["H1_reduced", "H1_strain", "L1_reduced", "L1_strain", "V1_strain"]
    for name in names(shipped):
        one = load(name, shipped)
        assert not one.warnings
        assert one.description
        assert one.ifo == name[:2]
        assert one.scan_config(gps=1e9, title="t").blocks
    assert min(len(load(name, shipped).channels) for name in ("H1_reduced", "L1_reduced")) >= 30


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_is_refused_and_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    kind, text = data.draw(st.sampled_from([("x.yaml", SET), ("x.ini", INI), ("x.txt", OLD)]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    put = data.draw(
        st.text(max_size=12) | st.sampled_from(["{", "[", "'", "%(", "\n  ", "=", ": ", "- ", "1e999", "nan", "&a *a", "\0"])
    )
    path = tmp_path / kind
    path.write_bytes((text[:start] + put + text[end:]).encode("utf-8", "surrogatepass"))
    try:
        read = load(path, tmp_path)
    except InputError:
        return
    assert read.scan_config(gps=1e9, title="t").blocks


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    overrides=st.dictionaries(
        st.sampled_from(
            ["blocks", "primary", "frame types", "channels", "engine", "far threshold", "memory", "scheduler", "ifo", "x"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["GW", "H1_R", "look up", "folder", "q range", "duration", "channels"]), inner, max_size=3
                )
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_any_override_is_taken_or_refused(tmp_path: Path, overrides: dict[str, object]) -> None:
    path = tmp_path / "H1_test.yaml"
    path.write_text(SET)
    try:
        load(path, tmp_path).scan_config(gps=1e9, title="t", overrides=overrides)
    except InputError:
        pass

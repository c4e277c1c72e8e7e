"""Configurations made from what frames hold, and frames that have another name elsewhere."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gwfollow.data.folders import Kind
from gwfollow.data.lookup import Folder, LookUp, find
from gwfollow.data.watch import answers_of
from gwfollow.errors import InputError
from gwfollow.sandbox.auxiliary import Auxiliary, write_auxiliary
from gwfollow.scans.frame_contents import held_by, in_folder
from gwfollow.scans.on_the_fly import config as on_the_fly

START = 1_000_000_000
GPS = START + 40.5


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 s of five channels in two files of 40 s, and 20 s of a faster one of another type."""
    folder = tmp_path_factory.mktemp("held")
    slower = [
        Auxiliary(name, rate)
        for name, rate in (("H1:PEM-A_DQ", 512), ("H1:PEM-B_DQ", 512), ("H1:SUS-C_DQ", 128), ("H1:VAC-D", 8))
    ]
    word = Auxiliary("H1:CAL-STATE_VECTOR", 16)
    write_auxiliary(folder, "H1", [*slower, word], start=START, end=START + 80, length=40)
    write_auxiliary(
        folder, "H1", [Auxiliary("H1:IMC-F", 8192)], start=START + 30, end=START + 50, length=20, frame_type="H1_FAST"
    )
    old = time.time() - 60  # nobody is just writing them
    for path in folder.iterdir():
        os.utime(path, (old, old))
    return folder


def test_every_fast_channel_is_scanned_as_its_rate_and_the_frames_allow(frames: Path) -> None:
    config = on_the_fly("H1", [], GPS, in_folder(frames, "H1", GPS), primary="H1:PEM-A_DQ", engine="gwdetchar")
    blocks = {block.key: block for block in config.blocks}
    assert {key: block.channels for key, block in blocks.items()} == {
        "IMC-H1_FAST": ("H1:IMC-F",),
        "PEM-H1_SIM_AUX": ("H1:PEM-A_DQ", "H1:PEM-B_DQ"),
        "SUS-H1_SIM_AUX-128Hz": ("H1:SUS-C_DQ",),
    }
    fast, usual, slow = (blocks[key] for key in ("IMC-H1_FAST", "PEM-H1_SIM_AUX", "SUS-H1_SIM_AUX-128Hz"))
    assert (fast.duration, fast.resample, fast.fftlength) == (16.0, 4096.0, 2.0), "20 s of frames, with a second on each side"
    assert (usual.duration, usual.resample, usual.frequency_range[0]) == (64.0, None, 4.0)
    assert (slow.duration, slow.frequency_range[0], slow.search) == (64.0, 1.0, 1.0)
    assert config.primary is not None
    assert (config.primary.channel, config.engine, config.channel_set) == ("H1:PEM-A_DQ", "gwdetchar", "on the fly")
    assert {look_up.frame_type for look_up in config.look_ups} == {"H1_FAST", "H1_SIM_AUX"}


def test_channels_that_are_named_have_their_picture_and_may_be_found_by_patterns(frames: Path) -> None:
    config = on_the_fly("H1", ["H1:PEM-B_DQ", "H1:PEM-*", "H1:CAL-STATE_VECTOR"], GPS, in_folder(frames, "H1", GPS))
    assert [(block.channels, block.always_plot) for block in config.blocks] == [
        (("H1:PEM-B_DQ",), True),
        (("H1:PEM-A_DQ",), False),
        (("H1:CAL-STATE_VECTOR",), True),
    ]
    assert len({block.key for block in config.blocks}) == 3


def test_what_is_left_out_is_told(frames: Path, tmp_path: Path) -> None:
    told: list[str] = []
    on_the_fly("H1", ["H1:PEM-A_DQ", "H1:VAC-D"], GPS, in_folder(frames, "H1", GPS), warn=told.append)
    assert told == ["left out: H1:VAC-D: not readable, or slower than 16 Hz"]
    cut = tmp_path / f"H-H1_CUT-{START}-80.gwf"
    cut.write_bytes(next(frames.glob("*FAST*")).read_bytes()[:3000])
    os.utime(cut, (START, START))
    both = [*in_folder(frames, "H1", GPS), *in_folder(tmp_path, "H1", GPS)]
    told.clear()
    assert on_the_fly("H1", ["H1:PEM-A_DQ"], GPS, both, warn=told.append).blocks
    assert [text.partition(":")[0] for text in told] == [cut.name]
    with pytest.raises(InputError, match="cut off"):
        on_the_fly("H1", [], GPS, in_folder(tmp_path, "H1", GPS))


def test_a_file_that_lies_elsewhere_is_fetched_to_be_looked_into(frames: Path, tmp_path: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *said: object) -> None:
            pass

    look_up = in_folder(frames, "H1", GPS)[0]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(frames))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = find(look_up, (GPS - 5, GPS + 5))
        address = f"http://127.0.0.1:{server.server_port}"
        away = replace(found, files=tuple(replace(file, url=f"{address}/{file.name}") for file in found.files))
        held = held_by("H1", GPS, look_up, away, tmp_path / "frames")
        server.shutdown()
    assert held.names == {"H1:IMC-F"}
    assert held.rate("H1:IMC-F", GPS) == 8192.0
    assert [path.name for path in (tmp_path / "frames").iterdir()] == [away.files[0].name]
    with pytest.raises(InputError, match="does not lie on this machine"):
        held_by("H1", GPS, look_up, away)


def test_public_strain_is_a_channel_too(shared: Path) -> None:
    folder = shared / "data" / "strain"
    config = on_the_fly("L1", [], 1126259462.4, in_folder(folder, "L1", 1126259462.4))
    assert [(block.channels, block.duration) for block in config.blocks] == [(("L1:GWOSC-STRAIN",), 24.0)]
    assert config.blocks[0].always_plot
    assert config.blocks[0].frequency_range == (10.0, None)


def test_the_same_data_are_found_under_another_name(frames: Path) -> None:
    """In shared memory H1_llhoft, in the archive H1_HOFT_C00."""
    way = Folder(path=str(frames), frame_type="H1_FAST")
    wanted = (START + 30.0, START + 50.0)
    nowhere = Folder(path="/nowhere/kafka", frame_type=None)
    found = find(LookUp(ifo="H1", frame_type="H1_llhoft", ways=(nowhere, way), timeout=0.0), wanted)
    assert found.complete
    assert [file.description for file in found.files] == ["H1_FAST"]
    kind = Kind("H1", "H1_llhoft", wanted)
    assert answers_of(way, [kind]) == {kind: [wanted]}, "the same for who waits"

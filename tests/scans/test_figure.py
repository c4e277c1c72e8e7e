"""The figure of a channel: what it shows, how small it is, and a disk that does not take it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from gwfollow.scans import figure
from gwfollow.scans.drafts import NotWritten, write_whole
from gwfollow.scans.figure import Panels, Series, Spectrogram
from scan_results import ATTACK, GPS, channel

RATE = 1024.0


def panels(energy: float = 20.0) -> Panels:
    """Noise, with a loud tile at 131 Hz, 21 ms after the time."""
    random = np.random.default_rng(5)
    spectrograms = []
    for duration in (1, 4, 16):
        noise = random.exponential(size=(figure.ROWS, figure.COLUMNS)).astype(np.float32)
        times = np.linspace(-duration / 2, duration / 2, figure.COLUMNS)
        rows = np.log(np.geomspace(10, 512, figure.ROWS) / 131.24)
        noise += energy * np.exp(-(((times[None] - 0.0214) / 0.03) ** 2) - (rows[:, None] / 0.2) ** 2)
        spectrograms.append(Spectrogram((GPS - duration / 2, GPS + duration / 2), (10.0, 512.0), noise))
    samples = random.standard_normal(int(16 * RATE)).astype(np.float32)
    series = Series(GPS - 8, RATE, samples)
    return Panels(GPS, series, Series(GPS - 8, RATE, samples * np.float32(1e-21)), spectrograms)


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def where(image: Any, colour: tuple[int, int, int]) -> Any:
    return np.argwhere((image == colour).all(axis=2))


PINK = (255, 45, 120)


def test_a_cross_marks_the_loudest_tile_in_each_of_three_spectrograms(tmp_path: Path) -> None:
    name = figure.draw(tmp_path, channel("H1:PEM-EX_SEIS_1", snr=14.4), panels())
    assert name == "plots/H1-PEM-EX_SEIS_1.png"
    assert (tmp_path / name).stat().st_size < 200_000  # noise without any likeness from pixel to pixel; a real one has two thirds
    image = pixels(tmp_path / name)
    hits = where(image, PINK)
    height, width = 1 - np.log(131.24 / 10) / np.log(512 / 10), image.shape[1]
    assert image.shape == (640, 1320, 3)
    for duration, (left, right) in zip(
        (1, 4, 16), ((0, width / 3), (width / 3, 2 * width / 3), (2 * width / 3, width)), strict=True
    ):
        cross = hits[(hits[:, 1] >= left) & (hits[:, 1] < right)]
        assert len(cross) > 50
        y, x = (cross.min(axis=0) + cross.max(axis=0)) / 2
        # the colours around it are those of the loud tile, in the middle of an axes of 362 x 334 pixels
        assert abs(y - (246 + height * 334)) < 2
        begin = {1: 80, 4: 470, 16: 860}[duration]
        assert abs(x - (begin + 362 * (0.5 + 0.0214 / duration))) < 3
    brightest = tuple(int(v) for v in colormaps["viridis"](255, bytes=True)[:3])
    loud = where(pixels(tmp_path / figure.draw(tmp_path, channel("H1:LOUD", snr=60), panels(200.0))), brightest)
    assert len(loud) > 200
    assert np.abs(loud[loud[:, 1] < 440].mean(axis=0) - (246 + height * 334, 80 + 362 * 0.5214)).max() < 6


def test_the_time_series_is_drawn_to_its_full_swing_at_its_time() -> None:
    samples = np.zeros(4096)
    samples[3000], samples[3001] = 7.0, -9.0
    low, high = figure.envelope(Series(100.0, 1024.0, samples), (102.0, 104.0), 200)
    assert (high.max(), low.min()) == (7.0, -9.0)
    assert high.argmax() == int((3000 / 1024 - 2) * 100)
    # few samples make a line without gaps, and beyond them there is none
    low, high = figure.envelope(Series(100.0, 4.0, np.array([0.0, 1.0, 0.0])), (99.0, 101.0), 100)
    assert np.isnan(low[:49]).all()
    assert np.isfinite(low[50:75]).all()
    assert (low[51:74] <= high[50:73]).all()
    assert (high[50:73] >= low[51:74]).all()


def test_the_colours_say_the_same_energy_in_all_figures_but_those_of_very_loud_tiles() -> None:
    spectrogram = Spectrogram((0.0, 1.0), (10.0, 100.0), np.array([[3.0, np.nan]]))
    assert figure.full_scale([spectrogram]) == figure.FULL_SCALE
    assert figure.full_scale([spectrogram, Spectrogram((0.0, 1.0), (10.0, 100.0), np.array([[5000.0]]))]) == 500.0
    assert figure.full_scale([]) == figure.FULL_SCALE


def test_what_is_no_number_and_odd_names_are_drawn_all_the_same(tmp_path: Path) -> None:
    broken = np.full((50, 60), np.nan)
    broken[:, 30] = np.inf
    empty = Series(GPS - 100, RATE, np.zeros(0))
    span, tiny = (GPS - 0.5, GPS + 0.5), Series(GPS - 1, RATE, np.full(2048, np.nan))
    drawn = Panels(GPS, empty, tiny, [Spectrogram(span, (0.5, 0.9), broken)])
    for name in (ATTACK, r"H1:$\frac{1}{0}$", "H1:" + "LONG_" * 60, "H1:line\nbreak", "../../etc", "重力波"):
        path = figure.draw(tmp_path, channel(name, snr=8), drawn, colormap="no such map")
        assert (tmp_path / path).parent == tmp_path / "plots"
        assert pixels(tmp_path / path).shape[2] == 3
    assert len(list((tmp_path / "plots").iterdir())) == 6
    assert figure.draw(tmp_path, channel("H1:NONE"), drawn)  # without a peak


def test_every_channel_has_a_file_of_its_own() -> None:
    names = ["H1:A-B", "H1:A_B", "H1-A-B", "H1:A:B", "H1:A,B", "H1:a-b", "L1:A-B"]
    assert len({figure.figure_name(name) for name in names}) == len(names)


def test_a_pool_of_processes_draws(tmp_path: Path) -> None:
    work = (tmp_path, channel("H1:POOL", snr=9), panels(), "magma")
    with multiprocessing.get_context("fork").Pool(1, figure.warm, ("magma",)) as pool:
        assert pool.starmap(figure.draw, [work]) == ["plots/H1-POOL.png"]
    assert pixels(tmp_path / "plots" / "H1-POOL.png").shape == (640, 1320, 3)


def test_the_strain_around_an_event_is_one_file_of_three_windows(tmp_path: Path) -> None:
    windows = [Spectrogram((GPS + a, GPS + b), figure.STRAIN_FREQUENCIES, np.ones((200, 300))) for a, b in figure.STRAIN_WINDOWS]
    made = figure.draw_strain(tmp_path, "H1", GPS, windows)
    assert made.name == "H1_omegascan.png"
    assert pixels(made).shape == (960, 900, 3)


ON_FULL_DISK = """
import json, subprocess, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", str(disk)], check=True)
from gwfollow.scans import figure
from gwfollow.scans.drafts import NotWritten
from scan_results import channel
from test_figure import panels
figure.draw(disk, channel("H1:BEFORE", snr=9), figure.Panels(0.0, figure.Series(0, 1, [0, 1]), figure.Series(0, 1, [0, 1]), []))
try:
    figure.draw(disk, channel("H1:FULL", snr=9), panels())
    said = ""
except NotWritten as error:
    said = str(error)
print(json.dumps({"said": said, "left": sorted(p.name for p in (disk / "plots").iterdir())}))
"""


def test_a_full_disk_leaves_no_torn_figure_and_says_so(tmp_path: Path) -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespace to its users, so there is no small disk")
    here = Path(__file__).parent
    command = [*namespace, sys.executable, "-c", ON_FULL_DISK, tmp_path, here, here.parent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "H1-FULL.png cannot be written: No space left on device" in told["said"]
    assert told["left"] == ["H1-BEFORE.png"]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="plots cannot be made"):
        figure.draw(tmp_path / "gone", channel("H1:A", snr=9), panels())


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(NotWritten, match="taken cannot be written"):
        write_whole(tmp_path / "taken", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]

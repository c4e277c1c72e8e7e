"""A scan's own page: what its first line says, names that would like to be more, and readers while it is written."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gwfollow.scans import page
from gwfollow.scans.model import MissingData
from scan_results import ATTACK, channel, scan


def text(*channels: Any, **more: Any) -> str:
    return page.render(scan(*channels, **more)).decode()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "running", "waiting": 859}, "Running: 2 of 861 channels have come to an end."),
        ({}, "Complete: 1 of 2 channels were scanned; one could not be, for a reason given below."),
        ({"state": "partial", "reason": "H1_R is missing 3 s"}, "Partial: 1 of 2 channels were scanned. H1_R is missing 3 s"),
        ({"state": "failed", "reason": "no frames"}, "Failed: 1 of 2 channels were scanned. no frames"),
    ],
)
def test_the_first_line_tells_the_state(more: dict[str, Any], words: str) -> None:
    shown = text(channel("H1:A", snr=9), channel("H1:B", message="no such channel"), **more)
    first = shown[shown.index("<main>") :].split("</p>")[0]
    assert words in first
    assert ("data-refresh" in shown) == (more.get("state") == "running")


def test_channels_are_ranked_and_those_without_a_peak_say_why() -> None:
    gap = MissingData(frame_type="H1_R", segments=((1126259450.0, 1126259462.5),), message="not there at its deadline")
    shown = text(
        channel("H1:LOUD", snr=20, plot="plots/H1-LOUD.png", correlation=7.26, delay_ms=-13.0),
        channel("H1:QUIET", snr=3, significant=False, block="lsc"),
        channel("H1:GONE", message="no such channel in H-H1_R-1126259456-64.gwf"),
        channel("H1:FLAT", state="constant"),
        missing=(gap,),
    )
    assert shown.index("H1:LOUD") < shown.index("H1:QUIET") < shown.index("Not scanned: 2")
    for words in (
        '<img class="thumb" loading="lazy"',
        'href="plots/H1-LOUD.png"',
        ">+21<",
        ">7.3<",
        ">-13<",
        "no such channel in H-H1_R",
        "1 absent, 1 constant",
        "[1126259450, 1126259462.5)",
        "not there at its deadline",
        "2 blocks",
    ):
        assert words in shown, words


def test_nothing_that_a_channel_is_called_gets_out_of_its_place() -> None:
    shown = text(channel(ATTACK, snr=9, block=ATTACK, message=ATTACK), channel(ATTACK, block="other"), title=ATTACK)
    assert "<script>document" not in shown
    assert shown.count("<script>") == 1  # our own, by its checksum
    assert "<img src=x" not in shown
    assert "default-src &#39;none&#39;" in shown


@pytest.mark.parametrize(
    "plot", ["javascript:alert(1)", "/etc/passwd.png", "../other.png", "plots/../../x.png", "plots/a.html", ""]
)
def test_a_figure_elsewhere_is_none(plot: str) -> None:
    assert page.picture(channel("H1:A", snr=9, plot=plot)) == ""


def test_a_figure_with_an_odd_name_is_found() -> None:
    assert page.picture(channel("H1:A", snr=9, plot='gwdetchar/plots/a"b?.png')) == "gwdetchar/plots/a%22b%3F.png"


def test_a_page_of_900_channels_is_small_and_needs_nothing_from_elsewhere() -> None:
    many = [channel(f"H1:PEM-CHANNEL_WITH_A_LONG_NAME_{n}_DQ", snr=30 - n / 50, plot=f"plots/{n}.png") for n in range(900)]
    shown = text(*many)
    assert len(shown) < 700_000
    assert "http://" not in shown
    assert "https://" not in shown


def test_readers_see_the_old_page_or_the_new_one_while_it_is_written(tmp_path: Path) -> None:
    few, many = (
        scan(channel("H1:A", snr=9), state="running", waiting=300),
        scan(*[channel(f"H1:C{n}", snr=9) for n in range(300)]),
    )
    whole = {page.render(few), page.render(many)}
    page.write(few, tmp_path)
    seen: list[bytes] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.append((tmp_path / "index.html").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + 60
    try:
        for number in itertools.count():
            page.write(many if number % 2 else few, tmp_path)
            if (number >= 30 and len(seen) > 15 and len(set(seen)) > 1) or time.monotonic() > end:
                break
    finally:
        ended.set()
        reader.join()
    assert len(seen) > 15, "nobody read while it was written"
    assert set(seen) <= whole
    assert len(set(seen)) == 2, "the reader saw only one of the pages"
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]

"""The pace: places on a line, taken in turns by all processes that name the same file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gwfollow.errors import RemoteSilent
from gwfollow.gracedb import pace
from gwfollow.gracedb.pace import Pace


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(pace, "time", found)
    return found


@pytest.mark.parametrize("shared", [False, True])
def test_in_the_long_run_there_are_so_many_a_second(clock: Clock, tmp_path: Path, shared: bool) -> None:
    alone = Pace(10)
    for _ in range(101):
        pace_of_moment = Pace(10, file=tmp_path / "pace") if shared else alone
        pace_of_moment.wait()
    assert clock.now - 1e9 == pytest.approx(10.0, abs=1e-3)


def test_a_burst_is_let_through_after_a_quiet_time_and_no_minute_has_more_than_300(clock: Clock) -> None:
    anonymous = Pace(4.5, 30)
    moments = []
    for _ in range(1000):
        anonymous.wait()
        moments.append(clock.now)
    assert moments[29] == 1e9, "the burst"
    busiest = max(sum(start <= moment < start + 60 for moment in moments) for start in moments)
    assert 290 <= busiest <= 300


def test_who_would_wait_too_long_is_sent_away_and_told_how_long(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "pace").write_text(f"{clock.now + 90:.6f}")
    with pytest.raises(RemoteSilent, match="requests a second") as caught:
        Pace(10, file=tmp_path / "pace").wait()
    assert caught.value.retry_after == pytest.approx(90)
    assert float((tmp_path / "pace").read_text()) == pytest.approx(clock.now + 90), "no place was taken"


@pytest.mark.parametrize("contents", ["", "nonsense", "9e99"])
def test_a_file_that_says_nothing_sensible_stops_nobody(clock: Clock, tmp_path: Path, contents: str) -> None:
    (tmp_path / "pace").write_text(contents)
    Pace(10, file=tmp_path / "pace").wait()
    assert clock.now == 1e9


def test_where_the_file_cannot_be_each_process_keeps_the_pace_alone(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    alone = Pace(10, file=tmp_path / "file" / "pace")
    for _ in range(11):
        alone.wait()
    assert clock.now - 1e9 == pytest.approx(1.0)


def test_a_home_folder_that_is_not_there_is_not_made(clock: Clock, tmp_path: Path) -> None:
    Pace(10, file=tmp_path / "home" / "pace" / "localhost-writes").wait()
    assert list(tmp_path.iterdir()) == []


PROCESS = """
import sys, time
from pathlib import Path
from gwfollow.gracedb.pace import Pace
pace = Pace(50, file=Path(sys.argv[1]))
for _ in range(20):
    pace.wait()
    print(time.time())
"""


def test_processes_share_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "pace")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    moments = sorted(float(line) for process in started for line in process.communicate()[0].split())

    assert len(moments) == 60
    # nobody is before their place: 60 places are 59 / 50 s apart at least
    assert moments[-1] - moments[0] >= 59 / 50 - 0.05
    assert time.time() > moments[-1]

"""The measurements measure what they say, and gwfollow's side of them works with the present code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from gwfollow_side import GWFollow
from measure import BenchError, Cost, Row, run, table


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="exit code 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"], folder=tmp_path, environment=os.environ)


def test_processor_time_of_grandchildren_counts(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}], check=True)"
    done = run([sys.executable, "-c", parent], folder=tmp_path, environment=os.environ)
    assert done.cost.cpu >= 0.2


def test_the_table_shows_medians_and_ratios() -> None:
    row = Row("work")
    for seconds in (4.0, 2.0, 90.0):
        row.add("asimov", Cost(seconds, 2 * seconds))
        row.add("gwfollow", Cost(0.5, 2.0))
    line = table([row], "gwfollow", "asimov").splitlines()[-1].split()
    assert line == ["work", "3", "4.00", "s", "8.00", "s", "-", "0.50", "s", "2.00", "s", "-", "8.0", "4.0"]


def test_one_that_may_be_late_is_ended_with_its_children_and_shown_so(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "sleep 600 & echo $! >part; mv part pid; wait"]
    pid, seconds = tmp_path / "pid", 0.25
    while not pid.exists():  # a machine on which the shell did not come so far has shown nothing
        seconds *= 2
        assert seconds < 60
        late = run(command, folder=tmp_path, environment=os.environ, timeout=seconds, may_be_late=True).cost
    assert late.over
    child = Path("/proc") / pid.read_text().strip() / "stat"
    deadline = time.monotonic() + 30  # a signal that is sent has not yet arrived: the kernel ends the child when it next runs it
    while not (gone := _ended(child)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone
    row = Row("work", {"asimov": [late], "gwfollow": [Cost(0.1, 0.1)]})
    assert ">" in table([row], "gwfollow", "asimov").splitlines()[-1]


def _ended(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_peak_memory_is_that_of_the_command(tmp_path: Path) -> None:
    """Measured by a small process, as the benches are: a child's peak begins with the size of its parent."""
    measured = [
        "import os, pathlib, sys, measure",
        "command = [sys.executable, '-c', 'x = bytearray(200 * 2**20)']",
        f"print(measure.run(command, folder=pathlib.Path({str(tmp_path)!r}), environment=os.environ).cost.memory)",
    ]
    bench = Path(__file__).parents[2] / "bench"
    found = subprocess.run([sys.executable, "-c", "\n".join(measured)], cwd=bench, capture_output=True, text=True, check=True)
    assert 200 < float(found.stdout) < 300


@pytest.mark.slow
def test_every_piece_of_gwfollows_work_can_be_measured(tmp_path: Path) -> None:
    """Each piece looks itself whether the work was done (`measure.expect`)."""
    ours = GWFollow(tmp_path / "ours", events=2, analyses=2)
    for work in (ours.help, ours.apply_events, ours.apply_analyses, ours.build, ours.submit):
        assert work().cpu > 0, work.__name__
    assert ours.monitor(4).cpu > 0
    assert ours.finish(1) == 1
    assert ours.monitor(3, 1).memory > 10
    assert ours.marginal > 0
    assert ours.finish(4) == 3
    assert ours.monitor(0, 3).cpu > 0
    assert ours.one_more("more").cpu > 0
    assert ours.status(shown=5).cpu > 0

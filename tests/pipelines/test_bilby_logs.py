r"""Lines as bilby_pipe and dynesty really write them, ``\r`` and all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gwfollow.pipelines import bilby_logs
from gwfollow.pipelines.files import tail

LINES = (
    b"12:14 bilby INFO    : Single likelihood evaluation took 7.906e-04 s\n"
    b"1it [0:00:00 bound:0 nc:  1 ncall:1.0e+02 eff:1.0% logz-ratio=-1.20+/-0.01 dlogz:inf>0.1]\r"
    b"424it [0:00:04 bound:0 nc: 60 ncall:4.8e+03 eff:8.8% logz-ratio=57.62+/-0.32 dlogz:153>0.1]\r"
    b"2397it [0:01:12 bound:187 nc:167 ncall:1.2e+05 eff:2.0% logz-ratio=301.05+/-0.43 dlogz:0.135>0.1]\r"
)
CHECKPOINT = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/bilby/core/sampler/base_sampler.py", line 12, in write_current_state_and_exit
    sys.exit(self.exit_code)
SystemExit: 77
"""
FAILED = """Traceback (most recent call last):
  File "/venv/bin/bilby_pipe_generation", line 10, in <module>
    raise ValueError(f"Unknown Likelihood class {self.likelihood_type}")
ValueError: Unknown Likelihood class Guess
"""


def test_progress_is_read_from_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "x.out"
    path.write_bytes(LINES)
    progress = bilby_logs.sampling_progress(tail(path), 100)
    assert progress is not None
    assert progress.fraction == pytest.approx(0.99)
    assert progress.text == "2397 iterations, dlogz 0.135 (stops at 0.1)"
    assert progress.values == {"iterations": 2397, "ncall": 1.2e5, "logz": 301.05, "dlogz": 0.135, "target": 0.1}


def test_the_first_line_and_a_cut_line_do_not_confuse() -> None:
    first = bilby_logs.sampling_progress(LINES.decode().replace("\r", "\n").splitlines()[1], 100)
    assert first is not None
    assert first.values["dlogz"] == float("inf")
    assert bilby_logs.sampling_progress("2397it [0:01", None) is not None
    assert bilby_logs.sampling_progress("no progress here\n", 100) is None


def test_the_tail_of_a_long_log_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "x.out"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + LINES)
    progress = bilby_logs.sampling_progress(tail(path), None)
    assert progress is not None
    assert progress.fraction is None
    assert progress.values["iterations"] == 2397


def test_a_checkpoint_is_no_failure() -> None:
    assert bilby_logs.last_error(CHECKPOINT) is None
    assert bilby_logs.last_error(FAILED + CHECKPOINT) == "ValueError: Unknown Likelihood class Guess"


def test_a_warning_is_no_failure() -> None:
    assert bilby_logs.last_error("RuntimeWarning: invalid value encountered in log\nUserWarning: x\n") is None


def test_a_builders_usage_error_is_one() -> None:
    assert bilby_logs.last_error("usage: bilby_pipe [-h]\nbilby_pipe: error: no detectors\n") == "bilby_pipe: error: no detectors"


def test_the_reason_is_taken_from_the_node_that_wrote_last(tmp_path: Path) -> None:
    generation = tmp_path / "run" / "log_data_generation" / "g.err"
    analysis = tmp_path / "run" / "log_data_analysis" / "a_analysis_H1.err"
    for path, text, age in ((generation, FAILED, 0), (analysis, CHECKPOINT, 10)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        os.utime(path, (1e9 + age, 1e9 + age))
    reason = bilby_logs.why_failed(tmp_path, tmp_path / "run")
    assert reason == "ValueError: Unknown Likelihood class Guess (run/log_data_generation/g.err)"


def test_dagman_is_asked_where_the_nodes_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run" / "submit" / "dag_x.submit.dagman.out"
    path.parent.mkdir(parents=True)
    path.write_text(
        "11/20/26 12:00:00 Node x job proc (7.0.0) failed with status 1.\n11/20/26 12:00:01 **** condor_scheduniv_exec\n"
    )
    reason = bilby_logs.why_failed(tmp_path, tmp_path / "run")
    assert reason is not None
    assert "failed with status 1" in reason
    assert bilby_logs.why_failed(tmp_path / "nowhere", tmp_path / "nowhere" / "run") is None

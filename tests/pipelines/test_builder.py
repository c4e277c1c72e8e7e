"""Builders that fail, say nothing, hang or leave half a DAG.

The programs are stand-ins (see `stand_in`): what is tested is gwfollow's handling, which is the same for every pipeline with a builder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from stand_in import stand_in

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import builder
from gwfollow.pipelines.bilby import Bilby

#: what bilby_pipe leaves, but for the DAG
FILES = "mkdir -p run/submit; cp bilby.ini run/bilby_config_complete.ini; echo bash > run/submit/bash_bilby.sh; "


def build(make_task: Any, tmp_path: Path, script: str, **changes: Any) -> None:
    environment = stand_in(tmp_path, "bilby_pipe", script)
    pipeline = Bilby(make_task({"environment": str(environment), **changes}))
    pipeline.before_config()
    pipeline.build_dag()


def test_exit_code_0_without_the_success_line_is_a_failure_told_with_the_last_lines(make_task: Any, tmp_path: Path) -> None:
    script = FILES + "echo first; echo second; echo third >&2; echo fourth"
    with pytest.raises(
        PipelineError, match=r"exit code 0 and never said 'DAG generation complete'.*second \| third \| fourth; see"
    ):
        build(make_task, tmp_path, script)


def test_a_refusal_is_told_with_the_error_and_not_the_line_after_it(make_task: Any, tmp_path: Path) -> None:
    with pytest.raises(
        PipelineError, match=r"bilby_pipe refused the configuration \(exit code 3\): ValueError: no such prior; see"
    ):
        build(make_task, tmp_path, "echo 'ValueError: no such prior'; echo goodbye; exit 3")


def test_a_builder_that_hangs_is_killed_with_its_children(make_task: Any, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 300 & echo $! > {pids}; echo $$ >> {pids}; echo waiting for a data server; wait"
    with pytest.raises(
        PipelineError, match=r"did not finish within 1 s and was killed with its children.*waiting for a data server"
    ):
        build(make_task, tmp_path, script, **{"build time limit": 1})
    for pid in pids.read_text().split():
        deadline = time.monotonic() + 30
        while alive(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(int(pid))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_builder_does_not_outlive_its_worker(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = stand_in(tmp_path, "slow", f"sleep 300 & echo $! > {pids}; echo $$ >> {pids}; wait") / "bin" / "slow"
    code = f"""
from pathlib import Path
from gwfollow.pipelines.builder import run_builder
run_builder(["{program}"], Path("{tmp_path}"), success="", seconds=300)
"""
    worker = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    mine = [int(pid) for pid in pids.read_text().split()]
    assert all(map(alive, mine))
    worker.kill()
    worker.wait()
    while any(map(alive, mine)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_that_cannot_be_started_is_told(make_task: Any, tmp_path: Path) -> None:
    environment = stand_in(tmp_path, "bilby_pipe", "")
    (environment / "bin" / "bilby_pipe").write_text("#!/no/such/python\n")
    with pytest.raises(PipelineError, match=r"exit code 127\): .*bilby_pipe cannot be started: No such file or directory"):
        Bilby(make_task({"environment": str(environment)})).build_dag()


def test_a_builder_that_was_killed_is_told_with_the_signal(make_task: Any, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="bilby_pipe was killed by SIGKILL; it said last: building"):
        build(make_task, tmp_path, "echo building; kill -9 $$")


@pytest.mark.parametrize(
    ("dag", "reason"),
    [
        ("", "has no jobs"),
        ("JOB a run/submit/a.submit\\nJOB b run/submit/b.sub", "submit file of node b.*not there or not whole"),
        ("JOB a run/submit/a.submit\\nJOB b", "line 2 is cut off: 'JOB b'"),
        ("JOB a run/submit/a.submit\\nVARS a x=\\042half", "line 2 is cut off"),
        ("JOB a run/submit/a.submit\\nPARENT a CHI", "line 2 is cut off"),
        ("JOB a run/submit/a.submit\\nPARENT a CHILD b", "line 2 joins nodes that it does not have: b"),
    ],
)
def test_half_a_dag_is_refused_although_the_builder_said_its_line(make_task: Any, tmp_path: Path, dag: str, reason: str) -> None:
    script = FILES + "printf 'executable = /bin/true\\nqueue\\n' > run/submit/a.submit; "
    script += f"printf '{dag}\\n' > run/submit/dag_bilby.submit; echo DAG generation complete, to submit jobs"
    with pytest.raises(PipelineError, match=reason):
        build(make_task, tmp_path, script)


def test_the_log_has_the_command_line(make_task: Any, tmp_path: Path) -> None:
    task = make_task({"environment": str(stand_in(tmp_path, "bilby_pipe", "exit 1"))})
    with pytest.raises(PipelineError, match="refused the configuration"):
        Bilby(task).build_dag()
    first = (task.folder / builder.LOG).read_text().splitlines()[0]
    assert first == f"$ {tmp_path}/environment/bin/bilby_pipe bilby.ini --label bilby --outdir run"


def test_the_builder_sees_no_password_of_ours(make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://u:canary@h/d")
    monkeypatch.delenv("USER", raising=False)
    task = make_task({"environment": str(stand_in(tmp_path, "bilby_pipe", "env; exit 1"))})
    with pytest.raises(PipelineError):
        Bilby(task).build_dag()
    said = (task.folder / builder.LOG).read_text()
    assert "USER=" in said
    assert "canary" not in said
    assert f"PATH={tmp_path}/environment/bin{os.pathsep}" in said


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"environment": "relative"}, "environment: found 'relative', expected the absolute path"),
        ({"environment": "/no/such"}, "environment: found '/no/such'.*bin/ has bilby_pipe"),
        ({"environment": 3}, "environment: found 3"),
        ({"executable": ["sh", "-c"]}, "executable"),
        ({"build time limit": -1}, r"build time limit: found -1, expected a number above 0 \(s\)"),
    ],
)
def test_where_the_builder_lives_is_checked_first(make_task: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        Bilby(make_task(changes)).before_config()


def test_an_absolute_executable_needs_no_environment(make_task: Any, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "my_bilby", "exit 0") / "bin" / "my_bilby"
    assert builder.find_builder(make_task({"executable": str(program), "environment": "/no/such"}), "bilby_pipe") == program

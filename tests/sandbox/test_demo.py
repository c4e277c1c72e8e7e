"""The demo's beginning and end: what it refuses, replaces, stops (its whole way is ``make demo`` itself)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gwfollow.sandbox.demo import MARKER, Demo, Repeated, main
from gwfollow.sandbox.processes import Service, group_members


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def processes_of(folder: Path) -> list[str]:
    """Every process that names the folder in its command line, its environment or its working folder."""
    wanted, found = os.fsencode(folder), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            facts = b"".join((process / name).read_bytes() for name in ("cmdline", "environ")) + os.fsencode(
                (process / "cwd").readlink()
            )
        except OSError:
            continue
        if wanted in facts and int(process.name) != os.getpid():
            found.append(facts[:200].decode(errors="replace"))
    return found


def test_a_folder_that_no_demo_has_made_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match="is not empty and no demo has made it: choose another folder with OUT=DIR"):
        main(["run", "--out", str(tmp_path)])
    assert contents(tmp_path) == {"thesis.tex": "years of work"}


def test_a_folder_of_an_earlier_demo_is_stopped_and_emptied(tmp_path: Path) -> None:
    out = tmp_path / "demo-run"
    (out / "airflow").mkdir(parents=True)
    (out / MARKER).touch()
    (out / "demo-summary.json").write_text('{"ok": true}')
    left = Service(out / "airflow", "scheduler")
    left.start(["sleep", "300"], env=os.environ)
    group = int(left.pid_file.read_text().split()[0])
    Demo(out, strain=None, keep=False)._fresh_folder()
    assert left._process is not None
    assert left._process.wait(60)
    assert group_members(group) == []
    assert list(contents(out)) == [MARKER]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    Demo(tmp_path, strain=None, keep=False)._fresh_folder()
    assert list(contents(tmp_path)) == [MARKER]


def test_stop_where_nothing_runs_is_no_error_and_makes_nothing(tmp_path: Path) -> None:
    assert main(["stop", "--out", str(tmp_path / "nothing")]) == 0
    assert list(tmp_path.iterdir()) == []


def test_stop_ends_what_another_process_has_started(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    left = Service(tmp_path / "airflow", "triggerer")
    left.start(["sleep", "300"], env=os.environ)
    assert main(["stop", "--out", str(tmp_path)]) == 0
    assert left._process is not None
    assert left._process.wait(60)


def test_without_an_action_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "{run,stop}" in capsys.readouterr().err


def test_the_same_text_is_said_once_until_another_comes() -> None:
    said: list[str] = []
    say = Repeated(said.append)
    for text in ("waiting for a, b", "waiting for a, b", "waiting for b", "waiting for a, b"):
        say(text)
    assert said == ["waiting for a, b", "waiting for b", "waiting for a, b"]


@pytest.mark.slow
@pytest.mark.system
def test_a_demo_whose_strain_is_not_there_says_so_fails_and_leaves_nothing_running(tmp_path: Path) -> None:
    out, strain = tmp_path / "out", tmp_path / "strain"
    strain.mkdir()
    command = [sys.executable, "-m", "gwfollow.sandbox.demo", "run", "--out", out, "--strain", strain]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "HTCondor pool started" in done.stdout
    assert "failed: no strain: " in done.stdout
    assert "Traceback" not in done.stderr
    assert processes_of(out) == []

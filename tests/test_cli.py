"""The command ``gwfollow`` as a whole: what it imports, says and leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gwfollow.cli import COMMANDS, exit_code
from gwfollow.errors import GWFollowError, InputError, LedgerBusy, NotFound, PipelineError, SchedulerSilent

EVENT = "kind: event\nname: GW1\n---\nkind: analysis\nname: psd\npipeline: psd\n"


def gwfollow(*arguments: str, home: Path, text: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("GWFOLLOW_")}
    return subprocess.run(
        [sys.executable, "-m", "gwfollow.cli", *arguments],
        input=text,
        env=env | {"GWFOLLOW_HOME": str(home)} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def imported(*arguments: str) -> set[str]:
    code = (
        "import sys; from gwfollow.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


def test_help_names_every_command_and_imports_none_of_them() -> None:
    heavy = {"sqlalchemy", "pydantic", "yaml", "alembic", "rich", "astropy", "numpy", "airflow", "htcondor2", "asyncio"}
    modules = imported("--help")
    assert "click" in modules
    assert not modules & heavy
    assert not {name for name in modules if name.startswith("gwfollow.commands")}


@pytest.mark.parametrize("command", ["init", "apply", "status", "show", "set", "journal", "export", "archive", "settings"])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    told = gwfollow(command, "--help", home=tmp_path)
    assert told.returncode == 0
    assert f"Usage: gwfollow {command}" in told.stdout


def test_no_command_imports_airflow() -> None:
    assert "airflow" not in imported("apply", "--help") | imported("show", "--help")


def test_a_day_with_the_ledger(tmp_path: Path) -> None:
    def ok(*arguments: str, text: str = "") -> str:
        done = gwfollow(*arguments, home=tmp_path, text=text)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert f"ledger: sqlite:///{tmp_path}/ledger.db" in ok("init")
    assert ok("apply", "-f", "-", text=EVENT) == "added: event GW1\nadded: analysis GW1/psd\n"
    assert ok("set", "GW1/psd", "Wait", "--why", "no data yet") == "GW1/psd: ready -> wait\n"
    assert ok("status").splitlines()[1].split()[:4] == ["GW1", "psd", "psd", "wait"]
    assert "GW1/psd: ready -> wait (no data yet)" in ok("journal", "GW1/psd")
    assert "comment" not in ok("show", "GW1/psd")
    assert "name: psd" in ok("export")


def test_wrong_input_is_one_line_with_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    gwfollow("init", home=tmp_path)
    told = gwfollow("apply", "-f", "-", home=tmp_path, text="kind: event\nname: ../x\n")
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr == (
        "gwfollow: standard input, document 1 (event ../x), name: found '../x', "
        "expected 1 to 99 letters, digits, '_', '-' or '.', the first a letter or digit\n"
    )


def test_a_server_that_is_away_is_exit_code_75(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://nobody@/nothing?host={tmp_path}"
    for command in (["status"], ["journal"], ["init"]):
        told = gwfollow(*command, home=tmp_path, GWFOLLOW_LEDGER=url)
        assert told.returncode == 75, told.stderr
        assert told.stderr.startswith("gwfollow: ")
        assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), 2),
        (NotFound("x"), 2),
        (LedgerBusy("x"), 75),
        (SchedulerSilent("x"), 75),
        (PipelineError("x"), 1),
        (GWFollowError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: GWFollowError, code: int) -> None:
    assert exit_code(error) == code


def test_an_unknown_command_is_refused_with_the_usage(tmp_path: Path) -> None:
    told = gwfollow("stauts", home=tmp_path)
    assert told.returncode == 2
    assert "No such command 'stauts'" in told.stderr


def test_a_reader_that_goes_away_makes_no_traceback(tmp_path: Path) -> None:
    gwfollow("init", home=tmp_path)
    many = EVENT + "".join(f"---\nkind: analysis\nname: a{n}\npipeline: psd\n" for n in range(3000))
    assert (
        gwfollow("apply", "-f", "-", home=tmp_path, text=many).stdout == "added: 1 of kind event\nadded: 3001 of kind analysis\n"
    )
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m gwfollow.cli status | head -1"],
        env=os.environ | {"GWFOLLOW_HOME": str(tmp_path), "GWFOLLOW_LEDGER": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("event")
    assert done.stderr == ""


def test_every_command_in_the_table_names_a_module_of_commands() -> None:
    assert all(target.startswith("gwfollow.commands.") and text.endswith(".") for target, text in COMMANDS.values())

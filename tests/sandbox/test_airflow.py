"""An Airflow of one's own: where its secrets are, what its components see, that they are kept up and stopped (its real start: tests/system)."""

from __future__ import annotations

import configparser
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import PermanentError, TransientError
from gwfollow.sandbox import airflow as module
from gwfollow.sandbox.airflow import COMPONENTS, LocalAirflow, free_port, private
from gwfollow.sandbox.processes import Service, group_members, tail

MakeCommand = Callable[[str], None]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCommand:
    """``command("exit 1")``: what the program ``airflow`` does, as a shell script."""
    program = tmp_path / "airflow"

    def write(script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    write("exit 0")
    monkeypatch.setattr(module, "airflow_command", lambda: str(program))
    return write


@pytest.fixture
def airflow(tmp_path: Path, checkout: Path, command: MakeCommand) -> Iterator[LocalAirflow]:
    made = LocalAirflow(tmp_path / "home", checkout)
    yield made
    made.stop()


def config_of(airflow: LocalAirflow) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    config.read(airflow.folder / "airflow.cfg")
    return config


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_what_holds_a_secret(airflow: LocalAirflow) -> None:
    airflow.prepare()
    holders = {path.name: mode(path) for path in airflow.folder.iterdir()}
    assert holders == {"airflow.cfg": 0o600, "login.json": 0o600, "passwords.json": 0o600}


def test_no_secret_is_in_the_environment_that_jobs_may_inherit(airflow: LocalAirflow) -> None:
    airflow.prepare()
    config = config_of(airflow)
    secrets = [
        airflow.password,
        config["core"]["fernet_key"],
        config["api"]["secret_key"],
        config["api_auth"]["jwt_secret"],
    ]
    assert all(len(secret) >= 16 for secret in secrets)
    shown = "\n".join(f"{key}={value}" for key, value in airflow.env().items())
    assert [secret for secret in secrets if secret in shown] == []


def test_two_have_neither_port_nor_password_nor_keys_in_common(tmp_path: Path, checkout: Path, command: MakeCommand) -> None:
    pair = [LocalAirflow(tmp_path / name, checkout) for name in ("one", "two")]
    for airflow in pair:
        airflow.prepare()
    one, two = pair
    assert one.password != two.password
    assert config_of(one)["core"]["fernet_key"] != config_of(two)["core"]["fernet_key"]
    assert config_of(one)["database"]["sql_alchemy_conn"] != config_of(two)["database"]["sql_alchemy_conn"]


def test_variables_of_another_airflow_do_not_reach_it(airflow: LocalAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/home/alice/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "somebody else's")
    assert airflow.env()["AIRFLOW_HOME"] == str(airflow.folder)
    assert not [name for name in airflow.env() if name.startswith("AIRFLOW__")]


def test_its_components_see_the_settings_and_find_programs_beside_this_python(tmp_path: Path, checkout: Path) -> None:
    given = {"GWFOLLOW_HOME": "/work", "PATH": "/opt/condor/bin:/usr/bin"}
    env = LocalAirflow(tmp_path, checkout, environment=given).env()
    assert env["GWFOLLOW_HOME"] == "/work"
    folders = env["PATH"].split(os.pathsep)
    assert (Path(folders[0]) / "python").exists()
    assert folders[1:] == ["/opt/condor/bin", "/usr/bin"]


def test_options_change_single_keys_and_leave_the_others(tmp_path: Path, checkout: Path, command: MakeCommand) -> None:
    airflow = LocalAirflow(tmp_path / "home", checkout, options={"core": {"parallelism": "2"}, "webserver": {"x": "y"}})
    airflow.prepare()
    config = config_of(airflow)
    assert (config["core"]["parallelism"], config["core"]["executor"], config["webserver"]["x"]) == ("2", "LocalExecutor", "y")


def test_a_database_that_cannot_be_made_is_told_in_airflows_words(airflow: LocalAirflow, command: MakeCommand) -> None:
    command("echo 'much ado' >&2; echo 'database is locked' >&2; exit 1")
    with pytest.raises(PermanentError, match=r"airflow db migrate failed: .*database is locked"):
        airflow.prepare()


def test_components_that_do_not_start_are_named_with_their_last_words_and_can_be_stopped(
    airflow: LocalAirflow, command: MakeCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.5)
    airflow.prepare()
    command("echo 'no module named airflow'; sleep 300")
    start = Service.start

    def start_and_hear(service: Service, *arguments: Any, **more: Any) -> None:
        """However slow the machine is, its last words are there when its time is up."""
        start(service, *arguments, **more)
        until(lambda: "no module named airflow" in tail(service.log))

    monkeypatch.setattr(Service, "start", start_and_hear)
    told: list[str] = []
    with pytest.raises(TransientError, match="api-server, dag-processor, scheduler, triggerer did not start") as raised:
        airflow.start(told.append)
    assert "no module named airflow" in str(raised.value)
    assert told == [f"waiting for {', '.join(COMPONENTS)}"] * len(told)
    groups = [int(service.pid_file.read_text().split()[0]) for service in airflow.services]
    assert all(group_members(group) for group in groups)
    airflow.stop()
    assert [member for group in groups for member in group_members(group)] == []


def test_a_component_that_dies_is_started_again_until_it_is_stopped(
    airflow: LocalAirflow, command: MakeCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    airflow.prepare()
    command(f'echo "$1" >> {tmp_path}/starts; exit 3')
    with pytest.raises(TransientError):
        airflow.start()
    starts = tmp_path / "starts"
    until(lambda: starts.exists() and starts.read_text().split().count("scheduler") >= 2)
    groups = [int(service.pid_file.read_text().split()[0]) for service in airflow.services]
    airflow.stop()
    assert "scheduler ended with 3; start 1 again" in (airflow.folder / "scheduler.log").read_text()
    assert [member for group in groups for member in group_members(group)] == [], "somebody is left who would start it again"


def test_a_private_file_replaces_what_was_there_and_follows_no_link(tmp_path: Path) -> None:
    target, link = tmp_path / "of-somebody-else", tmp_path / "login.json"
    target.write_text("untouched")
    link.symlink_to(target)
    private(link, "secret")
    assert (link.read_text(), mode(link), link.is_symlink()) == ("secret", 0o600, False)
    assert target.read_text() == "untouched"
    link.chmod(0o644)
    private(link, "new")
    assert (link.read_text(), mode(link)) == ("new", 0o600)


def test_a_free_port_is_one_that_can_be_listened_on() -> None:
    import socket

    found = [free_port() for _ in range(20)]
    assert len(set(found)) > 1
    begin = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(found) < max(begin, 32768), "the kernel may give it away before it is bound"
    with socket.create_server(("127.0.0.1", found[0])):
        pass

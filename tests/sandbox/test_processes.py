"""Services of the sandbox: a whole group is stopped, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gwfollow.sandbox.processes import Service, group_members, start_time, tail

#: a shell with two children, as a component of Airflow has
FAMILY = ["sh", "-c", "sleep 300 & sleep 300 & echo started; wait"]
#: one that does not listen to SIGTERM, nor its child
DEAF = ["sh", "-c", "trap '' TERM; sleep 300 & echo started; wait; wait"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, "api-server")
    yield made
    made.stop(grace=0.1)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else, in a group of its own."""
    process = subprocess.Popen(["sleep", "300"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def started(service: Service, command: list[str]) -> int:
    """Its process id, which is its group's, once its children are there."""
    service.start(command, env=os.environ)
    until(lambda: "started" in tail(service.log))
    return int(service.pid_file.read_text().split()[0])


def other_program(service: Service) -> Service:
    """The same service as a later program sees it: by its files alone."""
    return Service(service.pid_file.parent, service.name)


def test_its_output_goes_to_its_log_and_is_kept_from_start_to_start(service: Service) -> None:
    for text in ("one", "two"):
        service.start([sys.executable, "-c", f"import sys; print({text!r}); sys.exit({text!r})"], env=os.environ)
        until(lambda: not service.alive())
    assert tail(service.log).splitlines().count("one") == 2
    assert tail(service.log, 1) == "two"


def test_stop_ends_the_whole_group_and_takes_the_pid_file_away(service: Service) -> None:
    group = started(service, FAMILY)
    assert len(group_members(group)) == 3
    service.stop()
    assert group_members(group) == []
    assert not service.alive()
    assert not service.pid_file.exists()


def test_what_does_not_listen_is_killed_after_the_grace(service: Service) -> None:
    group = started(service, DEAF)
    service.stop(grace=0.3)
    assert group_members(group) == []


def test_another_program_can_stop_it_too(service: Service) -> None:
    group = started(service, FAMILY)
    assert other_program(service).alive()
    other_program(service).stop()
    until(lambda: not service.alive())
    assert group_members(group) == []


def test_children_that_outlived_their_parent_are_stopped_too(service: Service) -> None:
    """Somebody killed the process that was started; its children go on and would keep their port."""
    group = started(service, FAMILY)
    assert service._process is not None
    service._process.kill()
    service._process.wait()
    assert len(group_members(group)) == 2
    other_program(service).stop()
    assert group_members(group) == []


def test_a_process_id_that_was_given_to_somebody_else_is_not_signalled(
    service: Service, stranger: subprocess.Popen[bytes]
) -> None:
    service.pid_file.write_text(f"{stranger.pid} {int(start_time(stranger.pid)) - 1}")
    assert not service.alive()
    service.stop()
    assert stranger.poll() is None
    assert not service.pid_file.exists()


def test_nor_is_it_by_the_program_that_started_the_service(service: Service, stranger: subprocess.Popen[bytes]) -> None:
    service.start(["true"], env=os.environ)
    until(lambda: not service.alive())
    assert service._process is not None
    service._process.pid = stranger.pid  # the kernel has given the number away meanwhile
    service.stop()
    assert stranger.poll() is None


@pytest.mark.parametrize("text", ["", "12", "not a number", "1 2 3", "x y"])
def test_a_pid_file_that_is_none_stops_nothing(service: Service, text: str) -> None:
    service.pid_file.write_text(text)
    assert not service.alive()
    service.stop()


def test_stopping_what_never_ran_is_nothing(tmp_path: Path) -> None:
    Service(tmp_path, "scheduler").stop()
    Service(tmp_path / "no" / "folder", "scheduler").stop()


def test_the_tail_of_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "no.log") == ""


def test_the_tail_of_a_long_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    assert tail(log, 2).splitlines() == ["line 19998", "line 19999"]

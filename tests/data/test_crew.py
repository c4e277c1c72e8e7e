"""Processes that may die: who waits learns which job it was, what that did last, and the others go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gwfollow.data.blame import Blame
from gwfollow.data.crew import Crew, Event, Report


class Unportable(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


@dataclass
class Task:
    name: str
    file: str = ""

    def run(self, report: Report) -> None:
        if self.file:
            report(("opening", self.file))
        report(os.getpid())
        match self.name:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(7)
            case "hang":
                threading.Event().wait()
            case "fault":
                raise Unportable("not", " today")


@pytest.fixture
def crew() -> Iterator[Crew]:
    made = Crew(2)
    yield made
    made.close()


def heard(crew: Crew, *jobs: Task, each: Callable[[Event], None] = lambda event: None) -> dict[str, list[tuple[str, Any]]]:
    """Every event of the jobs, by their names, until all have come to their end."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for job in jobs:
        crew.give(job)
    deadline = time.monotonic() + 60
    while crew.unfinished:
        assert time.monotonic() < deadline
        for event in crew.events(0.1):
            assert isinstance(event.job, Task)
            found.setdefault(event.job.name, []).append((event.kind, event.content))
            each(event)
    return found


def test_a_death_is_told_with_its_job_and_the_others_come_to_their_end(crew: Crew) -> None:
    found = heard(crew, Task("crash"), Task("exit"), Task("fault"), *(Task(f"good-{number}") for number in range(5)))
    assert found["crash"][-1] == ("died", "was ended by SIGSEGV")
    assert found["exit"][-1] == ("died", "ended with code 7")
    (kind, error) = found["fault"][-1]
    assert (kind, str(error)) == ("failed", "Unportable: not today")
    assert [found[f"good-{number}"][-1][0] for number in range(5)] == ["done"] * 5
    assert os.getpid() not in {events[0][1] for events in found.values()}


def test_what_waits_and_what_runs_is_known_and_ended_by_closing(crew: Crew) -> None:
    jobs = [Task("hang"), Task("hang"), Task("hang")]
    for job in jobs:
        crew.give(job)
    pids: list[int] = []
    deadline = time.monotonic() + 60
    while len(pids) < 2:
        assert time.monotonic() < deadline
        pids += [event.content for event in crew.events(0.1)]
    assert (crew.unfinished, list(crew.jobs)) == (3, jobs)
    crew.close()
    assert crew.unfinished == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def blamed(crew: Crew, blame: Blame, *jobs: Task) -> list[dict[str, str]]:
    """What is said of the end of each job, in their order."""
    said: dict[int, dict[str, str]] = {}

    def each(event: Event) -> None:
        match event.kind, event.content:
            case "reported", ("opening", str(url)):
                blame.opening(event.job, url)
            case "reported", _:
                blame.end_endless()
            case _:
                said[id(event.job)] = blame.ended(event)

    heard(crew, *jobs, each=each)
    return [said[id(job)] for job in jobs]


def test_the_file_that_a_process_was_in_is_to_blame_and_none_where_it_was_in_none(crew: Crew) -> None:
    jobs = Task("crash", "a.gwf"), Task("crash"), Task("fault", "b.gwf"), Task("good", "c.gwf")
    assert blamed(crew, Blame(crew, 3600), *jobs) == [{"a.gwf": "the process that read it was ended by SIGSEGV"}, {}, {}, {}]


def test_who_is_in_a_file_for_too_long_is_ended_and_the_file_to_blame(crew: Crew) -> None:
    assert blamed(crew, Blame(crew, -1), Task("hang", "a.gwf")) == [
        {"a.gwf": "the process that read it was ended by SIGKILL after -1 s"}
    ]


def test_a_file_that_is_left_is_not_to_blame(crew: Crew) -> None:
    blame, job = Blame(crew, 3600), Task("any")
    blame.opening(job, "a.gwf")
    assert blame.file(job) == "a.gwf"
    blame.left(job)
    assert blame.file(job) == ""
    assert blame.ended(Event("died", job, "was ended by SIGKILL")) == {}

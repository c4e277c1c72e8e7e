"""What a plugin handed to HTCondor becomes work of ours with the same meaning, or is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines.asimov.submitted import work_of
from gwfollow.pipelines.base import Dag, Job, Task

JOB = {"executable": "run.sh", "arguments": "a b", "output": "out/one.out", "error": "out/one.err", "log": "one.log"}


@pytest.fixture
def task(make_task: Callable[..., Task]) -> Task:
    return make_task(pipeline="toy")


def handed(task: Task, **lines: Any) -> dict[str, Any]:
    """A description as the bindings' `Schedd.submit` was given it."""
    return {"kind": "job", "id": 1, "several": False, "folder": str(task.folder), "lines": {**JOB, **lines}}


def written(task: Task, text: str) -> dict[str, Any]:
    """A submit file as condor_submit was given it."""
    file = task.folder / "one.sub"
    file.write_text(text)
    return {"kind": "file", "id": 1, "file": str(file), "options": {}, "folder": str(task.folder)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b=c", ("a", "b=c")),
        ('"one \'two words\' it\'\'s ""quoted"""', ("one", "two words", "its", '"quoted"')),
        ("", ()),
    ],
    ids=["old", "new", "none"],
)
def test_both_syntaxes_of_arguments_are_read(task: Task, text: str, words: tuple[str, ...]) -> None:
    work = work_of([handed(task, arguments=text)], task, "it")
    assert isinstance(work, Job)
    assert work.arguments == words


def test_what_it_asks_for_is_passed_on_and_the_rest_is_the_ledgers(task: Task) -> None:
    lines = {
        "request_cpus": "4",
        "request_memory": "2GB",
        "request_disk": "2097152",
        "accounting_group": "ligo.dev",
        "requirements": "HasIt",
    }
    work = work_of([handed(task, **lines)], task, "it")
    assert isinstance(work, Job)
    given = task.resources
    expected = replace(given, cpus=4, memory_mb=2048, disk_mb=2048, accounting_group="ligo.dev", requirements="HasIt")
    assert work == Job(task.folder / "run.sh", ("a", "b"), task.folder, "one", expected)


def test_the_environment_of_the_plugin_is_passed_where_it_asks_for_it(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    work = work_of([handed(task, getenv="true")], task, "it")
    assert work is not None
    assert work.resources.environment["HOME"] == "/home/alice"
    assert not any("AIRFLOW" in name for name in work.resources.environment)


@pytest.mark.parametrize("more", [{"+flock_local": "True"}, {"arguments": "$(Process)"}, {"use_oauth_services": "scitokens"}])
def test_what_only_a_submit_file_can_say_goes_into_the_one_node_of_a_dag(task: Task, more: dict[str, str]) -> None:
    work = work_of([handed(task, **more)], task, "it")
    assert work == Dag(task.folder / "one.dag", task.folder, "one-dag", task.resources)
    node = (task.folder / "one.node.sub").read_text()
    ((key, value),) = more.items()
    assert f"{key} = {value}\n" in node
    assert node.endswith("queue\n")
    assert (task.folder / "one.dag").read_text() == "JOB one one.node.sub\n"


def test_a_submit_file_is_read_as_condor_reads_it(task: Task) -> None:
    text = "# made by a plugin\nExecutable = /bin/echo\nArguments = one \\\n two\n\noutput = x.out\nqueue 1\n"
    work = work_of([written(task, text)], task, "it")
    assert isinstance(work, Job)
    assert (work.executable, work.arguments, work.name) == (Path("/bin/echo"), ("one", "two"), "x")


def test_the_same_thing_twice_is_one_thing(task: Task) -> None:
    assert work_of([handed(task), {**handed(task), "id": 2}], task, "it") == work_of([handed(task)], task, "it")
    assert work_of([], task, "it") is None


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"several": True}, "it submitted several jobs at once"),
        ({"lines": {"arguments": "x"}}, "it submitted a job without an executable"),
        ({"kind": "dag", "file": "/a.dag", "more": ["/b.dag"], "options": {}}, "several DAG files at once"),
        (
            {"kind": "dag", "file": "/a.dag", "options": {"-maxidle": "5"}},
            "asked condor_submit_dag for -maxidle 5, which gwfollow does not",
        ),
    ],
    ids=["several", "nothing to run", "dags", "option"],
)
def test_what_one_job_or_dag_cannot_say_is_refused(task: Task, entry: dict[str, Any], told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        work_of([{**handed(task), **entry}], task, "it")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("executable = a\nqueue 5\n", "says 'queue 5'; gwfollow runs one job"),
        ("executable = a\nqueue\nqueue\n", "has 2 queue statements, expected one"),
        ("executable = a\nwhat is this\nqueue\n", "has the line 'what is this', which is no 'name = value'"),
    ],
)
def test_a_submit_file_that_queues_anything_but_one_job_is_refused(task: Task, text: str, told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        work_of([written(task, text)], task, "it")

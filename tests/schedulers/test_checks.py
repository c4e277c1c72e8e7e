"""Nothing that a blueprint says can become a command of the submit language."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gwfollow.errors import SubmitRefused
from gwfollow.schedulers.base import Dag, Job, Resources
from gwfollow.schedulers.checks import check

JOB = Job(Path("/bin/echo"), ("one",), Path("/work/GW150914/psd/attempt-1"), "psd")


def test_plain_work_passes() -> None:
    check(JOB, "GW150914/psd/1")
    check(dataclasses.replace(JOB, arguments=("a b", "it's", 'say "x"', "$HOME", "")), "GW150914/psd/1")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../psd"},
        {"name": "a b"},
        {"name": 'a"b'},
        {"name": "a\nqueue 100"},
        {"name": ""},
        {"executable": Path("/bin/echo\nqueue 2")},
        {"executable": Path("/bin/echo\\")},
        {"folder": Path("relative")},
        {"folder": Path("/work\nhold = false")},
        {"arguments": ("fine", "not\nfine")},
        {"arguments": ("a\x00b",)},
        {"arguments": ("$$(OpSys)",)},
        {"arguments": ("$$([MY.Owner])",)},
        {"resources": Resources(requirements="true\nqueue 3")},
        {"resources": Resources(environment={"A B": "c"})},
        {"resources": Resources(environment={"A": "c\nd"})},
        {"resources": Resources(accounting_group="ligo.dev\nqueue")},
        {"resources": Resources(accounting_user="some one")},
        {"resources": Resources(oauth_services=("igwn\nqueue",))},
        {"resources": Resources(memory_mb=0)},
    ],
    ids=str,
)
def test_what_could_be_a_command_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SubmitRefused):
        check(dataclasses.replace(JOB, **change), "GW150914/psd/1")  # type: ignore[arg-type]


def test_a_key_or_a_dag_with_a_newline_is_refused() -> None:
    with pytest.raises(SubmitRefused, match="key"):
        check(JOB, "GW150914/psd/1\nqueue")
    with pytest.raises(SubmitRefused, match="DAG file"):
        check(Dag(Path("a\n.dag"), Path("/work"), "a"), "key")

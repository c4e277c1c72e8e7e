"""Work in HTCondor's submit language."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import htcondor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwfollow.errors import SubmitRefused
from gwfollow.schedulers.base import Job, Resources
from gwfollow.schedulers.checks import check
from gwfollow.schedulers.condor_description import classad_string, common_description, job_description, with_environment

JOB = Job(Path("/bin/echo"), ("one",), Path("/work/GW150914/psd/attempt-1"), "psd")


def test_resources_become_commands_of_the_submit_language() -> None:
    resources = Resources("ligo.prod.o4", "albert", 4, 8192, 2048, 'Machine != "bad"', 7, {"OMP_NUM_THREADS": "1"}, ("igwn",))
    lines = job_description(dataclasses.replace(JOB, resources=resources), "GW150914/psd/1")
    expected = {
        "accounting_group": "ligo.prod.o4",
        "accounting_group_user": "albert",
        "request_cpus": "4",
        "request_memory": "8192MB",
        "request_disk": "2048MB",
        "requirements": '(Machine != "bad")',
        "priority": "7",
        "environment": '"OMP_NUM_THREADS=1"',
        "use_oauth_services": "igwn",
        "hold": "True",
        "My.GWFollowKey": '"GW150914/psd/1"',
    }
    assert {name: lines[name] for name in expected} == expected


def test_nothing_that_was_not_asked_for_is_said() -> None:
    silent = {"accounting_group", "accounting_group_user", "requirements", "priority", "environment", "use_oauth_services"}
    assert not silent & job_description(JOB, "key").keys()


def is_allowed(value: str) -> bool:
    try:
        check(dataclasses.replace(JOB, executable=Path("/") / value), value)
    except SubmitRefused:
        return False
    return True


anything = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\x7f"), max_size=30)
#: what the submit language knows, in all orders
language = st.lists(st.sampled_from(["$", "$$", "(", ")", "[", "ENV", "DOLLAR", "HOME", "a", " ", '"', "'", "\\", "=", "#"])).map(
    "".join
)


@given((anything | language).filter(is_allowed))
def test_a_value_comes_out_of_the_submit_language_as_it_went_in(value: str) -> None:
    submit = htcondor2.Submit(common_description(dataclasses.replace(JOB, folder=Path("/") / value), value))
    assert submit.expand("batch_name") == value
    assert submit.expand("My.GWFollowKey") == classad_string(value)
    assert submit.expand("hold") == "True"


def test_variables_are_added_to_the_environment_that_dagman_has() -> None:
    assert with_environment('"A=1 B=2"', {"C": 'it\'s "x"'}) == '"C=\'it\'\'s ""x""\' A=1 B=2"'
    assert with_environment("A=1;B=2", {}) == "A=1;B=2"
    with pytest.raises(SubmitRefused):
        with_environment("A=1;B=2", {"C": "3"})

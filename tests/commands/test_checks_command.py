"""``gwfollow checks``"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gwfollow.errors import InputError, NotFound

Command = Callable[..., str]


def test_a_person_answers_and_everybody_sees_it(gwfollow: Command) -> None:
    assert gwfollow("checks", "GW1") == "GW1: nothing has been checked\n"
    arguments = ["checks", "GW1", "--record", "H1 scattered light", "--verdict", "fail", "--summary", "arches at 30 Hz"]
    assert gwfollow(*arguments, "--link", "https://alog/1") == "GW1, H1 scattered light: fail\n"
    assert gwfollow(*arguments, "--link", "https://alog/1") == "GW1, H1 scattered light: that was known\n"
    assert gwfollow("checks", "GW1").splitlines() == ["GW1: fail", "  fail     H1 scattered light  person  arches at 30 Hz"]
    (check,) = json.loads(gwfollow("checks", "GW1", "--json"))["checks"]
    assert (check["ifo"], check["links"]) == ("H1", ["https://alog/1"])


def test_a_correction_keeps_who_asked_so_that_labels_follow(gwfollow: Command) -> None:
    first = ["checks", "GW1", "--record", "L1 HOFT_OK", "--process", "state vector", "--verdict"]
    assert gwfollow(*first, "pass") == "GW1, L1 HOFT_OK: pass, +DQOK, -DQV\n"
    assert gwfollow("checks", "GW1", "--record", "L1 HOFT_OK", "--verdict", "fail") == "GW1, L1 HOFT_OK: fail, +DQV, -DQOK\n"
    assert "state vector" in gwfollow("checks", "GW1")


def test_a_detector_that_did_not_take_part_is_marked(gwfollow: Command) -> None:
    gwfollow("checks", "GW1", "--record", "V1 HOFT_OK", "--ifo", "V1", "--verdict", "fail")
    assert "person (did not take part)" in gwfollow("checks", "GW1")


@pytest.mark.parametrize("arguments", [["--record", "x"], ["--verdict", "pass"], ["--summary", "x"]])
def test_half_an_answer_is_refused(gwfollow: Command, arguments: list[str]) -> None:
    with pytest.raises(InputError, match="--record"):
        gwfollow("checks", "GW1", *arguments)


def test_an_event_that_is_not_there_is_named(gwfollow: Command) -> None:
    with pytest.raises(NotFound, match="GW2"):
        gwfollow("checks", "GW2")

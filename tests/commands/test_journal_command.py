"""``gwfollow journal``"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gwfollow.errors import NotFound

Run = Callable[..., str]


def test_entries_are_told_oldest_first_and_the_limit_keeps_the_newest(gwfollow: Run) -> None:
    gwfollow("set", "GW1/psd", "wait")
    entries = json.loads(gwfollow("journal", "--json"))
    assert [entry["what"] for entry in entries] == ["event added", "analysis added", "analysis added", "ready -> wait"]
    assert json.loads(gwfollow("journal", "--json", "-n", "1")) == entries[-1:]
    assert set(entries[0]) == {"time", "who", "event", "analysis", "what", "why", "details"}


def test_an_event_or_an_analysis_is_told_alone(gwfollow: Run) -> None:
    gwfollow("apply", "-f", "-", text="{kind: event, name: GW2}")
    assert len(gwfollow("journal", "GW2").splitlines()) == 1
    assert "GW1/bilby: analysis added" in gwfollow("journal", "GW1/bilby")


@pytest.mark.parametrize("name", ["GW9", "GW1/nothing"])
def test_what_is_not_there_is_refused(gwfollow: Run, name: str) -> None:
    with pytest.raises(NotFound):
        gwfollow("journal", name)

"""A name that is nearly the one asked for."""

from __future__ import annotations

from gwfollow.ledger.suggest import nearly


def test_a_near_name_is_suggested_and_a_far_one_is_not() -> None:
    names = ["GW150914", "S190426l"]
    assert nearly("GW150915", names) == "; did you mean 'GW150914'?"
    assert nearly("whatever", names) == ""

"""``gwfollow archive``"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gwfollow.errors import InputError

Run = Callable[..., str]


def test_an_event_whose_analyses_are_final_leaves_the_active_ones(gwfollow: Run) -> None:
    for name in ("psd", "bilby"):
        gwfollow("set", f"GW1/{name}", "cancelled")
    assert gwfollow("archive", "GW1") == "GW1 is archived\n"
    assert gwfollow("archive", "GW1") == "GW1 is archived already\n"
    assert "no active event" in gwfollow("status")
    assert "GW1: archived" in gwfollow("journal")


def test_an_analysis_that_is_not_final_holds_its_event_back(gwfollow: Run) -> None:
    with pytest.raises(InputError, match="GW1/psd, status: found 'ready', expected a final one"):
        gwfollow("archive", "GW1")
    assert "psd" in gwfollow("status")

"""``gwfollow apply``"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gwfollow.errors import InputError

Run = Callable[..., str]
RIFT = "{kind: analysis, name: rift, pipeline: psd}"


def test_a_dry_run_says_what_would_happen_and_stores_nothing(gwfollow: Run) -> None:
    before = gwfollow("journal", "--json")
    assert gwfollow("apply", "-f", "-", "-e", "GW1", "--dry-run", text=RIFT) == "would be added: analysis GW1/rift\n"
    assert gwfollow("journal", "--json") == before
    assert "rift" not in gwfollow("status")


def test_a_dry_run_refuses_what_apply_would_refuse(gwfollow: Run) -> None:
    with pytest.raises(InputError, match="with another content"):
        gwfollow("apply", "-f", "-", "-e", "GW1", "--dry-run", text="{kind: analysis, name: psd, pipeline: bilby}")


def test_the_event_of_the_option_must_be_a_name(gwfollow: Run) -> None:
    with pytest.raises(InputError, match=r"-e EVENT: found '../x'"):
        gwfollow("apply", "-f", "-", "-e", "../x", text=RIFT)


def test_update_names_what_changed(gwfollow: Run) -> None:
    text = "{kind: analysis, name: psd, pipeline: psd, event: GW1, likelihood: {psd length: 8}}"
    assert gwfollow("apply", "-f", "-", "--update", text=text) == "changed: analysis GW1/psd (likelihood)\n"


def test_long_files_are_counted(gwfollow: Run) -> None:
    text = "\n---\n".join(RIFT.replace("rift", f"rift-{n}") for n in range(51))
    assert gwfollow("apply", "-f", "-", "-e", "GW1", text=text) == "added: 51 of kind analysis\n"

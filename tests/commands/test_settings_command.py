"""``gwfollow settings``"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from gwfollow.commands.settings import without_password
from gwfollow.settings import Settings

Run = Callable[..., str]


def test_every_setting_is_shown_with_its_value(gwfollow: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_POLL_SECONDS", "5")
    shown = gwfollow("settings")
    for field in fields(Settings):
        assert f"{field.metadata['env']} = " in shown
    assert "GWFOLLOW_POLL_SECONDS = 5\n" in shown
    assert "GWFOLLOW_SCHEDULER = htcondor  (default)\n" in shown


def test_a_password_in_the_ledgers_url_is_not_shown(gwfollow: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_LEDGER", "postgresql://alice:hunter2@host/db")
    assert "hunter2" not in gwfollow("settings")
    assert without_password("hunter2") == "(not a URL)"

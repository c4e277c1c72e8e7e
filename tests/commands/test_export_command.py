"""``gwfollow export``"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]


def test_apply_reads_what_export_writes(gwfollow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = gwfollow("export")
    assert gwfollow("export", "GW1") == exported
    monkeypatch.setenv("GWFOLLOW_LEDGER", f"sqlite:///{tmp_path}/copy.db")
    gwfollow("init")
    assert gwfollow("apply", "-f", "-", text=exported).count("added:") == 3
    assert gwfollow("export") == exported


def test_an_empty_ledger_exports_nothing(gwfollow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_LEDGER", f"sqlite:///{tmp_path}/empty.db")
    gwfollow("init")
    assert gwfollow("export") == ""

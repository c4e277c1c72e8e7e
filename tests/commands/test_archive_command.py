"""``gwfollow archive``"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def test_the_folder_of_an_archived_event_goes_to_its_run(gwfollow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_DATA", str(tmp_path / "data"))
    for name in ("psd", "bilby"):
        gwfollow("set", f"GW1/{name}", "cancelled")
    folder = tmp_path / "data" / "current_run" / "G190047"
    folder.mkdir(parents=True)
    (folder / "flags.json").write_text("{}")

    target = tmp_path / "data" / "past_runs" / "O1" / "G190047"
    assert gwfollow("archive", "GW1") == f"GW1 is archived; its folder is {target}\n"
    assert [path.name for path in target.iterdir()] == ["flags.json"]
    assert not folder.exists()
    # as after a crash between the ledger and the move
    target.rename(folder)
    monkeypatch.setenv("GWFOLLOW_OBSERVING_RUN", "O9")
    target = tmp_path / "data" / "past_runs" / "O9" / "G190047"
    for _ in range(2):
        assert gwfollow("archive", "GW1") == f"GW1 is archived already; its folder is {target}\n"


def test_an_event_that_is_not_final_keeps_its_folder(gwfollow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "current_run" / "G190047"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="expected a final one"):
        gwfollow("archive", "GW1")
    assert folder.exists()

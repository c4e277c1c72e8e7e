"""A look at the configuration before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger.schema import Attempt, Journal
from gwfollow.life import Site
from gwfollow.life.preview import preview


def rows(site: Site) -> tuple[int, int]:
    with site.ledger.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in (Attempt, Journal))  # type: ignore[return-value]


@pytest.mark.parametrize("analysis", ["psd", "pe"])
def test_the_configuration_is_rendered_and_the_ledger_stays_as_it_is(site: Site, tmp_path: Path, analysis: str) -> None:
    before = rows(site)
    (config,) = preview(site, "GW150914", analysis, tmp_path / "look")
    assert config.read_text() == f"[run]\nname = {analysis}\n"
    assert rows(site) == before


def test_what_would_stop_the_build_is_told_and_nothing_is_stuck(site: Site, tmp_path: Path) -> None:
    with site.ledger.change(who="alice@test") as change:
        row = change.analysis("GW150914", "psd")
        row.document = {**row.document, "fail at build": True}
    with pytest.raises(PipelineError, match=r"GW150914/psd would be stuck: ValueError: the prior file is empty"):
        preview(site, "GW150914", "psd", tmp_path / "look")
    with site.ledger.change(who="alice@test") as change:
        assert change.analysis("GW150914", "psd").status == "ready"


def test_a_folder_that_holds_something_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="a new or an empty one"):
        preview(site, "GW150914", "psd", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"

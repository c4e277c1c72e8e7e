"""Build: an attempt's folder is written once; what may not be built is not."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from gwfollow.checksums import sha256_of
from gwfollow.errors import PipelineError, TransientError
from gwfollow.ledger.store import find_analysis
from gwfollow.life import NoWork, Site
from gwfollow.life.again import ask_again
from gwfollow.life.build import build

EVENT = "GW150914"


def set_status(site: Site, analysis: str, status: str) -> None:
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, analysis), status)


def edit(site: Site, analysis: str, **keys: object) -> None:
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, analysis)
        row.document = {**row.document, **{name.replace("_", " "): value for name, value in keys.items()}}


def test_a_build_makes_the_folder_of_attempt_one_and_records_what_it_read(site: Site) -> None:
    built = build(site, EVENT, "psd")
    assert built.attempt == 1
    assert built.folder.name == "attempt-1"
    assert built.folder.parent.name == "psd"
    assert built.inputs["config"] == sha256_of(built.folder / "config.ini")


def test_a_second_build_changes_nothing(site: Site) -> None:
    first = build(site, EVENT, "psd")
    written = (first.folder / "config.ini").stat().st_mtime_ns
    again = build(site, EVENT, "psd")
    assert not again.fresh
    assert again.folder == first.folder
    assert (first.folder / "config.ini").stat().st_mtime_ns == written


def test_what_a_killed_builder_left_is_cleared_away(site: Site) -> None:
    folder = build(site, EVENT, "psd").folder
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, "psd").attempts[0].state = "building"
    (folder / "half a file").touch()
    build(site, EVENT, "psd")
    assert sorted(p.name for p in folder.iterdir()) == ["config.ini"]


def test_two_builders_of_one_attempt_do_not_meet(site: Site) -> None:
    folder = build(site, EVENT, "psd").folder
    with site.ledger.change(who="test") as change:
        change.analysis(EVENT, "psd").attempts[0].state = "building"
    with (folder.parent / ".attempt-1.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another process builds"):
            build(site, EVENT, "psd")


def test_an_analysis_whose_needs_are_not_met_is_not_built(site: Site) -> None:
    with pytest.raises(NoWork, match="psd is ready"):
        build(site, EVENT, "pe")


def test_a_pipeline_that_refuses_makes_the_analysis_stuck_with_its_words(site: Site) -> None:
    edit(site, "psd", fail_at_build=True)
    with pytest.raises(PipelineError, match="the prior file is empty"):
        build(site, EVENT, "psd")
    with site.ledger.read() as session:
        row = find_analysis(session, EVENT, "psd")
        assert (row.status, row.reason) == ("stuck", "ValueError: the prior file is empty")


def test_a_fresh_attempt_leaves_the_old_folder_as_it_was(site: Site) -> None:
    old = build(site, EVENT, "psd").folder
    edit(site, "psd", fail_at_build=True)
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, "psd"), "stuck", reason="bad luck")
    edit(site, "psd", fail_at_build=False)
    assert ask_again(site, EVENT, "psd", why="try again")
    new = build(site, EVENT, "psd")
    assert (new.attempt, new.folder.name) == (2, "attempt-2")
    assert (old / "config.ini").exists()


@pytest.mark.parametrize("status", ["wait", "cancelled", "manual"])
def test_an_analysis_that_a_person_holds_back_is_not_built(site: Site, status: str) -> None:
    set_status(site, "psd", status)
    with pytest.raises(NoWork, match=f"is {status}"):
        build(site, EVENT, "psd")


def test_a_symbolic_link_in_place_of_the_folder_is_not_followed(site: Site, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    place = tmp_path / "home" / "events" / EVENT / "psd" / "attempt-1"
    place.parent.mkdir(parents=True)
    place.symlink_to(precious)
    with pytest.raises(PipelineError, match="symbolic link"):
        build(site, EVENT, "psd")
    assert (precious / "thesis.tex").exists()

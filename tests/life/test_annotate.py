"""What a task says of an event is stored once, however often it is said, and never for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.schema import Event, Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.life import NoWork, Site
from gwfollow.life import annotate as module
from gwfollow.life.annotate import annotate, graceid_of, set_label
from gwfollow.settings import Settings


@pytest.fixture
def site(ledger: Ledger) -> Site:
    with ledger.change(who="test") as change:
        change.session.add(Event(name="GW1", graceid="S150914a"))
        change.session.add(Event(name="mock", graceid="MS150914a"))
        change.session.add(Event(name="local"))
    return Site(ledger, Settings(), who="test")


def messages(site: Site) -> list[tuple[str, dict[str, Any]]]:
    with site.ledger.read() as session:
        return [(row.kind, row.payload) for row in session.scalars(select(Outbox).order_by(Outbox.id))]


def test_the_same_words_are_stored_once_other_words_tags_or_occasions_again(site: Site) -> None:
    first = annotate(site, "GW1", "PE has begun", tags=["pe"])
    assert (first.new, annotate(site, "GW1", "PE has begun", tags=["pe"]).new) == (True, False)
    assert annotate(site, "GW1", "PE has ended", tags=["pe"]).new
    assert annotate(site, "GW1", "PE has begun", tags=["pe", "public"]).new
    assert annotate(site, "GW1", "PE has begun", tags=["pe"], once="second").new

    assert messages(site)[0] == ("log", {"graceid": "S150914a", "comment": "PE has begun", "tags": ["pe"]})
    assert len(messages(site)) == 4


def test_a_file_is_told_by_its_contents_not_by_its_place(site: Site, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "samples.h5").write_text("1")
    assert annotate(site, "GW1", "samples", file=str(tmp_path / "a" / "samples.h5")).new
    assert not annotate(site, "GW1", "samples", file=str(tmp_path / "b" / "samples.h5")).new
    (tmp_path / "b" / "samples.h5").write_text("2")
    assert annotate(site, "GW1", "samples", file=str(tmp_path / "b" / "samples.h5"), filename="x.h5").new

    assert [payload["filename"] for _, payload in messages(site)] == ["samples.h5", "x.h5"]


def test_a_label_is_told_once_on_each_occasion(site: Site) -> None:
    assert set_label(site, "GW1", "PE_READY", there=True, once="run 1").new
    assert not set_label(site, "GW1", "PE_READY", there=True, once="run 1").new
    assert set_label(site, "GW1", "PE_READY", there=False, once="run 1").new
    assert set_label(site, "GW1", "PE_READY", there=True, once="run 2").new

    assert [kind for kind, _ in messages(site)] == ["label", "unlabel", "label"]


def test_nothing_is_stored_for_a_test_or_for_what_gracedb_does_not_have(site: Site) -> None:
    with pytest.raises(NoWork, match="is a test"):
        annotate(site, "mock", "hello")
    with pytest.raises(NoWork, match="is a test"):
        set_label(site, "mock", "DQV", there=True, once="")
    with pytest.raises(NoWork, match="not in GraceDB"):
        annotate(site, "local", "hello")
    with pytest.raises(NotFound, match="GW2"):
        annotate(site, "GW2", "hello")
    assert messages(site) == []
    assert graceid_of(site, "GW1") == "S150914a"


def test_bad_input_is_refused_before_anything_is_stored(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="some words"):
        annotate(site, "GW1", " ")
    with pytest.raises(InputError, match="a file that is there"):
        annotate(site, "GW1", "file", file=str(tmp_path / "nothing"))
    monkeypatch.setattr(module, "LARGEST", 1)
    (tmp_path / "large").write_text("12")
    with pytest.raises(InputError, match="at most 1"):
        annotate(site, "GW1", "file", file=str(tmp_path / "large"))
    assert messages(site) == []

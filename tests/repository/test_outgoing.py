"""What goes into an event's repository, and that it arrives there through the outbox."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from test_commits import git, show, subjects

from gwfollow.checksums import sha256_of
from gwfollow.delivery import destinations
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.outbox import Report, deliver
from gwfollow.ledger.schema import Asset, Attempt, Journal, Outbox, now
from gwfollow.ledger.store import Ledger
from gwfollow.life.site import current_attempt
from gwfollow.repository import outgoing
from gwfollow.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"), repositories=str(tmp_path / "far"))


def begin(ledger: Ledger, event: str = "GW1", **document: str) -> None:
    text = f"{{kind: event, name: {event}, likelihood: {{sample rate: 2048}}}}\n---\n{{kind: analysis, event: {event}, name: bilby, pipeline: bilby}}"
    with ledger.change(who="test") as change:
        apply(change, read_text(text, "f").blueprints, work=False)
        row = change.event(event)
        row.document = row.document | document


def build(ledger: Ledger, settings: Settings, tmp_path: Path, number: int = 1, event: str = "GW1") -> Path:
    """An attempt that has just been built, with the message that its build causes."""
    folder = tmp_path / event / f"attempt-{number}"
    folder.mkdir(parents=True)
    (folder / "bilby.ini").write_text(f"attempt = {number}\n")
    with ledger.change(who="test") as change:
        row = change.analysis(event, "bilby")
        row.attempt = number
        attempt = Attempt(analysis_id=row.id, number=number, folder=str(folder))
        change.session.add(attempt)
        change.session.flush()
        outgoing.configuration(change, row, attempt, settings)
    return folder


def send(ledger: Ledger, settings: Settings, hours: float = 0) -> Report:
    return deliver(ledger, destinations(settings, ledger), who="test", clock=lambda: now() + timedelta(hours=hours))


def test_a_built_configuration_arrives_under_its_category(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    begin(ledger)
    build(ledger, settings, tmp_path)
    build(ledger, settings, tmp_path, 2)
    assert send(ledger, settings).delivered == 2
    far = tmp_path / "far" / "GW1.git"
    assert show(far, "C01_offline/bilby.ini") == "attempt = 2\n"
    assert subjects(far) == [f"configuration of GW1/bilby, attempt {n}" for n in (2, 1)]


def test_psds_arrive_below_their_sample_rate(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    begin(ledger, category="C00_online")
    folder = build(ledger, settings, tmp_path)
    with ledger.change(who="test") as change:
        row = change.analysis("GW1", "bilby")
        attempt = current_attempt(change.session, row)
        assert attempt is not None
        for ifo in ("H1", "L1"):
            (folder / f"{ifo}.dat").write_text(f"20 1e-46 {ifo}\n")
            path = folder / f"{ifo}.dat"
            asset = Asset(attempt_id=attempt.id, name="psds", label=ifo, path=str(path), sha256=sha256_of(path), size=1)
            change.session.add(asset)
        change.session.flush()
        outgoing.psds(change, row, attempt, settings)
    send(ledger, settings)
    far = tmp_path / "far" / "GW1.git"
    assert show(far, "C00_online/psds/2048/L1-psd.dat") == "20 1e-46 L1\n"
    assert subjects(far)[0] == "psds of GW1/bilby, attempt 1"


def test_a_remote_that_is_down_loses_nothing(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "own.git")
    begin(ledger, repository=str(tmp_path / "own.git"))
    build(ledger, settings, tmp_path)
    (tmp_path / "own.git").rename(tmp_path / "down")
    assert "is not there" in send(ledger, settings).failed[0].reason
    for hours in (1, 2, 3, 4):
        assert not send(ledger, settings, hours).poisoned
    (tmp_path / "down").rename(tmp_path / "own.git")
    assert send(ledger, settings, 5).delivered == 1
    assert show(tmp_path / "own.git", "C01_offline/bilby.ini") == "attempt = 1\n"


def test_nothing_of_a_test_leaves_the_house(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    begin(ledger, "MS240101a")
    build(ledger, settings, tmp_path, event="MS240101a")
    with ledger.read() as session:
        assert session.scalars(select(Outbox)).all() == []
    assert not (tmp_path / "far").exists()


def test_an_event_without_a_repository_has_no_messages(ledger: Ledger, tmp_path: Path) -> None:
    begin(ledger)
    build(ledger, Settings(home=str(tmp_path / "home")), tmp_path)
    with ledger.read() as session:
        assert session.scalars(select(Outbox)).all() == []


@pytest.mark.parametrize(
    "document", [{"repository": "https://me:secret@host/x.git"}, {"category": "../../etc"}, {"repository": "ext::sh"}]
)
def test_a_wrong_address_or_category_stops_no_build(
    ledger: Ledger, settings: Settings, tmp_path: Path, document: dict[str, str]
) -> None:
    begin(ledger, **document)
    build(ledger, settings, tmp_path)
    with ledger.read() as session:
        assert session.scalars(select(Outbox)).all() == []
        (told,) = session.scalars(select(Journal).where(Journal.what == "nothing committed"))
    assert "secret" not in str(told.details)


def test_a_file_that_changed_after_the_build_is_not_committed(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    begin(ledger)
    (build(ledger, settings, tmp_path) / "bilby.ini").write_text("changed\n")
    assert "no longer what it was" in send(ledger, settings).failed[0].reason

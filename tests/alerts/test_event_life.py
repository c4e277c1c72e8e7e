"""The life of an event: every order of its alerts, any number of times, gives the same ledger."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import event as sqlalchemy_event

from gwfollow.alerts.process import process
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from stories import GPS, SITE_POLICY, doubted_story, internal, minute, notice, picture, put, retracted_story, site_of, superevent

Story = Callable[[str], list[tuple[bytes, datetime]]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    # nobody cuts the power here: thousands of writes need not wait for the disk
    monkeypatch.setattr("os.fsync", lambda _: None)
    sqlalchemy_event.listen(ledger.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    ledger.engine.dispose()
    yield site_of(ledger, tmp_path)
    ledger.close()


def names(prefix: str) -> Iterator[str]:
    for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=2):
        yield f"{prefix}{''.join(letters)}"


def told(site: Site, name: str, story: Story, order: tuple[int, ...]) -> dict[str, object]:
    """The ledger after the messages came in this order, each processed when it came, and the third one again at the end."""
    messages = story(name)
    for index in (*order, order[2]):
        put(site, messages[index])
        process(site, events=[name])
    return picture(site.ledger, name)


@pytest.mark.slow
@pytest.mark.parametrize(("story", "every"), [(retracted_story, 1), (doubted_story, 5)], ids=["retracted", "doubted"])
def test_all_120_orders_of_five_messages_give_the_same_ledger(site: Site, story: Story, every: int) -> None:
    fresh = names("S250101")
    expected = told(site, next(fresh), story, (0, 1, 2, 3, 4))
    orders = list(itertools.permutations(range(5)))[::every]
    assert len(orders) == 120 / every
    for order in orders:
        assert told(site, next(fresh), story, order) == expected, order


@pytest.mark.parametrize("story", [retracted_story, doubted_story])
def test_all_messages_at_once_give_what_they_give_one_by_one(site: Site, story: Story) -> None:
    one_by_one = told(site, "S250101a", story, (0, 1, 2, 3, 4))
    for message in reversed(story("S250101b")):
        put(site, message)
    process(site)
    assert picture(site.ledger, "S250101b") == one_by_one


def test_what_the_retracted_event_ends_as(site: Site) -> None:
    ended = told(site, "S250101a", retracted_story, (4, 2, 0, 3, 1))
    assert ended["gps"] == pytest.approx(1419768018.75)
    assert ended["alert"]["labels"] == ["ADVOK"]  # type: ignore[index]
    assert ended["alert"]["preferred_event"] == "G100002"  # type: ignore[index]
    why = "retracted (was ready): a public retraction of 2025-01-01T12:04:00+00:00"
    (psd,) = ended["analyses"].values()  # type: ignore[attr-defined]
    assert psd[1:3] == ["cancelled", why]


def test_what_the_doubted_event_ends_as(site: Site) -> None:
    ended = told(site, "S250101a", doubted_story, (3, 4, 0, 2, 1))
    found = {name: row[1:3] for name, row in ended["analyses"].items()}  # type: ignore[attr-defined]
    # the class was likely for a while: what that asked for stays, and nothing is left of the doubt
    assert found == {"psd": ["ready", None], "pe": ["ready", None], "pages": ["wait", None]}


MORE_RULES = """
  - name: early
    when: {superevent: true, labels: {all: [EM_READY], none: [DQV]}}
    do: {apply: [early.yaml.j2]}
  - name: loud
    when: {far: {max: 1.0e-11}}
    do: {apply: [psd.yaml.j2, early.yaml.j2]}
  - name: injection
    when: {labels: {any: [INJ]}}
    do: {ignore: true}
"""
EARLY = """kind: event
name: {{ name }}
data: {segment length: 8}
---
kind: analysis
name: early
pipeline: onefile
needs: [psd]
far: {{ far }}
"""


def random_message(name: str, chance: random.Random) -> tuple[bytes, datetime]:
    """One of everything that changes an event's life, at one of five minutes."""
    when = chance.randrange(5)
    label = {"name": chance.choice(["DQV", "EM_READY", "INJ", "ADVNO", "ADVOK"]), "at": when}
    labels = tuple(chance.sample(["DQV", "EM_READY", "INJ", "ADVNO", "SIGNIF_LOCKED"], chance.randrange(3)))
    gps, far = chance.choice([GPS, GPS + 0.25]), chance.choice([1e-3, 1e-9, 1e-12])
    about = superevent(chance.choice(["G1", "G2"]), gps, far, labels)
    kind = chance.choice(["preliminary", "initial", "update"])
    advocate = {"signoff_type": "ADV", "status": chance.choice(["OK", "NO"]), "instrument": "", "at": when}
    messages = [
        internal(name, "new", **about),
        internal(name, "update", **about, created=str(when)),
        internal(name, "label_added", label),
        internal(name, "label_removed", label),
        internal(name, "signoff_created", advocate),
        notice(name, "retraction", minute(when)),
        notice(name, kind, minute(when), bbh=chance.choice([0.1, 0.9]), far=chance.choice([1e-3, 1e-10])),
    ]
    return chance.choice(messages), minute(when)


@pytest.mark.slow
def test_random_histories_in_random_orders_and_batches_give_the_same_ledger(site: Site) -> None:
    configs = site.settings.configs_folder
    (configs / "alert_policy.yaml").write_text(SITE_POLICY + MORE_RULES)
    (configs / "blueprints" / "early.yaml.j2").write_text(EARLY)
    fresh, followed = names("S250101"), 0
    for seed in range(15):
        pictures = []
        for shuffled in (False, True):
            name, chance = next(fresh), random.Random(seed)
            story = [random_message(name, chance) for _ in range(2 + seed % 5)]
            if shuffled:
                chance.shuffle(story)
            for message in story:
                put(site, message)
                if shuffled and chance.random() < 0.7:
                    process(site, events=[name])
            process(site, events=[name])
            pictures.append(picture(site.ledger, name))
        # an event that only a part of the history asked for stays as an inactive one without analyses
        if pictures[0] or pictures[1].get("active") or pictures[1].get("analyses"):
            assert pictures[1] == pictures[0], seed
        followed += bool(pictures[0])
    assert followed > 7


@pytest.mark.system
def test_a_sample_of_the_orders_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    ledger = Ledger.open(postgres_url)
    site = site_of(ledger, tmp_path)
    fresh = names("S250101")
    for story in (retracted_story, doubted_story):
        expected = told(site, next(fresh), story, (0, 1, 2, 3, 4))
        for order in itertools.islice(itertools.permutations(range(5)), 7, None, 17):
            assert told(site, next(fresh), story, order) == expected, order
    ledger.close()

"""Conditions on labels, and one look at GraceDB for everybody who waits for some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent, SchedulerSilent
from gwfollow.gracedb.labels import LabelWatch, labels_of, parse, waiting_for
from gwfollow.schedulers.base import JobState


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ("ADVOK", "ADVOK DQV", True),
        ("ADVOK", "DQV", False),
        ("~ADVNO", "", True),
        ("ADVOK & ~ADVNO", "ADVOK", True),
        ("ADVOK & ~ADVNO", "ADVOK ADVNO", False),
        ("A | B & C", "A", True),
        ("A | B & C", "B", False),
        ("(A | B) & C", "A", False),
        ("(A | B) & C", "B C", True),
        ("~(A | B)", "C", True),
        ("~~A", "A", True),
        ("  A&B  ", "A B", True),
    ],
)
def test_a_condition_says_yes_or_no(text: str, labels: str, holds: bool) -> None:
    assert parse(text)(set(labels.split())) is holds


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "the end"), ("A &", "the end"), ("A B", "B"), ("(A", "the end"), ("A)", r"\)"), ("A; B", ";"), ("& A", "&")],
)
def test_what_is_none_is_refused_with_the_place(text: str, found: str) -> None:
    with pytest.raises(InputError, match=rf"found '{found}', expected labels joined by"):
        parse(text)


class GraceDB:
    """Superevents with labels; counts what it is asked."""

    def __init__(self, **labels: str) -> None:
        self.have = {name: set(found.split()) for name, found in labels.items()}
        self.asked: list[str] = []
        self.silent = False

    def labels(self, graceid: str) -> set[str]:
        self._ask(graceid)
        if graceid not in self.have:
            raise RemoteRefused(f"404: {graceid}", 404)
        return self.have[graceid]

    def superevents(self, query: str) -> Iterator[dict[str, Any]]:
        self._ask(query)
        category = query.rpartition(" ")[2]
        for name, labels in self.have.items():
            if {"M": "MDC", "T": "Test"}.get(name[0], "Production") == category:
                yield {"superevent_id": name, "labels": sorted(labels)}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.silent:
            raise RemoteSilent("away")


def test_many_superevents_of_a_few_days_are_one_question() -> None:
    gracedb = GraceDB(**{f"S2407{day}{letter}": "DQV" for day in (16, 17) for letter in "abcdefgh"})
    names = set(gracedb.have)

    assert labels_of(gracedb, names) == {name: {"DQV"} for name in names}  # type: ignore[arg-type]
    # 2024-07-16 and -17 from midnight to midnight, GPS, and a minute on both sides
    assert gracedb.asked == ["t_0: 1405123158 .. 1405296078 category: Production"]


def test_few_and_events_are_asked_for_one_by_one_and_categories_apart() -> None:
    gracedb = GraceDB(S240716a="A", S240101a="B", G123="C", **{f"MS240716{letter}": "D" for letter in "abcd"})

    found = labels_of(gracedb, {*gracedb.have, "S240716z"})  # type: ignore[arg-type]

    assert isinstance(found.pop("S240716z"), RemoteRefused)
    assert found == gracedb.have
    assert len(gracedb.asked) == 5
    assert sum(" category: MDC" in asked for asked in gracedb.asked) == 1


def test_a_superevent_that_moved_out_of_its_day_is_asked_for_by_itself() -> None:
    gracedb = GraceDB(**{f"S240716{letter}": "" for letter in "abcd"})
    others = {f"S240716{letter}": {"X"} for letter in "yz"}
    gracedb.superevents = lambda query: iter(())  # type: ignore[method-assign]
    gracedb.have |= others

    assert labels_of(gracedb, set(gracedb.have)) == gracedb.have  # type: ignore[arg-type]


def test_everybody_learns_from_one_look_what_became_of_their_condition() -> None:
    gracedb = GraceDB(S240716a="ADVOK")
    waits = [waiting_for(*wait) for wait in (("S240716a", "ADVOK"), ("S240716a", "ADVNO"), ("S240716b", "DQV"))]

    found = LabelWatch(lambda: gracedb).query(waits)  # type: ignore[arg-type,return-value]

    assert [found[wait].state for wait in waits] == [JobState.COMPLETED, JobState.RUNNING, JobState.HELD]
    assert found[waits[0]].reason == "ADVOK"
    assert "404" in found[waits[2]].reason
    assert sorted(gracedb.asked) == ["S240716a", "S240716b"]


def test_silence_is_silence_and_the_next_look_has_a_new_client() -> None:
    made: list[GraceDB] = []

    def make() -> Any:
        made.append(GraceDB(S240716a=""))
        made[-1].silent = len(made) == 1
        return made[-1]

    watch = LabelWatch(make)
    wait = waiting_for("S240716a", "DQV")
    with pytest.raises(SchedulerSilent, match="away"):
        watch.query([wait])
    assert watch.query([wait])[wait].state is JobState.RUNNING
    watch.query([wait])
    assert len(made) == 2

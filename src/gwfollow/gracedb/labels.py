"""Conditions on labels, and one look at GraceDB for everybody who waits for some."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent, SchedulerSilent
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.schedulers.base import JobState, JobStatus
from gwfollow.times import utc_to_gps

Condition = Callable[[Collection[str]], bool]

_WORD = re.compile(r"\s*(?:(?P<label>[A-Za-z0-9_-]+)|(?P<sign>[&|~()]))")
_SUPEREVENT = re.compile(r"(?P<category>[MT]?)S(?P<day>\d{6})[a-z]+")
_CATEGORIES = {"": "Production", "M": "MDC", "T": "Test"}
#: superevents of a few days that are asked for with one query; fewer are asked for one by one, which GraceDB answers faster
MANY = 4
#: days without anybody waiting that one query still spans
GAP = timedelta(days=2)


# ---- conditions --------------------------------------------------------------------------------------------------------
def parse(text: str) -> Condition:
    """What ``ADVOK & ~(ADVNO | INJ)`` says of a set of labels: & before |, ~ for not, parentheses.  Raises `InputError`."""
    words = _words(text)
    condition, left = _any_of(words, text)
    if left:
        raise _wrong(text, left[0])
    return condition


def _words(text: str) -> list[str]:
    words, position = [], 0
    while position < len(text.rstrip()):
        match = _WORD.match(text, position)
        if match is None:
            raise _wrong(text, text[position:].strip()[:1])
        words.append(match["label"] or match["sign"])
        position = match.end()
    return words


def _any_of(words: list[str], text: str) -> tuple[Condition, list[str]]:
    first, words = _all_of(words, text)
    parts = [first]
    while words[:1] == ["|"]:
        part, words = _all_of(words[1:], text)
        parts.append(part)
    return (lambda labels: any(part(labels) for part in parts)), words


def _all_of(words: list[str], text: str) -> tuple[Condition, list[str]]:
    first, words = _one(words, text)
    parts = [first]
    while words[:1] == ["&"]:
        part, words = _one(words[1:], text)
        parts.append(part)
    return (lambda labels: all(part(labels) for part in parts)), words


def _one(words: list[str], text: str) -> tuple[Condition, list[str]]:
    if not words:
        raise _wrong(text, "the end")
    word, rest = words[0], words[1:]
    if word == "~":
        inner, rest = _one(rest, text)
        return (lambda labels: not inner(labels)), rest
    if word == "(":
        inner, rest = _any_of(rest, text)
        if rest[:1] != [")"]:
            raise _wrong(text, rest[0] if rest else "the end")
        return inner, rest[1:]
    if word in "&|)":
        raise _wrong(text, word)
    return (lambda labels: word in labels), rest


def _wrong(text: str, word: str) -> InputError:
    return InputError(f"labels {text!r}", word, "labels joined by & | ~ and parentheses, as in ADVOK & ~ADVNO")


# ---- one look for all --------------------------------------------------------------------------------------------------
def labels_of(client: GraceDBClient, graceids: Collection[str]) -> dict[str, set[str] | RemoteRefused]:
    """The labels of each event or superevent, or why GraceDB does not show it; few requests for many superevents.

    Raises `RemoteSilent`.
    """
    found: dict[str, set[str] | RemoteRefused] = {}
    for category, first, last in _spans(graceids):
        window = f"t_0: {utc_to_gps(first) - 60:.0f} .. {utc_to_gps(last + timedelta(days=1)) + 60:.0f}"
        for superevent in client.superevents(f"{window} category: {category}"):
            if superevent["superevent_id"] in graceids:
                found[superevent["superevent_id"]] = set(superevent["labels"])
    for graceid in set(graceids) - set(found):
        try:
            found[graceid] = client.labels(graceid)
        except RemoteRefused as error:
            found[graceid] = error
    return found


def _spans(graceids: Collection[str]) -> Iterator[tuple[str, datetime, datetime]]:
    """Category, first and last day wherever many superevents lie close together."""
    days: dict[str, list[datetime]] = {}
    for graceid in graceids:
        if match := _SUPEREVENT.fullmatch(graceid):
            day = datetime.strptime(match["day"], "%y%m%d").replace(tzinfo=UTC)
            days.setdefault(_CATEGORIES[match["category"]], []).append(day)
    for category, found in days.items():
        clusters: list[list[datetime]] = []
        for day in sorted(found):
            if clusters and day - clusters[-1][-1] <= GAP:
                clusters[-1].append(day)
            else:
                clusters.append([day])
        yield from ((category, cluster[0], cluster[-1]) for cluster in clusters if len(cluster) >= MANY)


def waiting_for(graceid: str, labels: str) -> str:
    """What `LabelWatch` is asked about: an id and a condition."""
    return json.dumps([graceid, labels])


class LabelWatch:
    """A bulk query in the form of a scheduler's: *completed* when the condition holds, *held* where GraceDB does not show the event.

    The client is made at the first look, and again after a failure: a connection may have got a new token.
    """

    def __init__(self, make_client: Callable[[], GraceDBClient]) -> None:
        self._make = make_client
        self._client: GraceDBClient | None = None

    def query(self, waits: Collection[str]) -> dict[str, JobStatus]:
        """Raises `SchedulerSilent` where GraceDB does not answer."""
        asked = {wait: tuple(json.loads(wait)) for wait in waits}
        try:
            self._client = self._client or self._make()
            found = labels_of(self._client, {graceid for graceid, _ in asked.values()})
        except RemoteSilent as error:
            self._client = None
            raise SchedulerSilent(str(error)) from None
        return {wait: _status(found[graceid], condition) for wait, (graceid, condition) in asked.items()}


def _status(labels: set[str] | RemoteRefused, condition: str) -> JobStatus:
    if isinstance(labels, RemoteRefused):
        return JobStatus(JobState.HELD, reason=str(labels))
    if parse(condition)(labels):
        return JobStatus(JobState.COMPLETED, exit_code=0, reason=", ".join(sorted(labels)))
    return JobStatus(JobState.RUNNING)


__all__ = ["LabelWatch", "labels_of", "parse", "waiting_for"]

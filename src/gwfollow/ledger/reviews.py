"""People's verdicts on analyses: approved, rejected, deprecated, preferred.

A verdict is about results, so it can be given once there are some, and it is about those results alone: it counts as long as the
attempt that they came from is the present one, that is while the verdict is younger than that attempt.  (An attempt has no results
when it begins, and no verdict is taken while it has none, so nothing else can be younger.)  Of several verdicts the newest counts;
all stay in the table and in the journal.

    preferred   says approved too; an event has one, and the one before becomes approved again
    rejected    is not published
    deprecated  stays visible and published where it was; it no longer counts as approved
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Analysis, Attempt, Event, Review, now
from gwfollow.ledger.states import SATISFIES
from gwfollow.ledger.store import Change
from gwfollow.naming import PROJECT

#: what a person types -> the verdict
VERBS = {"approve": "approved", "reject": "rejected", "deprecate": "deprecated", "prefer": "preferred"}
VERDICTS = tuple(VERBS.values())
#: these let an analysis with `review_first` be published and finalised, and meet the need ``review: approved``
APPROVING = frozenset({"approved", "preferred"})


def check_verdict(word: object, place: str) -> str:
    """The verdict as it is stored (``APPROVED``, ``approve`` -> ``approved``).  Raises `InputError`."""
    text = word.strip().lower() if isinstance(word, str) else ""
    found = VERBS.get(text, text)
    if found not in VERDICTS:
        raise InputError(place, word, "one of " + ", ".join(VERDICTS))
    return found


def current_verdicts(session: Session, event: Event) -> dict[int, Review]:
    """The verdict that counts of each analysis of the event that has one, by the id of its row."""
    return _current(session, Analysis.event_id == event.id)


def verdicts_in(session: Session, event_ids: Collection[int]) -> dict[int, Review]:
    """`current_verdicts` of several events, by their ids."""
    return _current(session, Analysis.event_id.in_(event_ids))


def current_verdict(session: Session, analysis: Analysis) -> Review | None:
    """The verdict that counts; None without one, or where it was about an earlier attempt."""
    return session.scalars(_of_one(), {"analysis": analysis.id}).first()


def _current(session: Session, condition: ColumnElement[bool]) -> dict[int, Review]:
    query = _counting().where(condition).order_by(Review.time, Review.id)
    return {review.analysis_id: review for review in session.scalars(query)}


@cache
def _of_one() -> Select[Review]:
    newest_first = (Review.time.desc(), Review.id.desc())
    return _counting().where(Analysis.id == bindparam("analysis")).order_by(*newest_first).limit(1)


@cache
def _counting() -> Select[Review]:
    """Verdicts about the present attempts, put together once: every step of publishing asks for them."""
    present = (Attempt.analysis_id == Analysis.id) & (Attempt.number == Analysis.attempt)
    query = select(Review).join(Analysis, Review.analysis_id == Analysis.id).outerjoin(Attempt, present)
    return query.where(or_(Attempt.id.is_(None), Review.time >= Attempt.created))


def withheld(session: Session, analysis: Analysis) -> str | None:
    """Why the analysis may not be published or finalised; None where it may."""
    verdict = current_verdict(session, analysis)
    if verdict is not None and verdict.verdict == "rejected":
        return f"was rejected by {verdict.person}" + (f": {verdict.message}" if verdict.message else "")
    if analysis.review_first and (verdict is None or verdict.verdict not in APPROVING):
        return "waits for a person's approval" + (f" (was {verdict.verdict} by {verdict.person})" if verdict else "")
    return None


def rejected_ids(session: Session, event: Event) -> set[int]:
    """Ids of the event's analyses whose verdict is *rejected*: they are not published, so no run has work by their results."""
    return {key for key, review in current_verdicts(session, event).items() if review.verdict == "rejected"}


def record(
    change: Change,
    analysis: Analysis,
    verdict: str,
    *,
    message: str = "",
    person: str | None = None,
    time: datetime | None = None,
    attempt: int | None = None,
) -> bool:
    """Store a verdict with its journal entry, and ask for the run that may publish; False where the very same one counts already.

    Parameters
    ----------
    person : whose verdict it is; by default who makes the change
    time : when it was given; by default now
    attempt : the attempt that the person looked at: refused where another one is the present one

    Raises
    ------
    InputError : not a verdict, no results to review, or another attempt's
    """
    place = f"{analysis.event.name}/{analysis.name}"
    verdict, person, message = check_verdict(verdict, place), person or change.who, " ".join(message.split())
    if attempt is not None and attempt != analysis.attempt:
        raise InputError(f"{place}: this verdict is about attempt {attempt}, and attempt {analysis.attempt} is the present one")
    if analysis.status not in SATISFIES:
        raise InputError(
            f"{place}: has no results to review: it is {analysis.status!r}, not one of {', '.join(sorted(SATISFIES))}"
        )
    if _is_there(change.session, analysis, verdict, person, message, time):
        return False
    if verdict == "preferred" and analysis.event.name != PROJECT:
        _step_back(change, analysis)
    _add(change, analysis, verdict, person, message, time or now())
    _give_work(change, analysis)
    return True


def _is_there(session: Session, analysis: Analysis, verdict: str, person: str, message: str, time: datetime | None) -> bool:
    if time is not None:  # it was given elsewhere, at that time: a blueprint that is applied again brings it again
        about = (Review.analysis_id == analysis.id, Review.verdict == verdict, Review.person == person, Review.time == time)
        return session.scalar(select(Review.id).where(*about)) is not None
    present = current_verdict(session, analysis)
    return present is not None and (present.verdict, present.person, present.message) == (verdict, person, message)


def _step_back(change: Change, analysis: Analysis) -> None:
    """The preferred analysis of the event, if another one is: approved again."""
    for other_id, review in current_verdicts(change.session, analysis.event).items():
        if review.verdict == "preferred" and other_id != analysis.id:
            other = change.session.get(Analysis, other_id)
            assert other is not None
            _add(change, other, "approved", change.who, f"{analysis.name} is preferred now", now())


def _add(change: Change, analysis: Analysis, verdict: str, person: str, message: str, time: datetime) -> None:
    change.session.add(Review(analysis_id=analysis.id, verdict=verdict, person=person, message=message, time=time))
    details = {"message": message} if message else {}
    change.journal(
        f"review: {verdict}",
        event=analysis.event.name,
        analysis=analysis.name,
        person=person,
        attempt=analysis.attempt,
        **details,
    )
    change.session.flush()


def _give_work(change: Change, analysis: Analysis) -> None:
    """A run for the publication that waited for the verdict; who else looks at it is told by `gwfollow.life.changes`."""
    if analysis.status in {"finished", "processing"} and withheld(change.session, analysis) is None:
        change.give_work(analysis.event, everything=True)


def reviews_of(session: Session, rows: Iterable[Analysis]) -> dict[int, list[Review]]:
    """All verdicts of these analyses, oldest first, by the id of the row."""
    found: dict[int, list[Review]] = {row.id: [] for row in rows}
    query = select(Review).where(Review.analysis_id.in_(found)).order_by(Review.time, Review.id)
    for review in session.scalars(query):
        found[review.analysis_id].append(review)
    return found


__all__ = [
    "APPROVING",
    "VERBS",
    "VERDICTS",
    "check_verdict",
    "current_verdict",
    "current_verdicts",
    "record",
    "rejected_ids",
    "reviews_of",
    "verdicts_in",
    "withheld",
]

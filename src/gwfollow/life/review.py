"""Review in the life of an analysis: what a verdict sets going, and how a task waits for one.

The ledger is the truth (`gwfollow.ledger.reviews`): Airflow's answer is written there, and a verdict from anywhere ends the wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gwfollow.errors import GWFollowError, SchedulerSilent
from gwfollow.ledger.reviews import current_verdict, current_verdicts, record, withheld
from gwfollow.ledger.schema import Analysis, Event, Review
from gwfollow.ledger.store import Change, Ledger, find_analysis
from gwfollow.life.refresh import refresh_after
from gwfollow.life.site import NoWork, Site, current_attempt, job_key
from gwfollow.schedulers.base import JobState, JobStatus

#: an analysis in one of these may wait for a verdict
_WITH_RESULTS = frozenset({"finished", "processing"})


@dataclass(frozen=True)
class Standing:
    """How the review of an analysis stands."""

    attempt: int
    verdict: str  # empty while there is none that counts
    person: str = ""
    message: str = ""
    waits: bool = False  # nothing may be published before a person approves
    begun: datetime | None = None  # when the attempt was made: an older answer is not about it


def give_verdict(change: Change, analysis: Analysis, verdict: str, *, message: str = "", attempt: int | None = None) -> bool:
    """A person's verdict, with all that follows from it; False where the same counts already.  Raises as `reviews.record`."""
    given = record(change, analysis, verdict, message=message, attempt=attempt)
    if given:
        refresh_after(change, analysis)
    return given


def standing(site: Site, event: str, analysis: str) -> Standing:
    """Raises `NoWork` where there are no results to publish."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        if row.status in {"uploaded", "finalised"}:
            return Standing(row.attempt, row.status)
        if row.status not in _WITH_RESULTS:
            raise NoWork(f"{event}/{analysis} is {row.status}: there is nothing to review")
        given = current_verdict(session, row)
        attempt = current_attempt(session, row)
        begun = attempt.created if attempt is not None else None
        if given is None:
            return Standing(row.attempt, "", waits=row.review_first, begun=begun)
        undecided = given.verdict != "rejected" and withheld(session, row) is not None
        return Standing(row.attempt, given.verdict, given.person, given.message, waits=undecided, begun=begun)


def answer(site: Site, event: str, analysis: str, verdict: str, *, message: str, attempt: int) -> None:
    """Write down what a person answered in Airflow about `attempt`.  Raises `NoWork` where another one is present now."""

    def action(change: Change) -> None:
        row = change.analysis(event, analysis)
        if row.attempt != attempt or row.status not in _WITH_RESULTS:
            raise NoWork(
                f"{event}/{analysis}: the answer is about attempt {attempt}; it is {row.status} at attempt {row.attempt}"
            )
        give_verdict(change, row, verdict, message=message, attempt=attempt)

    site.ledger.run(action, who=site.who, why=message)


def in_words(review: Review) -> str:
    """``approved by alice: the chains have converged``."""
    return f"{review.verdict} by {review.person}" + (f": {review.message}" if review.message else "")


def key_of(event: str, analysis: str, attempt: int) -> str:
    """Under which `decisions` tells of an analysis."""
    return job_key(event, analysis, attempt, 0)


def decisions(ledger: Ledger, keys: Collection[str]) -> dict[str, JobStatus]:
    """For the shared poller, as a scheduler tells of jobs: an analysis whose review is over has *completed*, any other is *running*.

    `reason` has the verdict in words.  Over is also a review that nobody asks for any more: other results, another status, or gone.
    """
    events: dict[str, set[str]] = {}
    for key in keys:
        events.setdefault(key.split("/", 1)[0], set()).add(key)
    found: dict[str, JobStatus] = {}
    try:
        with ledger.read() as session:
            for event in session.scalars(select(Event).where(Event.name.in_(events))):
                given = current_verdicts(session, event)
                for row in event.analyses:
                    key = key_of(event.name, row.name, row.attempt)
                    verdict = given[row.id].verdict if row.id in given else ""
                    if key not in events[event.name] or row.status not in _WITH_RESULTS or not row.review_first:
                        continue
                    decided = verdict in {"approved", "preferred", "rejected"}
                    state = JobState.COMPLETED if decided else JobState.RUNNING
                    found[key] = JobStatus(state, reason=in_words(given[row.id]) if decided else "")
    except GWFollowError as error:
        raise SchedulerSilent(f"the ledger does not say: {error}") from error
    return {key: found.get(key, JobStatus(JobState.COMPLETED)) for key in keys}


__all__ = ["Standing", "answer", "decisions", "give_verdict", "in_words", "key_of", "standing"]

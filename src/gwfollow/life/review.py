"""Review in the life of an analysis: what a verdict sets going, and how a task waits for one.

The ledger is the truth (`gwfollow.ledger.reviews`): Airflow's answer is written there, and a verdict from anywhere ends the wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from gwfollow.errors import GWFollowError, SchedulerSilent
from gwfollow.ledger.reviews import current_verdict, current_verdicts, record, withheld
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import Change, Ledger, find_analysis
from gwfollow.life.site import NoWork, Site, job_key
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


def give_verdict(change: Change, analysis: Analysis, verdict: str, *, message: str = "", attempt: int | None = None) -> bool:
    """A person's verdict, with all that follows from it; False where the same counts already.  Raises as `reviews.record`."""
    return record(change, analysis, verdict, message=message, attempt=attempt)


def standing(site: Site, event: str, analysis: str) -> Standing:
    """Raises `NoWork` where there are no results to publish."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        if row.status in {"uploaded", "finalised"}:
            return Standing(row.attempt, row.status)
        if row.status not in _WITH_RESULTS:
            raise NoWork(f"{event}/{analysis} is {row.status}: there is nothing to review")
        given = current_verdict(session, row)
        if given is None:
            return Standing(row.attempt, "", waits=row.review_first)
        undecided = given.verdict != "rejected" and withheld(session, row) is not None
        return Standing(row.attempt, given.verdict, given.person, given.message, waits=undecided)


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


def key_of(event: str, analysis: str, attempt: int) -> str:
    """Under which `decisions` tells of an analysis."""
    return job_key(event, analysis, attempt, 0)


def decisions(ledger: Ledger, keys: Collection[str]) -> dict[str, JobStatus]:
    """For the shared poller, as a scheduler tells of jobs: an analysis whose review is over has *completed*, any other is *running*.

    Over is a review that was given, and one that is no longer asked for: other results, another status, archived, or not there.
    Two queries for each event, however many analyses wait.
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
                    decided = verdict in {"approved", "preferred", "rejected"}
                    if key in events[event.name] and row.status in _WITH_RESULTS and row.review_first and not decided:
                        found[key] = JobStatus(JobState.RUNNING)
    except GWFollowError as error:
        raise SchedulerSilent(f"the ledger does not say: {error}") from error
    return {key: found.get(key, JobStatus(JobState.COMPLETED)) for key in keys}


__all__ = ["Standing", "answer", "decisions", "give_verdict", "key_of", "standing"]

"""What a person may ask of an analysis, and what follows: one place for the command line, the web UI and blueprints.

    wait, ready, manual, cancelled, finalised   a status that a person sets
    restart     a fresh attempt; the old folder stays, and what ran is removed first
    stop        its jobs are taken from the scheduler, confirmed, and it is stopped
    resurrect   a stuck one goes on where it was: its job once more, its post-processing once more, or its publication
    finished, uploaded   for one that was run by hand

The table of transitions (`gwfollow.ledger.states`) decides what is legal; what is here only narrows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from gwfollow.errors import IllegalTransition, InputError
from gwfollow.ledger.reviews import withheld
from gwfollow.ledger.schema import Analysis, Attempt
from gwfollow.ledger.states import TRANSITIONS, check_transition
from gwfollow.ledger.store import Change

#: what a person may ask for, and after which statuses where that is narrower than the table
PEOPLE: dict[str, frozenset[str]] = {
    "wait": frozenset(TRANSITIONS),
    "ready": frozenset(TRANSITIONS),
    "restart": frozenset(TRANSITIONS),
    "stop": frozenset(TRANSITIONS),
    "manual": frozenset(TRANSITIONS),
    "cancelled": frozenset(TRANSITIONS),
    "finalised": frozenset(TRANSITIONS),
    "finished": frozenset({"manual"}),
    "uploaded": frozenset({"manual"}),
}
#: asks for a stuck analysis to go on; no status
RESURRECT = "resurrect"
#: these give a run of the event something to do; a result made by hand may be what another analysis waits for
_GIVES_WORK = frozenset({"ready", "restart", "stop", "finished", "uploaded"})
#: begins the reason of a stuck analysis that a person has sent on
_MARK = "resurrected by "


@dataclass(frozen=True)
class Asked:
    """What became of it."""

    old: str
    new: str  # the status now: the old one where there was nothing to do

    @property
    def changed(self) -> bool:
        return self.old != self.new


def ask(change: Change, analysis: Analysis, verb: str, *, attempt: int | None = None) -> Asked:
    """Do what a person asks; the status that is there already asks for nothing.

    Parameters
    ----------
    verb : a key of `PEOPLE`, or `RESURRECT`
    attempt : the one that the person saw; refused where another one is the present one

    Raises
    ------
    IllegalTransition : the table says no; names both statuses
    InputError : not for people, or not in this case; the text says why
    """
    place = f"{analysis.event.name}/{analysis.name}"
    if attempt is not None and attempt != analysis.attempt:
        raise InputError(f"{place}: you saw attempt {attempt}, and attempt {analysis.attempt} is the present one; look again")
    old = analysis.status
    if verb == old:
        return Asked(old, old)
    if verb == RESURRECT:
        new = _resurrected(change, analysis, place)
        change.set_status(analysis, new, reason=_MARK + change.who + (f": {change.why}" if change.why else ""))
        _give_work(change, analysis, everything=True)
        return Asked(old, new)
    _check(change, analysis, verb, place)
    change.set_status(analysis, verb, reason=change.why or None)
    if verb in _GIVES_WORK:
        # a run that is started for what is ready does not look at results
        _give_work(change, analysis, everything=verb == "finished")
    return Asked(old, verb)


def may_ask(status: str) -> tuple[str, ...]:
    """The verbs that are legal after a status, as far as that alone tells; `ask` has the last word."""
    found = [verb for verb, after in PEOPLE.items() if status in after and verb in TRANSITIONS[status]]
    return (RESURRECT, *found) if status == "stuck" else tuple(found)


def sent_on(analysis: Analysis) -> bool:
    """Whether a person has asked for one more try, and nobody has begun it yet."""
    return (analysis.reason or "").startswith(_MARK)


def begun(analysis: Analysis) -> None:
    """The try that the person asked for has begun: the next failure is judged by the pipeline's own limit again."""
    if sent_on(analysis):
        analysis.reason = None


def _check(change: Change, analysis: Analysis, verb: str, place: str) -> None:
    if verb not in PEOPLE:
        cure = f"; {RESURRECT!r} sends a stuck analysis on" if verb in {"running", "processing"} else ""
        raise InputError(f"{place}, status", verb, f"one that people set: {', '.join(PEOPLE)}{cure}")
    check_transition(place, analysis.status, verb)
    if analysis.status not in PEOPLE[verb]:
        raise InputError(f"{place}: {verb!r} is set by hand only after {', '.join(PEOPLE[verb])}; it is {analysis.status!r}")
    if verb == "finalised" and (why_not := withheld(change.session, analysis)) is not None:
        raise InputError(f"{place}: cannot be finalised: it {why_not}")


def _resurrected(change: Change, analysis: Analysis, place: str) -> str:
    """The status of a stuck analysis that goes on where it was."""
    if analysis.status != "stuck":
        raise IllegalTransition(place, analysis.status, "running (resurrected)", TRANSITIONS[analysis.status])
    query = select(Attempt).where(Attempt.analysis_id == analysis.id, Attempt.number == analysis.attempt)
    attempt = change.session.scalar(query)
    jobs = [job for job in attempt.jobs if job.job_id is not None] if attempt is not None else []
    if attempt is not None and attempt.state == "collected":
        return "processing" if any(job.purpose == "post" for job in jobs) else "finished"
    if not jobs:
        raise InputError(f"{place}: no job of it is there to be resurrected; 'restart' asks for a fresh attempt")
    return "running"


def _give_work(change: Change, analysis: Analysis, *, everything: bool) -> None:
    event = analysis.event
    if not event.active:
        event.active = True
        change.journal("active again: it has been given work", event=event.name)
    change.give_work(event, everything=everything)


__all__ = ["PEOPLE", "RESURRECT", "Asked", "ask", "begun", "may_ask", "sent_on"]

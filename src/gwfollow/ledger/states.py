"""The statuses of an analysis and which may follow which: the one table (words: asimov's).

wait        applied, but a person or a need holds it back
ready       may be built and submitted as soon as what it needs is done
running     its job is with a scheduler
finished    complete: the results have been opened and their checksums are in the ledger
processing  the pipeline's own post-processing job runs
uploaded    results stored and announced
finalised   a person has closed it
stuck       needs a person; the reason stands beside it
restart     a fresh attempt is asked for; the old folder is kept
stop        to be taken from the scheduler;  stopped: it has been
manual      run by hand, not touched;        cancelled: will not be run
"""

from __future__ import annotations

from collections.abc import Callable

from gwfollow.errors import IllegalTransition, InputError

TRANSITIONS: dict[str, frozenset[str]] = {
    "wait": frozenset({"ready", "manual", "cancelled"}),
    "ready": frozenset({"wait", "running", "stuck", "stop", "manual", "cancelled"}),
    "running": frozenset({"finished", "stuck", "stop", "restart"}),
    "finished": frozenset({"processing", "uploaded", "stuck", "restart"}),
    "processing": frozenset({"uploaded", "stuck", "stop", "restart"}),
    "uploaded": frozenset({"finalised", "restart"}),
    "finalised": frozenset(),
    "stuck": frozenset({"running", "processing", "finished", "restart", "stop", "manual", "cancelled"}),
    "restart": frozenset({"ready", "running", "stuck", "stop", "wait", "manual", "cancelled"}),
    "stop": frozenset({"stopped", "stuck"}),
    "stopped": frozenset({"restart", "manual", "cancelled"}),
    "manual": frozenset({"ready", "finished", "uploaded", "cancelled"}),
    "cancelled": frozenset({"wait", "ready", "restart"}),
}

STATUSES = tuple(TRANSITIONS)
#: words of asimov and olivaw for what has another name here
ALIASES = {
    "start": "ready",
    "blocked": "wait",
    "unready": "wait",
    "complete": "finished",
    "uploading": "processing",
    "manualupload": "manual",
    "finalized": "finalised",
    "canceled": "cancelled",
}
#: what a run of the event's DAG has work for, when the needs are met
STARTABLE = frozenset({"ready", "restart"})
#: a run works on these too: a job to wait for, results to process or publish, a job to remove
IN_HAND = frozenset({"running", "finished", "processing", "stop"})
#: an analysis that needs one of these may start
SATISFIES = frozenset({"finished", "processing", "uploaded", "finalised"})
#: where a mark of progress says something
RUNS = frozenset({"running", "processing", "stuck"})
#: nothing more will happen unless a person asks
FINAL = frozenset({"uploaded", "finalised", "stopped", "cancelled"})


def check_status(word: object, place: str, warn: Callable[[str], None] | None = None) -> str:
    """The status as the table spells it (``Ready`` -> ``ready``); `InputError` for any other word.

    With `warn` the words of `ALIASES` are read too, and it is told what they were taken for.
    """
    status = word.strip().lower() if isinstance(word, str) else word
    if warn is not None and isinstance(status, str) and status in ALIASES:
        warn(f"{place}: {word!r} is read as {ALIASES[status]!r}, which is its name here")
        return ALIASES[status]
    if not isinstance(status, str) or status not in TRANSITIONS:
        raise InputError(place, word, "one of " + ", ".join(STATUSES))
    return status


def check_transition(what: str, old: str, new: str) -> None:
    """Raise `IllegalTransition` unless ``old -> new`` stands in the table."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(what, old, new, TRANSITIONS[old])

"""What a person may do with an analysis on its event's tab: the verbs of the command line, as buttons."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, HTTPException

from gwfollow.delivery import deliver_now
from gwfollow.ledger.reviews import VERBS
from gwfollow.ledger.schema import Review
from gwfollow.ledger.states import SATISFIES
from gwfollow.ledger.steering import RESURRECT, ask, may_ask
from gwfollow.ledger.store import Change
from gwfollow.life.clean import IN_USE, clean, human
from gwfollow.life.refresh import refresh_after
from gwfollow.life.review import give_verdict
from gwfollow.life.site import Site
from gwfollow.naming import event_of_dag
from gwfollow.provider.web import site
from gwfollow.provider.web.guards import CHANGES_EVENT, User, guarded_router

router = guarded_router()

CLEAN = "clean"
#: verb -> what its button says, and what it does
WORDS: dict[str, tuple[str, str]] = {
    RESURRECT: ("Resurrect", "goes on where it was: a held job is released, an ended one taken up again"),
    "restart": ("Restart", "a fresh attempt; the old folder is kept, what runs is removed first"),
    "stop": ("Stop", "its job is taken from the scheduler"),
    "ready": ("Make ready", "runs as soon as what it needs is done"),
    "wait": ("Hold back", "does not run until somebody makes it ready"),
    "manual": ("Run by hand", "is left to people"),
    "cancelled": ("Cancel", "will not be run"),
    "finished": ("Is finished", "was run by hand: what needs it may start"),
    "uploaded": ("Is uploaded", "was run and published by hand"),
    "finalised": ("Finalise", "is closed for good"),
    "approve": ("Approve", "the results are good; publishes them where that waited for it"),
    "prefer": ("Prefer", "the one analysis of this event to be quoted; approves it too"),
    "deprecate": ("Deprecate", "better results exist; it stays visible"),
    "reject": ("Reject", "the results are wrong; it is not published"),
    CLEAN: ("Clean", "deletes checkpoints and caches of the present attempt, and never results"),
}
LONGEST = 2000


@router.post("/dag/{dag_id}/analyses/{analysis}", dependencies=CHANGES_EVENT)
def steer(
    user: User,
    dag_id: str,
    analysis: str,
    background: BackgroundTasks,
    verb: Annotated[str, Body(max_length=40)],
    attempt: Annotated[int, Body(ge=0)],
    why: Annotated[str, Body(max_length=LONGEST)] = "",
) -> dict[str, str]:
    """Do what the person asks of the analysis; `attempt` is the one that the page showed."""
    event = event_of_dag(dag_id)
    if not event:
        raise HTTPException(404, f"{dag_id} is not an event")
    if verb not in WORDS:
        raise HTTPException(400, f"{verb!r} is none of {', '.join(WORDS)}")
    who = f"airflow:{user.get_name()}"
    if verb == CLEAN:
        return {"text": _clean(event, analysis, who, attempt)}
    ledger = site.ledger()
    text = ledger.run(lambda change: _do(change, event, analysis, verb, why, attempt), who=who, why=" ".join(why.split()))
    # the answer does not wait for Airflow, which is what we are a part of
    background.add_task(deliver_now, ledger, site.settings(), who=who)
    return {"text": text}


def _do(change: Change, event: str, analysis: str, verb: str, why: str, attempt: int) -> str:
    row = change.analysis(event, analysis)
    if verb in VERBS:
        given = give_verdict(change, row, VERBS[verb], message=why, attempt=attempt)
        return f"{analysis}: {VERBS[verb]}." if given else f"{analysis} was {VERBS[verb]} by you already."
    done = ask(change, row, verb, attempt=attempt)
    if done.changed and done.new in SATISFIES:  # a result made by hand, which others may wait for or work on
        refresh_after(change, row)
    return f"{analysis}: {done.old} → {done.new}." if done.changed else f"{analysis} is {done.new} already."


def _clean(event: str, analysis: str, who: str, attempt: int) -> str:
    settings = site.settings()
    (done,) = clean(Site(site.ledger(), settings, who=who), event, analysis, attempt=attempt)
    return f"Freed {human(done.size)} in {len(done.files)} files of attempt {done.attempt}."


def offers(status: str, attempt: int, verdict: Review | None) -> list[tuple[str, str, str]]:
    """(verb, button, help) of all that is legal now."""
    verbs = list(may_ask(status))
    if status in SATISFIES:
        verbs += [verb for verb, word in VERBS.items() if verdict is None or verdict.verdict != word]
    if attempt and status not in IN_USE:
        verbs.append(CLEAN)
    return [(verb, *WORDS[verb]) for verb in WORDS if verb in verbs]


def shown(one: Any, verdict: Review | None) -> dict[str, Any]:
    """What the page needs to open the dialog of an analysis (a row of `queries.analyses`)."""
    return {
        "name": one.name,
        "status": one.status,
        "attempt": one.attempt,
        "offers": offers(one.status, one.attempt, verdict),
    }


__all__ = ["offers", "router", "shown"]

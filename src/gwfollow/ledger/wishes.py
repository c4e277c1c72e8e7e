"""What a blueprint says of an analysis beside its content: the status that it asks for, and verdicts.

A document is applied again and again, and meanwhile people and jobs move its analysis on.  So a status is asked for when the document
says another one than it said before, and never because the analysis has gone on; a verdict is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger import reviews
from gwfollow.ledger.blueprints import Blueprint
from gwfollow.ledger.schema import Analysis, Journal
from gwfollow.ledger.states import SATISFIES
from gwfollow.ledger.steering import RESURRECT, ask
from gwfollow.ledger.store import Change

_ASKED = "blueprint asks for a status"
#: who was asked to be ready is obeying in these
_OBEYS_READY = frozenset({"running", "finished", "processing", "uploaded", "finalised", "restart"})


def fulfil(change: Change, row: Analysis, blueprint: Blueprint, *, new: bool, warn: Callable[[str], None]) -> list[str]:
    """Do what the document asks; returns what was done, for people.

    Parameters
    ----------
    new : the row was made by this document, which has given it its status
    warn : is told of verdicts on an analysis without results, which are left aside

    Raises
    ------
    InputError : an illegal transition, or what else `steering.ask` refuses; the text begins with the place in the blueprint
    """
    try:
        done = [] if new or blueprint.asked is None else _status(change, row, blueprint.asked)
        if blueprint.reviews and row.status not in SATISFIES:
            warn(f"{blueprint.place}, review: not recorded: it is {row.status!r} and has no results that it could be about")
            return done
        return done + _verdicts(change, row, blueprint)
    except InputError as error:
        raise InputError(f"{blueprint.place}: {error}") from error


def _status(change: Change, row: Analysis, asked: str) -> list[str]:
    if asked == row.status or (asked == "ready" and row.status in _OBEYS_READY) or asked == _said_before(change, row):
        return []
    done = ask(change, row, RESURRECT if asked == "running" and row.status == "stuck" else asked)
    change.journal(_ASKED, event=row.event.name, analysis=row.name, status=asked)
    return [f"{done.old} -> {done.new}"]


def _said_before(change: Change, row: Analysis) -> str | None:
    """The status that the last document about this analysis asked for."""
    query = (
        select(Journal.details)
        .where(Journal.event == row.event.name, Journal.analysis == row.name, Journal.what.in_([_ASKED, "analysis added"]))
        .order_by(Journal.id.desc())
        .limit(1)
    )
    details = change.session.scalar(query)
    return None if details is None else details.get("status")


def _verdicts(change: Change, row: Analysis, blueprint: Blueprint) -> list[str]:
    return [
        f"review: {given['status']}"
        for given in blueprint.reviews
        if reviews.record(
            change,
            row,
            given["status"],
            message=given.get("message") or "",
            person=given.get("person"),
            time=given.get("timestamp"),
        )
    ]


__all__ = ["fulfil"]

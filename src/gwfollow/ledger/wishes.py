"""What a blueprint says of an analysis beside its content: the status that it asks for, attempts to be cleaned, and verdicts.

A document is applied again and again, and meanwhile people and jobs move its analysis on.  So a status is asked for when the document
says another one than it said before, and never because the analysis has gone on; the same holds for `clean`; a verdict is recorded once.

Files are not deleted in a transaction that may still be undone: `clean` is a message to the destination ``disk``.
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
_ASKED_TO_CLEAN = "blueprint asks to clean"
#: who was asked to be ready is obeying in these
_OBEYS_READY = frozenset({"running", "finished", "processing", "uploaded", "finalised", "restart"})


def fulfil(change: Change, row: Analysis, blueprint: Blueprint, *, new: bool, warn: Callable[[str], None]) -> list[str]:
    """Do what the document asks; returns what was done, for people.

    Parameters
    ----------
    new : the row was made by this document, which has given it its status
    warn : is told of what has no sense now and is left aside: verdicts on an analysis without results, nothing to be cleaned

    Raises
    ------
    InputError : an illegal transition, or what else `steering.ask` refuses; the text begins with the place in the blueprint
    """
    try:
        done = [] if new or blueprint.asked is None else _status(change, row, blueprint.asked)
        if blueprint.clean is not None:
            done += _clean(change, row, blueprint.clean, lambda text: warn(f"{blueprint.place}, clean: {text}"))
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


def _clean(change: Change, row: Analysis, said: str | int, warn: Callable[[str], None]) -> list[str]:
    """Send the message that has these attempts cleaned; which they are is settled now, whatever the analysis is at by then."""
    event, name = row.event.name, row.name
    change.session.flush()  # a file may say it twice
    query = select(Journal.details).where(Journal.event == event, Journal.analysis == name, Journal.what == _ASKED_TO_CLEAN)
    before = change.session.scalars(query.order_by(Journal.id)).all()
    if before and before[-1]["clean"] == said:
        return []
    numbers = [one.number for one in row.attempts]
    if not numbers:
        warn("nothing is asked for: it has not been built, so that there is nothing to delete")
        return []
    if isinstance(said, int) and said not in numbers:
        raise InputError("clean", said, f"an attempt that it has ({', '.join(map(str, numbers))}), present, or old")
    attempts = {"present": [row.attempt], "old": [one for one in numbers if one != row.attempt]}.get(str(said), [said])
    if not attempts:
        warn("nothing is asked for: it has no attempt but the present one")
        return []
    change.journal(_ASKED_TO_CLEAN, event=event, analysis=name, clean=said, attempts=attempts)
    payload = {"event": event, "analysis": name, "attempts": attempts, "who": change.who}
    change.send("disk", "clean", payload, key=f"clean:{event}/{name}:{len(before) + 1}", event=row.event)
    return [f"to be cleaned: attempt {', '.join(map(str, attempts))}"]


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

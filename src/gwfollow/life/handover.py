"""What one analysis hands to the next, seen twice: in the ledger, which decides, and in Airflow's XCom, where people see it.

*collect* pushes what it has just written into the ledger, and *build* reads the ledger.  Where the two say different things about one
attempt somebody has changed one of them, and nothing is built on that; where the ledger is an attempt further, it is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gwfollow.errors import PermanentError
from gwfollow.ledger.store import find_analysis
from gwfollow.life.finish import as_xcom
from gwfollow.life.site import Site, current_attempt, name_for, needed_by

#: analysis -> {"attempt": number, "assets": asset -> label -> {"path", "sha256"}}: what *collect* pushes, by the analysis' name
Handed = Mapping[str, Mapping[str, Any]]


class HandoverDiffers(PermanentError):
    """XCom and ledger contradict each other about files of one attempt."""


def handed_by_ledger(site: Site, event: str, analysis: str) -> dict[str, dict[str, Any]]:
    """What the next build is given, or the present one was, by the name of the analysis that made it; as *collect* pushes it."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        attempt = current_attempt(session, row) if row.status != "restart" else None  # which asks for what is there now
        return {
            name_for(event, other.event or event, other.name): {"attempt": other.attempt, "assets": as_xcom(other.assets)}
            for other in needed_by(session, row, attempt)
        }


def compare(pushed: Handed, ledger: Handed) -> list[str]:
    """Sentences on what the ledger says otherwise than this run's XComs, for the log: it has gone on meanwhile.

    Raises `HandoverDiffers` where they disagree about one attempt.
    """
    said = []
    for name, theirs in pushed.items():
        ours = ledger.get(name)
        if ours is None:
            said.append(
                f"{name} was collected in this run and is not taken: the ledger does not name it among what is needed now"
            )
        elif theirs.get("attempt") != ours["attempt"]:
            said.append(
                f"{name}: this run collected attempt {theirs.get('attempt')}, the ledger is at attempt {ours['attempt']} and decides"
            )
        elif different := _different(theirs.get("assets") or {}, ours["assets"]):
            raise HandoverDiffers(
                f"{name}, attempt {ours['attempt']}: XCom and ledger say different things about {', '.join(different)}; "
                f"one of them was changed by hand.  Clear {name}'s collect, which pushes what the ledger has"
            )
    return said


def _different(theirs: Mapping[str, Mapping[str, Any]], ours: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted(
        f"{asset} {label}".strip()
        for asset in {*theirs, *ours}
        for label in {*theirs.get(asset, {}), *ours.get(asset, {})}
        if theirs.get(asset, {}).get(label) != ours.get(asset, {}).get(label)
    )

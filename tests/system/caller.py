"""``python caller.py EVENT ANALYSIS [STOP]``: builds and submits one analysis as a worker of Airflow does, and can be killed on the way.

It says ``ready`` and waits for a line; then it submits and says ``done JOB ADOPTED``.  At STOP it says ``stopped`` and waits for a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gwfollow.ledger import open_ledger
from gwfollow.life import Site
from gwfollow.life import submit as steps
from gwfollow.life.build import build
from gwfollow.schedulers.htcondor import HTCondor
from gwfollow.settings import Settings


def say(text: str) -> None:
    print(text, flush=True)
    sys.stdin.readline()


def stopping(step: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """`step` with a stop before it, or after it."""

    def stopped(*arguments: Any) -> Any:
        if before:
            say("stopped")
        found = step(*arguments)
        if not before:
            say("stopped")
        return found

    return stopped


#: where it can stop: object, the step's name, whether before it
STOPS = {
    "intent recorded": (HTCondor, "submit", True),
    "accepted": (HTCondor, "submit", False),
    "in the transaction": (steps, "_record", False),
    "recorded": (HTCondor, "start", True),
}


def main(event: str, analysis: str, stop: str = "") -> None:
    settings = Settings.read()
    site = Site(open_ledger(settings), settings, who="caller")
    site.scheduler("htcondor").query(["0.0"])  # starts what talks to HTCondor
    if stop:
        place, name, before = STOPS[stop]
        setattr(place, name, stopping(getattr(place, name), before=before))
    build(site, event, analysis)
    say("ready")
    done = steps.submit(site, event, analysis)
    say(f"done {done.job_id} {int(done.adopted)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python stepper.py STEP ANALYSIS POINT``: one step of one analysis as a worker does it, which can be killed on the way.

It says ``ready`` and waits for a line.

The points are the moments before and after each commit to the ledger, and after everything else that reaches beyond the process: each
call of the scheduler that changes something, each hook of the pipeline that writes or reads files, each file that is deleted.  At number POINT it
says ``stopped`` with the point's name and waits to be killed; with POINT 0 it does the step and says ``done`` with the names of all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alone import EVENT
from sqlalchemy.orm import Session
from steps_pipeline import Steps

from gwfollow.ledger import open_ledger
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.clean import clean
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.review import give_verdict
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import settle
from gwfollow.pipelines import registry
from gwfollow.schedulers.local import Local
from gwfollow.settings import Settings


def approve(site: Site, event: str, analysis: str) -> None:
    site.ledger.run(lambda change: give_verdict(change, change.analysis(event, analysis), "approve"), who=site.who)


STEPS: dict[str, Callable[[Site, str, str], Any]] = {
    "build": build,
    "restart": build,
    "submit": submit,
    "wait": settle,
    "collect": collect,
    "process": process,
    "publish": publish,
    "stop": stop,
    "clean": clean,
    "review": approve,
}
WATCHED = [
    (Session, "commit"),
    *((Local, name) for name in ("submit", "start", "remove")),
    *((Steps, name) for name in ("build_dag", "collect_assets", "store_results", "eject_job")),
]


def main(step: str, analysis: str, number: str) -> None:
    passed: list[str] = []

    def point(name: str) -> None:
        passed.append(name)
        if len(passed) == int(number):
            print(f"stopped {name}", flush=True)
            sys.stdin.read()

    def watch(place: Any, name: str) -> None:
        inner = getattr(place, name)

        def watched(*arguments: Any, **more: Any) -> Any:
            if name == "commit":  # before all others stands the commit before them
                point(f"before {name}")
            found = inner(*arguments, **more)
            point(f"after {name}")
            return found

        setattr(place, name, watched)

    registry.find = lambda name: Steps  # type: ignore[assignment]
    for place, name in [*WATCHED, *([(Path, "unlink")] if step == "clean" else [])]:
        watch(place, name)
    settings = Settings.read()
    print("ready", flush=True)
    sys.stdin.readline()
    STEPS[step](Site(open_ledger(settings), settings, who="worker"), EVENT, analysis)
    print("done", *(name.replace(" ", "-") for name in passed), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

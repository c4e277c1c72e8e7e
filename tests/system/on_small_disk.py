"""``unshare --user --map-root-user --mount python on_small_disk.py FOLDER WHAT SCENE``: a life on a disk that is full, then is not.

FOLDER becomes a file system of 4 MB in a mount namespace of our own, gone with this process.  WHAT is full: ``blocks`` or ``inodes``.
SCENE: ``events`` (the ledger is on another disk, in FOLDER-ledger) or ``ledger`` (it is on the full one too).  Prints what happened as JSON.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from alone import EVENT, row, runs
from toy_pipeline import Toy

from gwfollow.errors import GWFollowError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.life import Site
from gwfollow.life.again import ask_again
from gwfollow.life.build import build
from gwfollow.life.finish import collect
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines import registry
from gwfollow.settings import Settings

BLUEPRINT = f"""
kind: event
name: {EVENT}
event time: 1126259462.4
interferometers: [H1]
---
kind: analysis
event: {EVENT}
name: first
pipeline: toy
toy: {{go: true}}
"""


def fill(folder: Path, what: str) -> None:
    """Until the kernel says that the disk is full."""
    folder.mkdir()
    try:
        if what == "blocks":
            with (folder / "ballast").open("wb", buffering=0) as ballast:
                while ballast.write(b"x" * 512):
                    pass
        else:
            for number in range(100_000):
                (folder / str(number)).touch()
    except OSError as error:
        print(f"full: {error}", file=sys.stderr)
        return
    raise AssertionError("the disk did not fill")


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def attempt(site: Site) -> dict[str, str]:
    """One build, and what the ledger says after it."""
    try:
        build(site, EVENT, "first")
        error = ""
    except GWFollowError as raised:
        error = f"{type(raised).__name__}: {raised}"
    now = row(site, "first")
    return {"error": error, "status": now.status, "reason": now.reason or ""}


def to_the_end(site: Site) -> None:
    ask_again(site, EVENT, "first", why="there is room again")
    build(site, EVENT, "first")
    submit(site, EVENT, "first")
    while settle(site, EVENT, "first").verdict is not Verdict.DONE:
        time.sleep(0.2)
    collect(site, EVENT, "first")


def main(disk: Path, what: str, scene: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=300", "small", str(disk)], check=True)
    os.environ["TMPDIR"] = "/tmp"
    registry.find = lambda name: Toy  # type: ignore[assignment]
    ledger_file = (disk if scene == "ledger" else disk.with_name(f"{disk.name}-ledger")) / "ledger.db"
    settings = Settings(home=str(disk), ledger=f"sqlite:///{ledger_file}", scheduler="local")
    site = Site(open_ledger(settings, create=True), settings, who="test")
    with site.ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINT, "test.yaml").blueprints)
    fill(disk / "ballast", what)
    said = attempt(site)
    empty(disk / "ballast")
    to_the_end(site)
    folder = Path(collect(site, EVENT, "first").assets["words"][""]["path"]).parent
    with sqlite3.connect(ledger_file) as database:
        check = database.execute("PRAGMA integrity_check").fetchone()[0]
    print(json.dumps(said | {"end": row(site, "first").status, "runs": runs(folder), "check": check}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

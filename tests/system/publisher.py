"""``python publisher.py HOME [STOP]``: publishes the one analysis of a home that `prepare` made, as a worker of Airflow does.

At STOP it says ``stopped`` and waits to be killed.  ``python publisher.py HOME disk`` (in a mount namespace of its own) makes HOME/results a
file system of 3 MB, fills it, publishes, makes room, publishes again, and prints what happened as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alone import EVENT, folder_of, row
from toy_pipeline import Toy

from gwfollow.errors import GWFollowError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.life import Site, finish
from gwfollow.life.build import build
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import AssetFile, Assets
from gwfollow.results import store
from gwfollow.results.keep import rows
from gwfollow.settings import Settings

BLUEPRINT = f"""
kind: event
name: {EVENT}
event time: 1126259462.4
gid: S150914a
interferometers: [H1]
---
kind: analysis
event: {EVENT}
name: first
pipeline: toy
"""
SIZE = 600_000


class Published(Toy):
    """The toy with samples, a configuration that it publishes, and a folder of pages."""

    def collect_assets(self) -> Assets:
        folder = self.task.folder
        pages = folder / "web" / "home.html"
        return {"samples": {"": AssetFile(folder / "samples.dat")}, "pages": {"": AssetFile(pages)}}

    def store_results(self) -> Mapping[str, Path]:
        return {"samples.dat": self.task.folder / "samples.dat", "job.py": self.task.folder / "job.py"}


def site_at(home: Path, *, create: bool = False) -> Site:
    registry.find = lambda name: Published  # type: ignore[assignment]
    settings = Settings(home=str(home), scheduler="local")
    return Site(open_ledger(settings, create=create), settings, who="test")


def prepare(home: Path) -> Site:
    """An analysis that has finished; its samples are a real table of a few MB."""
    site = site_at(home, create=True)
    with site.ledger.change(who="test") as change:
        apply(change, read_text(BLUEPRINT, "test.yaml").blueprints)
    build(site, EVENT, "first")
    folder = folder_of(site, "first")
    with (folder / "samples.dat").open("w") as samples:
        samples.write("chirp_mass mass_ratio\n")
        samples.writelines(f"{30 + n % 100 / 50} {0.5 + n % 7 / 20}\n" for n in range(SIZE // 9))
    (folder / "web").mkdir()
    (folder / "web" / "home.html").write_text("<p>pages</p>")
    (folder / "result.txt").write_text("whole\n")
    with site.ledger.change(who="test") as change:
        change.set_status(change.analysis(EVENT, "first"), "running")
    finish.collect(site, EVENT, "first")
    return site


def stopping(step: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    def stopped(*arguments: Any, **named: Any) -> Any:
        found = None if before else step(*arguments, **named)
        print("stopped", flush=True)
        time.sleep(60)
        return found

    return stopped


#: where it can stop: object, the step's name, whether before it
STOPS = {
    "before the object has its name": (Path, "rename", True),
    "after the first object": (store, "_flush_folder", False),
    "everything stored": (finish, "keep", False),
    "in the transaction": (finish, "record", False),
}


def on_a_small_disk(home: Path) -> None:
    prepare(home)
    disk = home / "results"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "small", str(disk)], check=True)
    (disk / "ballast").write_bytes(b"x" * 2_800_000)
    site = site_at(home)
    said: dict[str, Any] = {}
    try:
        finish.publish(site, EVENT, "first")
    except GWFollowError as error:
        said["error"] = f"{type(error).__name__}: {error}"
    said["status"] = row(site, "first").status
    said["left"] = [p.name for p in disk.rglob("*") if p.is_file()]
    with site.ledger.read() as session:
        said["rows"] = len(rows(session))
    (disk / "ballast").unlink()
    finish.publish(site, EVENT, "first")
    with site.ledger.read() as session:
        said["rows then"] = len(rows(session))
    print(json.dumps(said | {"end": row(site, "first").status}))


def main(home: Path, stop: str = "") -> None:
    if stop == "disk":
        os.environ["TMPDIR"] = "/tmp"
        on_a_small_disk(home)
        return
    site = site_at(home)
    if stop:
        place, name, before = STOPS[stop]
        setattr(place, name, stopping(getattr(place, name), before=before))
    print(*finish.publish(site, EVENT, "first"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

"""A pipeline whose job sleeps for ``sleeper.seconds``, and writes the time of its own end as its result."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from gwfollow.pipelines.base import AssetFile, Assets, Job, Pipeline, Work

SCRIPT = """
import os, sys, time
time.sleep(float(sys.argv[1]))
with open("ended.part", "w") as file:
    file.write(repr(time.time()))
os.rename("ended.part", "ended.txt")
"""


class Sleeper(Pipeline):
    name = "sleeper"

    @property
    def result(self) -> Path:
        return self.task.folder / "ended.txt"

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        script = self.task.folder / "job.py"
        script.write_text(SCRIPT)
        return {"script": script}

    def submit_dag(self, dryrun: bool = False) -> Work:
        arguments = (str(self.task.folder / "job.py"), str(self.task.get("sleeper.seconds", 20)))
        return Job(Path(sys.executable), arguments, self.task.folder, "sleeper", self.task.resources)

    def detect_completion(self) -> bool:
        return self.result.is_file()

    def collect_assets(self) -> Assets:
        return {"end": {"": AssetFile(self.result)}}

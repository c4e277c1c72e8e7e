"""A pipeline for tests on real services: each run of its job leaves a line, then it waits for a file called ``go``.

The analysis' key ``toy`` says what else happens: ``exit`` (a code), ``no executable``, ``hold``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from gwfollow.pipelines.base import AssetFile, Assets, Pipeline
from gwfollow.schedulers.base import Job, JobStatus, Work

SCRIPT = """
import os, pathlib, sys, time
folder, code = pathlib.Path.cwd(), int(sys.argv[1])
with open("runs.txt", "a") as runs:
    runs.write(f"{os.getpid()}\\n")
deadline = time.time() + 300
while not pathlib.Path("go").exists() and not pathlib.Path("../go").exists() and time.time() < deadline:
    time.sleep(0.1)
if code == 0:
    pathlib.Path("result.part").write_text("whole\\n")
    os.rename("result.part", "result.txt")
sys.exit(code)
"""


class Toy(Pipeline):
    """See the module."""

    name = "toy"
    rescues = 2

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        script = self.task.folder / "job.py"
        script.write_text(SCRIPT)
        if self.task.get("toy.go"):
            (self.task.folder / "go").touch()
        return {"script": script}

    def submit_dag(self, dryrun: bool = False) -> Work:
        folder = self.task.folder
        executable = Path(sys.executable) if not self.task.get("toy.no executable") else folder / "nothing-here"
        arguments = (str(folder / "job.py"), str(self.task.get("toy.exit", 0)))
        return Job(executable, arguments, folder, "toy", self.task.resources)

    def detect_completion(self) -> bool:
        result = self.task.folder / "result.txt"
        return result.is_file() and result.read_text() == "whole\n"

    def collect_assets(self) -> Assets:
        return {"words": {"": AssetFile(self.task.folder / "result.txt")}}

    def resurrect(self, status: JobStatus) -> Work | None:
        return self.submit_dag() if self.task.get("toy.resurrect") else None

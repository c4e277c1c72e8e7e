"""The counterpart of asimov's SimpleTestPipeline: a configuration, a job script, its submit file and a DAG; no science."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gwfollow.pipelines.base import AssetFile, Assets, Dag, Pipeline, Work


class SimpleTest(Pipeline):
    name = "simpletestpipeline"
    available_outputs = ("results",)

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        folder, results = self.task.folder, self.task.folder / "results.dat"
        lines = [f"event = {self.task.event}", f"analysis = {self.task.analysis}", f"gps = {self.task.gps}"]
        (folder / "config.ini").write_text("\n".join(["[analysis]", *lines, f"ifos = {self.task.interferometers}", ""]))
        if dryrun:
            return {}
        script = folder / "test_job.sh"
        script.write_text(f"#!/bin/sh\nset -e\nsleep 2\nprintf 'test_parameter: 1.0\\ntest_error: 0.1\\n' >{results}\n")
        script.chmod(0o755)
        logs = "output = test_job.out\nerror = test_job.err\nlog = test_job.log"
        (folder / "test_job.sub").write_text(
            f"universe = vanilla\nexecutable = {script}\ninitialdir = {folder}\n{logs}\nqueue 1\n"
        )
        (folder / "test.dag").write_text("JOB test_job test_job.sub\n")
        return {}

    def submit_dag(self, dryrun: bool = False) -> Work:
        folder = self.task.folder
        return Dag(file=folder / "test.dag", folder=folder, name=self.task.analysis, resources=self.task.resources)

    def detect_completion(self) -> bool:
        return (self.task.folder / "results.dat").is_file()

    def collect_assets(self) -> Assets:
        return {"results": {"": AssetFile(self.task.folder / "results.dat")}}

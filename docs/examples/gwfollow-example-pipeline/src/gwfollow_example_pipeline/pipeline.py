"""The class that gwfollow calls; nothing here takes long: what does belongs into the job."""

from __future__ import annotations

import configparser
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.pipelines.base import AssetFile, Assets, Job, JobStatus, Pipeline, Progress, Work
from gwfollow.pipelines.files import tail, tails, write_text
from gwfollow.pipelines.inputs import psds
from gwfollow.pipelines.templates import render

HERE = Path(__file__).parent


class BNSRange(Pipeline):
    """Sensemon range of each detector from its PSD."""

    name = "bnsrange"
    available_outputs = ("ranges", "config")
    required_inputs = ("psds",)
    rescues = 1

    # ---- build: check everything that can be checked, then write the configuration ---------------------------------------
    def before_config(self, dryrun: bool = False) -> None:
        mass = self.task.get("bnsrange.mass", 1.4)
        if not isinstance(mass, int | float) or not 0.1 <= mass <= 3:
            raise InputError("bnsrange.mass", mass, "a mass from 0.1 to 3 (in solar masses)")
        psds(self.task)  # the document's own, those that `needs` have made, or the event's; a missing one is told with its maker

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        files = psds(self.task)
        write_text(self._config, render(self.task, HERE / "bnsrange.ini.j2", pipeline=self, psds=files))
        # the checksums of these are recorded: when a PSD changes, this analysis runs again
        return {"configuration": self._config, **{f"psd {ifo}": path for ifo, path in files.items()}}

    # ---- submit: say what to run; gwfollow hands it to the scheduler, once -----------------------------------------------
    def submit_dag(self, dryrun: bool = False) -> Work:
        arguments = (str(HERE / "job.py"), str(self._config), str(self._result))
        return Job(Path(sys.executable), arguments, self.task.folder, self.name, self.task.resources)

    def resurrect(self, status: JobStatus) -> Work | None:
        return self.submit_dag()  # as often as `rescues` says

    # ---- wait: cheap, and never an exception for a file that is not there yet ---------------------------------------------
    def check_progress(self) -> Progress:
        done = tail(self.task.folder / f"{self.name}.out").count("done")
        return Progress(done / max(1, len(self.task.interferometers)), f"{done} detectors", {"detectors": done})

    def collect_logs(self) -> Mapping[Path, str]:
        return tails(self.task.folder / f"{self.name}.{end}" for end in ("out", "err"))

    def failure_reason(self, status: JobStatus) -> str:
        last = tail(self.task.folder / f"{self.name}.err", 1)
        return f"{super().failure_reason(status)}{f': {last}' if last else ''}"

    # ---- collect: a result counts when it has been read --------------------------------------------------------------------
    def detect_completion(self) -> bool:
        try:
            ranges = json.loads(self._result.read_text())
        except (OSError, ValueError):
            return False
        return set(ranges) == set(self.task.interferometers) and all(distance > 0 for distance in ranges.values())

    def collect_assets(self) -> Assets:
        return {"ranges": {"": AssetFile(self._result)}, "config": {"": AssetFile(self._config)}}

    def store_results(self) -> Mapping[str, Path]:
        return {"ranges": self._result}

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        parser = configparser.ConfigParser()
        parser.read(path)
        return {name: dict(parser[name]) for name in parser.sections()}

    # ---- its own ------------------------------------------------------------------------------------------------------------
    @property
    def _config(self) -> Path:
        return self.task.folder / "bnsrange.ini"

    @property
    def _result(self) -> Path:
        return self.task.folder / "ranges.json"

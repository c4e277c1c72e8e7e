"""The pipeline ``psd``: a median Welch estimate of each detector's noise on both sides of the event.

It needs seconds and gwpy only, so an event can be done where BayesWave is not installed.  It averages few segments, so it is noisy:
good for a first look and for demonstrations, not for publication.

Keys of the document: ``data.data files``, ``data.channels``, ``data.segment length`` (s), ``likelihood.psd length`` (s; 4 where there is
none), ``likelihood.post trigger time`` (s; 2), ``likelihood.minimum frequency`` and ``maximum frequency`` (Hz).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import AssetFile, Assets, Job, JobStatus, Pipeline
from gwfollow.pipelines.files import tail, tails, write_text

CONFIG = "psd.json"
JOB = "psd"


class PSD(Pipeline):
    """Noise power spectral densities, one two-column text file (Hz, 1/Hz) for each detector."""

    name = "psd"
    available_outputs = ("psds",)

    def before_config(self, dryrun: bool = False) -> None:
        self._configuration()

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        configuration = self._configuration()
        write_text(self.task.folder / CONFIG, json.dumps(configuration, indent=1) + "\n")
        files = inputs.data_files(self.task)
        named = {f"strain {ifo} {index}": path for ifo, paths in files.items() for index, path in enumerate(paths)}
        return named | {"config": self.task.folder / CONFIG}

    def submit_dag(self, dryrun: bool = False) -> Job:
        return Job(
            executable=Path(sys.executable),
            arguments=("-m", "gwfollow.pipelines.psd_worker", CONFIG),
            folder=self.task.folder,
            name=JOB,
            resources=self.task.resources,
        )

    def detect_completion(self) -> bool:
        try:
            configuration = json.loads((self.task.folder / CONFIG).read_text())
        except (OSError, ValueError):
            return False
        try:
            for ifo, settings in configuration["detectors"].items():
                check_psd(self._file(ifo), spacing=1 / configuration["psd length"], low=settings["low"], high=settings["high"])
        except (PipelineError, FileNotFoundError) as error:
            self.logger.info("not complete: %s", error)
            return False
        return True

    def collect_assets(self) -> Assets:
        return {"psds": {ifo: AssetFile(self._file(ifo)) for ifo in inputs.detectors(self.task)}}

    def collect_logs(self) -> Mapping[Path, str]:
        return tails([self.task.folder / f"{JOB}.out", self.task.folder / f"{JOB}.err"])

    def failure_reason(self, status: JobStatus) -> str:
        said = tail(self.task.folder / f"{JOB}.err", 1).strip()
        return said or super().failure_reason(status)

    def store_results(self) -> Mapping[str, Path]:
        return {f"{ifo}-psd.dat": self._file(ifo) for ifo in inputs.detectors(self.task)}

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise PipelineError(f"{path} is no configuration of the psd pipeline: {error}") from error
        if not isinstance(found, dict):
            raise PipelineError(f"{path} is no configuration of the psd pipeline")
        return found

    def _file(self, ifo: str) -> Path:
        return self.task.folder / f"{ifo}-psd.dat"

    def _configuration(self) -> dict[str, Any]:
        """All that the worker reads.  Raises `InputError`."""
        task = self.task
        files = inputs.data_files(task)
        if not files:
            raise InputError("data.data files", None, "strain files: the psd pipeline reads files only")
        kind = inputs.data_format(files)
        channels = inputs.channels(task)
        nameless = [ifo for ifo in files if ifo not in channels]
        if kind == "gwf" and nameless:
            raise InputError("data.channels", sorted(channels), f"a channel for {' and '.join(nameless)}, as frames hold many")
        segment = inputs.number(task, "data.segment length", 4.0, unit="s")
        after = inputs.number(task, "likelihood.post trigger time", 2.0, unit="s")
        low = inputs.per_detector(task, "minimum frequency", 20.0)
        high = inputs.per_detector(task, "maximum frequency")
        rate = task.get("likelihood.sample rate")
        nyquist = inputs.number(task, "likelihood.sample rate", unit="Hz") / 2 if rate is not None else math.inf
        return {
            "event time": inputs.event_time(task),
            "psd length": inputs.number(task, "likelihood.psd length", 4.0, unit="s"),
            # the stretch that will be analysed is not noise
            "exclude": [max(segment - after, 0.0), after],
            "format": kind,
            "detectors": {
                ifo: {
                    "files": [str(path) for path in paths],
                    "channel": channels.get(ifo),
                    "output": self._file(ifo).name,
                    "low": low.get(ifo, 20.0),
                    "high": high.get(ifo, nyquist if math.isfinite(nyquist) else low.get(ifo, 20.0)),
                }
                for ifo, paths in files.items()
            },
        }


def check_psd(path: Path, *, spacing: float | None, low: float | None = None, high: float | None = None) -> None:
    """Open a PSD and check that it is whole: on a regular grid of `spacing` Hz (None: its own), finite and positive from `low` to `high` Hz.

    Raises `PipelineError` that says what is wrong, `FileNotFoundError` where there is no such file.
    """
    rows = _read_columns(path)
    if len(rows) < 2:
        raise PipelineError(f"{path} has {len(rows)} lines of numbers, not a spectrum")
    spacing = rows[1][0] - rows[0][0] if spacing is None else spacing
    if spacing <= 0:
        raise PipelineError(f"{path}: its frequencies do not rise")
    # without a band its powers are its maker's affair
    band = (low if low is not None else math.inf, high if high is not None else -math.inf)
    for index, (frequency, power) in enumerate(rows):
        if abs(frequency - (rows[0][0] + index * spacing)) > 1e-3 * spacing:
            raise PipelineError(f"{path}: {frequency:g} Hz is off the grid of {spacing:g} Hz")
        if band[0] <= frequency <= band[1] and not (math.isfinite(power) and power > 0):
            raise PipelineError(f"{path}: {power:g} at {frequency:g} Hz is not a positive, finite power")
    if low is not None and high is not None and (rows[0][0] > low or rows[-1][0] < high - spacing):
        raise PipelineError(f"{path} covers {rows[0][0]:g} to {rows[-1][0]:g} Hz, the analysis needs {low:g} to {high:g} Hz")


def _read_columns(path: Path) -> list[tuple[float, float]]:
    rows = []
    with path.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith("#"):
                continue
            try:
                frequency, power = (float(word) for word in line.split())
            except ValueError:
                raise PipelineError(f"{path}, line {number}: not two numbers") from None
            rows.append((frequency, power))
    return rows

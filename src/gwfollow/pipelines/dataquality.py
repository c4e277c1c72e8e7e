"""The pipeline ``dataquality``: the detectors' state vectors and iDQ around the event, judged by ``include/configs/state_checks.yaml``.

Keys of the document: ``checks`` with ``group``, ``pipeline``, ``start``, ``end`` (of the event, GPS s; alert templates fill them in), ``file``
(another file of the configs), and anything of that file but its labels, which is laid over it.  The detectors are the event's.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.naming import STATE_CHECKS
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import AssetFile, Assets, AwaitedData, CheckResult, DocumentCheck, Job, JobStatus
from gwfollow.pipelines.checked import CheckedPipeline
from gwfollow.pipelines.dag_pipeline import was_killed
from gwfollow.pipelines.files import tail, tails, write_text
from gwfollow.quality.verdicts import told

if TYPE_CHECKING:
    from gwfollow.quality.bits import Questions

CONFIG, RESULT = "dataquality-config.json", "dataquality.json"
JOB = "dataquality"
#: variables of ours that a worker needs on another machine too: how to ask for frames
_PASSED = ("GWDATAFIND_SERVER", "LIGO_DATAFIND_SERVER")


class DataQuality(CheckedPipeline):
    """One verdict for each bit and detector; a verdict that cannot be reached is *unknown*, so the analysis ends in any case."""

    name = STATE_CHECKS
    available_outputs = ("data quality",)
    tags = ("data_quality",)
    rescues = 2

    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck:
        from gwfollow.quality import bits

        files: dict[str, bits.StateChecks] = {}  # each is read once, however many analyses lay the same over it

        def check(document: Mapping[str, Any]) -> None:
            request, over = bits.request_of(_asked(document))
            key = json.dumps([request.file, over], sort_keys=True, default=str)
            if key not in files:
                files[key] = bits.load(configs, request.file, over)
            if document.get("event time") is not None:
                bits.window_of(files[key], request, over, float(document["event time"]))

        return check

    def awaits(self) -> Sequence[AwaitedData]:
        asked = self._questions()
        start, end = asked.window
        # without frames the verdicts are unknown, which is an answer too
        return [AwaitedData(look_up, (math.floor(start), math.ceil(end)), need="none") for look_up in asked.look_ups]

    def before_config(self, dryrun: bool = False) -> None:
        self._questions()

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        path = self.task.folder / CONFIG
        write_text(path, self._questions().model_dump_json(indent=1) + "\n")
        return {"config": path}

    def submit_dag(self, dryrun: bool = False) -> Job:
        passed = {name: os.environ[name] for name in _PASSED if os.environ.get(name)}
        return Job(
            executable=Path(sys.executable),
            arguments=("-m", "gwfollow.quality.worker", str(self.task.folder)),
            folder=self.task.folder,
            name=JOB,
            resources=replace(self.task.resources, environment=passed | dict(self.task.resources.environment)),
        )

    def check(self) -> None:
        self._result()

    def collect_assets(self) -> Assets:
        return {"data quality": {"": AssetFile(self.task.folder / RESULT)}}

    def checks(self) -> Sequence[CheckResult]:
        return [
            CheckResult(
                name=found["name"], process=found["process_name"], verdict=found["state"], ifo=found["ifo"],
                summary=found["summary"], details=found["details"], links=tuple(found["links"]),
            )
            for found in self._result()["checks"]
        ]  # fmt: skip

    def collect_logs(self) -> Mapping[Path, str]:
        return tails([self.task.folder / f"{JOB}.out", self.task.folder / f"{JOB}.err"])

    def failure_reason(self, status: JobStatus) -> str:
        return tail(self.task.folder / f"{JOB}.err", 1).strip() or super().failure_reason(status)

    def resurrect(self, status: JobStatus) -> Job | None:
        """Once more after a kill; what it says itself it would say again."""
        return self.submit_dag() if was_killed(status) and self.task.rescues < self.rescues else None

    def store_results(self) -> Mapping[str, Path]:
        return {RESULT: self.task.folder / RESULT}

    def announcement(self) -> str:
        result = self._result()
        start, end = result["window"]
        text = f"gwfollow: data quality of {self.task.event} from GPS {start:.3f} to {end:.3f}: {result['state']}. {told(result['checks'])}"
        return text + (f" Not asked: {'; '.join(result['not_asked'])}." if result["not_asked"] else "")

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise PipelineError(f"{path} is no configuration of the dataquality pipeline: {error}") from error
        if not isinstance(found, dict):
            raise PipelineError(f"{path} is no configuration of the dataquality pipeline")
        return found

    def _questions(self) -> Questions:
        """Raises `InputError`."""
        from gwfollow.quality.bits import questions

        task = self.task
        asked, detectors = _asked(task.document), tuple(inputs.detectors(task))
        return questions(task.configs, asked, event=task.event, gps=inputs.event_time(task), interferometers=detectors)

    def _result(self) -> dict[str, Any]:
        """Raises `PipelineError` where it is not there, not whole, or does not answer what was asked."""
        path = self.task.folder / RESULT
        try:
            found = json.loads(path.read_text())
            asked = json.loads((self.task.folder / CONFIG).read_text())
        except (OSError, ValueError) as error:
            raise PipelineError(f"{path}: {error}") from error
        whole = isinstance(found, dict) and {"window", "state", "checks", "not_asked"} <= found.keys() and found["checks"]
        if not whole or found["window"] != asked["window"]:
            raise PipelineError(f"{path} does not answer {CONFIG}")
        return dict(found)


def _asked(document: Mapping[str, Any]) -> Mapping[str, Any]:
    asked = document.get("checks") or {}
    if not isinstance(asked, Mapping):
        raise InputError("checks", asked, "a mapping")
    return asked


__all__ = ["DataQuality"]

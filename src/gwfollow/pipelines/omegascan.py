"""The pipeline ``omegascan``: an omega scan of a channel set around an event's time (see docs/scans.md).

Keys of the document:

``scan``        ``channel set`` (a name among ``include/configs/channel_sets``, or a file), and over it whatever a set may say: ``engine``
                (gwfollow, or gwdetchar: the installed gwdetchar-omega), ``incomplete``, ``time limit`` (s), ``memory``, ``channels``, ...
``scheduler``   as for every analysis; what it does not say is taken from the set's own

A scan that is missing something is *partial*: its results are kept, and everything that is said of them says so.  Its check asks whether
every channel was scanned, and nothing else: what is loud in a channel is for people, or another check, to judge.  So it is *pass* for a
scan that is complete and looked at every channel, else *unknown*, and never *fail*.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger.merge import deep_merge
from gwfollow.naming import OMEGA_SCAN
from gwfollow.pipelines.base import (
    AssetFile,
    Assets,
    AwaitedData,
    CheckResult,
    CheckVerdict,
    DocumentCheck,
    Job,
    JobStatus,
    Progress,
    Work,
)
from gwfollow.pipelines.checked import CheckedPipeline
from gwfollow.pipelines.files import tail, tails, write_text
from gwfollow.pipelines.reasons import last_words
from gwfollow.scans import channel_sets, told
from gwfollow.schedulers.base import Resources

if TYPE_CHECKING:
    from gwfollow.scans.channel_sets import ChannelSet
    from gwfollow.scans.model import ScanConfig, ScanResult

JOB = "omegascan"
#: below the attempt's folder: what the worker has downloaded (`gwfollow.scans.arrival`)
FRAMES = "frames"
#: MB beside what the engine plans with: the interpreter and its libraries
OVERHEAD_MB = 600
#: variables of ours that a worker needs on another machine too: how to ask for frames
_PASSED = ("GWDATAFIND_SERVER", "LIGO_DATAFIND_SERVER")


class OmegaScan(CheckedPipeline):
    """See the module."""

    name = OMEGA_SCAN
    available_outputs = ("scan", "pages", "table", "config")
    rescues = 3
    tags = ("data_quality", "OmegaScan")

    # ---- apply ---------------------------------------------------------------------------------------------------------
    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck:
        known: set[str] = set()  # a set is read once, however many scan it

        def check(document: Mapping[str, Any]) -> None:
            asked = document.get("scan")
            key = json.dumps(asked, sort_keys=True, default=str)
            if key not in known:
                channel_sets.from_document(asked, configs)
                known.add(key)

        return check

    # ---- data and build ------------------------------------------------------------------------------------------------
    def awaits(self) -> Sequence[AwaitedData]:
        chosen, gps = self._set(), self._gps()
        need: Literal["all", "some"] = "all" if chosen.options.get("incomplete") == "skip" else "some"
        return [
            AwaitedData(look_up, chosen.window(gps, look_up.frame_type), need, chosen.searched(gps, look_up.frame_type))
            for look_up in chosen.look_ups
        ]

    def before_config(self, dryrun: bool = False) -> None:
        self._config(self._set())

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        from gwfollow.scans.model import CONFIG

        chosen = self._set()
        for warning in chosen.warnings:
            self.logger.warning("%s", warning)
        config = write_text(self.task.folder / CONFIG, self._config(chosen).model_dump_json(indent=1) + "\n")
        return {"config": config} | {f"channel set {path.name}": path for path in chosen.files}

    def submit_dag(self, dryrun: bool = False) -> Job:
        arguments = ("-m", "gwfollow.scans.worker", ".")
        return Job(Path(sys.executable), arguments, self.task.folder, JOB, self._resources(self._set()))

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        from gwfollow.scans import progress

        done, asked, text = progress.of(self.task.folder)
        return Progress(done / asked if asked else None, text, {"channels_done": float(done), "channels": float(asked)})

    def collect_logs(self) -> Mapping[Path, str]:
        folder = self.task.folder
        return tails([folder / f"{JOB}.out", folder / f"{JOB}.err", folder / "gwdetchar" / "gwdetchar-omega.log"])

    # ---- the end -------------------------------------------------------------------------------------------------------
    def check(self) -> None:
        """The result is of what was asked, names every channel, and its page, table and figures are there.  Raises `PipelineError`."""
        from gwfollow.scans.model import PAGE, TABLE

        result, config, folder = self._result(), self._written(), self.task.folder
        if result.state not in {"complete", "partial"}:
            raise PipelineError(f"the scan is {result.state}: {result.reason or 'no reason given'}")
        if (result.gps, result.channel_set, result.engine) != (config.gps, config.channel_set, config.engine):
            raise PipelineError(f"{told.RESULT} is of another scan: {result.channel_set} at {result.gps} by {result.engine}")
        asked = {name for block in config.blocks for name in block.channels}
        if result.waiting or (left := asked - {channel.channel for channel in result.channels}):
            raise PipelineError(f"{told.RESULT} has no end of {result.waiting or len(left)} channels")
        for name in (PAGE, TABLE, *(channel.plot for channel in result.channels if channel.plot)):
            if not (folder / name).is_file() or not (folder / name).stat().st_size:
                raise PipelineError(f"{name} is missing or empty")

    def collect_assets(self) -> Assets:
        from gwfollow.scans.model import CONFIG, PAGE, RESULT, TABLE

        named = {"scan": RESULT, "pages": PAGE, "table": TABLE, "config": CONFIG}
        return {name: {"": AssetFile(self.task.folder / file)} for name, file in named.items()}

    def checks(self) -> Sequence[CheckResult]:
        found = told.read(self.task.folder / told.RESULT)
        looked = "every channel was scanned" if found.whole else f"not every channel was scanned: {found.lacking or found.found}"
        summary = f"{looked}; {found.found}; this says nothing of whether the data are good"
        name = told.check_name(found.ifo, self.task.own.get("scan") or {}, self.task.analysis)
        verdict: CheckVerdict = "pass" if found.whole else "unknown"
        return [CheckResult(name, told.PROCESS, verdict, ifo=found.ifo, summary=summary, details={"scan": asdict(found)})]

    def failure_reason(self, status: JobStatus) -> str:
        """The scan's own words, else the last of its job's, and how that ended."""
        try:
            result = self._result()
        except PipelineError:
            result = None
        if result is not None and result.state == "failed":
            return f"{result.reason or 'no channel could be scanned'} ({status.describe()})"
        said = last_words(tail(self.task.folder / f"{JOB}.err", 200))
        how = super().failure_reason(status)
        return f"{how}: {said}" if said else how

    def resurrect(self, status: JobStatus) -> Work | None:
        """In the same folder: channels that have their end are not scanned again.

        Not for one that says itself that it failed, nor for one that hung until it was ended.
        """
        if status.signal == signal.SIGALRM:
            return None
        try:
            failed = self._result().state == "failed"
        except PipelineError:
            failed = False
        return None if failed else self.submit_dag()

    # ---- what is published, what may go --------------------------------------------------------------------------------
    def after_processing(self) -> None:
        """Frames that were downloaded go: the store keeps the page with all that lies beside it, and no raw data."""
        shutil.rmtree(self.task.folder / FRAMES, ignore_errors=True)

    def store_results(self) -> Mapping[str, Path]:
        """``scan.json``, and the figure of each detector's strain as ``H1_omegascan.png``."""
        found = {told.ASSET: self.task.folder / told.RESULT}
        for channel in self._result().channels:  # the loudest first
            if channel.plot and told.is_strain(channel.channel):
                found.setdefault(f"{channel.channel.partition(':')[0]}_omegascan.png", self.task.folder / channel.plot)
        return found

    def clean(self) -> Iterable[Path]:
        from gwfollow.scans.model import DONE

        folder = self.task.folder
        return [folder / DONE, folder / FRAMES, *folder.glob("gwdetchar/*.lcf"), *folder.glob(".*.draft")]

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        from pydantic import ValidationError

        from gwfollow.scans.model import ScanConfig

        try:
            return ScanConfig.model_validate_json(path.read_bytes()).model_dump(mode="json")
        except (OSError, ValidationError) as error:
            raise PipelineError(f"{path} is no configuration of an omega scan: {error}") from error

    # ---- inside --------------------------------------------------------------------------------------------------------
    def _set(self) -> ChannelSet:
        return channel_sets.from_document(self.task.get("scan"), self.task.configs)

    def _gps(self) -> float:
        if self.task.gps is None:
            raise InputError("event time", None, "a GPS time in s, around which is scanned")
        return self.task.gps

    def _config(self, chosen: ChannelSet) -> ScanConfig:
        """Where the set does not say with how many processes, as many as the job asks processors for."""
        config = chosen.scan_config(gps=self._gps(), title=self.task.event)
        return config.model_copy(update={"workers": config.workers or self._resources(chosen).cpus})

    def _resources(self, chosen: ChannelSet) -> Resources:
        """The document's, the set's where that says nothing, else what the engine plans with."""
        from gwfollow.life.site import resources_of

        asked = deep_merge(chosen.scheduler, self.task.document.get("scheduler") or {})
        config = chosen.scan_config(gps=self._gps(), title=self.task.event)
        asked.setdefault("request memory", f"{config.memory_mb + OVERHEAD_MB} MB")
        asked.setdefault("request cpus", max(1, config.workers))
        passed = {name: os.environ[name] for name in _PASSED if os.environ.get(name)}
        asked["environment"] = passed | (asked.get("environment") or {})
        return resources_of(asked)

    def _written(self) -> ScanConfig:
        from gwfollow.scans.model import CONFIG, ScanConfig

        return ScanConfig.model_validate(self.read_ini(self.task.folder / CONFIG))

    def _result(self) -> ScanResult:
        """Raises `PipelineError`."""
        from pydantic import ValidationError

        from gwfollow.scans.model import RESULT, ScanResult

        path = self.task.folder / RESULT
        try:
            return ScanResult.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise PipelineError(f"there is no {RESULT}") from None
        except (OSError, ValidationError) as error:
            raise PipelineError(f"{path} is not whole: {error}") from error


__all__ = ["OmegaScan"]

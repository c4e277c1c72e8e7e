"""The pipeline ``gwdata``: finds and fetches what other analyses read: frames, calibration envelopes, public PSDs and samples.

Keys of the document (asimov's, and those of asimov-gwdata):

``download``        list of ``frames``, ``calibration``, ``psds``, ``samples`` (also ``posterior``); frames where unsaid
``engine``          ``gwfollow`` (our own worker, the default), or ``gwdata``: asimov-gwdata, in ``environment``
``data``            ``segment length`` (s), ``frame types`` and ``channels`` for each detector
``span``            ``before`` and ``after`` (s): what frames must cover around the event beside the analysed segment
``source``          ``frames``: datafind, folder, gwosc or osdf; ``type``: pesummary, local storage or frame; ``location`` and ``analysis``
                    of a file of PESummary or GWTC; ``url type``: file or https; ``sample rate`` and ``format`` of GWOSC's files
``locations``       ``datafind server``, ``frames directory``, ``calibration directory``, ``gwosc server``
``calibration version``   the folder ``v1`` of LIGO's archive; one for all detectors or a mapping
``wait``, ``pause``  s to wait for frames that are not there yet (0), and between two looks (30)
``copy frames``     true: copies; else symbolic links to files of this machine

The assets ``data files`` (``H1``, or ``H1.0``, ``H1.1``, ...), ``cache files``, ``calibration``, ``psds`` and ``samples`` go to the analyses that
need this one (`gwfollow.pipelines.inputs`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gwfollow.data import envelopes, metafiles
from gwfollow.data.coverage import cover
from gwfollow.data.names import parse
from gwfollow.data.segments import Segment, told
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import gwdata_inputs, templates
from gwfollow.pipelines.base import AssetFile, Assets, Job, JobStatus, Progress
from gwfollow.pipelines.builder import find_builder
from gwfollow.pipelines.checked import CheckedPipeline
from gwfollow.pipelines.files import tail, tails, write_text
from gwfollow.pipelines.gwdata_worker import REPORT
from gwfollow.pipelines.makers import by_detector, numbered

CONFIG = "gwdata.ini"
JOB = "gwdata"


class GWData(CheckedPipeline):
    """Data for an event."""

    name = "gwdata"
    config_template = "gwdata.ini.j2"
    available_outputs = ("data files", "cache files", "psds", "xml psds", "calibration", "samples")
    rescues = 0

    def before_config(self, dryrun: bool = False) -> None:
        gwdata_inputs.gather(self.task)
        templates.find_template(self.task.configs, self._template)
        if self._foreign:
            find_builder(self.task, "gwdata")

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        asked = gwdata_inputs.gather(self.task)
        template = templates.find_template(self.task.configs, self._template)
        config = write_text(self.task.folder / CONFIG, templates.render(self.task, template, pipeline=asked))
        return {"template": template, "config": config}

    @property
    def _template(self) -> str:
        return str(self.task.get("template") or self.config_template)

    def submit_dag(self, dryrun: bool = False) -> Job:
        if self._foreign:
            executable = find_builder(self.task, "gwdata")
            arguments: tuple[str, ...] = ("--settings", CONFIG)
        else:
            executable, arguments = Path(sys.executable), ("-m", "gwfollow.pipelines.gwdata_worker", CONFIG)
        return Job(executable, arguments, self.task.folder, JOB, self.task.resources)

    def check_progress(self) -> Progress:
        said = tail(self.task.folder / f"{JOB}.out", 1).strip()
        return Progress(None, said)

    def collect_logs(self) -> Mapping[Path, str]:
        return tails([self.task.folder / f"{JOB}.out", self.task.folder / f"{JOB}.err"])

    def check(self) -> None:
        """Everything that was asked for is there for every detector, and opens.  Raises `PipelineError`."""
        asked = self._settings()
        read = set() if self._foreign else self._read_by_job()
        made = self.collect_assets()
        for download, asset in (
            ("frames", "data files"),
            ("psds", "psds"),
            ("calibration", "calibration"),
            ("posterior", "samples"),
        ):
            if download not in asked["data"]:
                continue
            wanted = asked["interferometers"] if download != "posterior" else [""]
            missing = [ifo for ifo in wanted if ifo not in by_detector(made.get(asset, {}))]
            if missing:
                raise PipelineError(f"no {asset} of {' and '.join(missing)}" if missing != [""] else f"no {asset}")
            if download == "frames" and self._foreign:
                self._check_coverage(asked, made[asset])
            if gone := read - {str(file.path) for file in made[asset].values()} if download == "frames" else ():
                raise PipelineError(f"{min(gone)}, which the job has read, is not there any more")
            for label, file in made[asset].items():
                self._open(download, file.path, label, asked, read)

    def _open(self, download: str, path: Path, label: str, asked: Mapping[str, Any], read: Collection[str]) -> None:
        if download == "calibration":
            envelopes.check(path)
        elif download == "posterior":
            metafiles.check_samples(path, (asked.get("source") or {}).get("analysis"))
        elif download == "psds":
            _check_two_columns(path)
        elif not self._foreign:
            # the job has opened it with gwpy and read it
            if str(path) not in read or not path.is_file() or not path.stat().st_size:
                raise PipelineError(f"{path} is not among the frames that the job has read, or has gone")
        else:
            self._read_frame(path, label.partition(".")[0], asked)

    def _read_frame(self, path: Path, ifo: str, asked: Mapping[str, Any]) -> None:
        from gwfollow.data.strain import read_back

        name = parse(path)
        if name is None:
            raise PipelineError(f"{path} is not named as frames are (LIGO-T050017)")
        read_back(path, name, ifo, _window(asked), (asked.get("channels") or {}).get(ifo))

    @property
    def _foreign(self) -> bool:
        """Whether asimov-gwdata does the work."""
        return bool(self.task.get("engine") == "gwdata")

    def _settings(self) -> dict[str, Any]:
        """What the job was asked for.  Not what the document would ask for now: servers and folders may be others where this runs."""
        found = self.read_ini(self.task.folder / CONFIG)
        missing = [key for key in ("interferometers", "time", "data") if not found.get(key)]
        if missing:
            raise PipelineError(f"{self.task.folder / CONFIG} has no {' and no '.join(missing)}")
        return found

    def _check_coverage(self, asked: Mapping[str, Any], files: Mapping[str, AssetFile]) -> None:
        """Our own worker has looked at it before it fetched; asimov-gwdata does not."""
        for ifo, labels in by_detector(files).items():
            found = [name for label in labels if (name := parse(files[label].path)) is not None]
            if gaps := cover(found, _window(asked)).gaps:
                raise PipelineError(f"{ifo} has no frames for {told(gaps)}")

    def _read_by_job(self) -> set[str]:
        """The frame files that the job says it has read.  Raises `PipelineError` where it has not said so."""
        path = self.task.folder / REPORT
        try:
            frames = json.loads(path.read_text()).get("frames", {})
            return {one["file"] for found in frames.values() for one in found["files"]}
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise PipelineError(f"{path}, which the job writes last, cannot be read: {error}") from error

    def collect_assets(self) -> Assets:
        folder = self.task.folder
        ifos = self.task.interferometers
        assets: dict[str, dict[str, AssetFile]] = {"data files": {}}
        frames = sorted(folder.glob("frames/*.*"))
        for ifo in ifos:
            own = [path for path in frames if (name := parse(path)) is not None and name.belongs_to(ifo)]
            assets["data files"] |= numbered(ifo, sorted(own, key=_start))
        for asset, pattern in (
            ("cache files", "cache/*.cache"),
            ("psds", "psds/*.dat"),
            ("xml psds", "psds/*.xml.gz"),
            ("calibration", "calibration/*.*"),
        ):
            files = {path.name.split(".")[0].split("-")[0]: path for path in sorted(folder.glob(pattern))}
            assets[asset] = {ifo: AssetFile(files[ifo]) for ifo in ifos if ifo in files}
        metafile = folder / "posterior" / "metafile.h5"
        assets["samples"] = {"": AssetFile(metafile)} if metafile.is_file() else {}
        return {name: files for name, files in assets.items() if files}

    def failure_reason(self, status: JobStatus) -> str:
        said = tail(self.task.folder / f"{JOB}.err", 1).strip()
        if said:
            return said
        try:
            self.check()
        except (PipelineError, InputError) as error:
            return f"{error}; {status.describe()}"
        return super().failure_reason(status)

    def store_results(self) -> Mapping[str, Path]:
        return {CONFIG: self.task.folder / CONFIG}

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        import yaml

        try:
            found = yaml.safe_load(path.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise PipelineError(f"{path} is no configuration of gwdata: {error}") from error
        if not isinstance(found, dict):
            raise PipelineError(f"{path} is no configuration of gwdata")
        return found


def _window(asked: Mapping[str, Any]) -> Segment:
    return (float(asked["time"]["start"]), float(asked["time"]["end"]))


def _start(path: Path) -> int:
    name = parse(path)
    return name.start if name else 0


def _check_two_columns(path: Path) -> None:
    from gwfollow.pipelines.psd import check_psd

    check_psd(path, spacing=None)

"""The pipeline ``rift``: util_RIFT_pseudo_pipe.py builds a DAG that evaluates the likelihood on a grid, fits it, and refines the grid.

RIFT says nothing when it is done and ends with 0 after steps that failed, so what it made is looked at: the DAG, the first grid, the
arguments of its likelihood.  It lives in an environment of its own as a rule: the document's key ``environment``.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import builder, coinc, dagfile, inputs, lal_inputs, rift_inputs, rift_priors
from gwfollow.pipelines.base import AssetFile, Assets, JobStatus, Progress, Work
from gwfollow.pipelines.dag_pipeline import DagPipeline
from gwfollow.pipelines.files import builder_environment
from gwfollow.pipelines.makers import unchanged

#: environment of its jobs: HTCondor hands on no more of DAGMan's than this, so nothing of ours
_HANDED_ON = "HOME, USER, LAL_DATA_PATH, GW_SURROGATE, RIFT_*"


class RIFT(DagPipeline):
    """Parameter estimation with RIFT."""

    name = "rift"
    config_template = "rift.ini.j2"
    available_outputs = ("samples", "lnL_marg", "samples_raw", "config")
    builder = "util_RIFT_pseudo_pipe.py"
    log_patterns = ("iteration_*/logs/*.err",)

    @property
    def dag(self) -> Path:
        return self.run / "marginalize_intrinsic_parameters_BasicIterationWorkflow.dag"

    @property
    def dag_folder(self) -> Path:
        return self.run

    @property
    def coinc(self) -> Path:
        """The search's coincidence file (key ``coinc file``, or ``coinc.xml`` in the event's folder), else the one that is made here."""
        return self._given_coinc() or self.task.folder / "coinc.xml"

    def _given_coinc(self) -> Path | None:
        given = self.task.get("coinc file")
        if given is not None:
            return inputs.existing(given, "coinc file")
        beside = self.task.folder.parents[1] / "coinc.xml"
        return inputs.existing(beside, "coinc.xml in the event's folder") if beside.exists() else None

    # ---- build ---------------------------------------------------------------------------------------------------------
    def gather(self) -> rift_inputs.RIFTInputs:
        self._psds()
        self.arguments()
        return rift_inputs.gather(self.task, self.run)

    def before_build(self, dryrun: bool = False) -> None:
        if dryrun:
            return
        found = self.gather()
        program = builder.find_builder(self.task, self.builder)
        names = [*found.options, *(flag.lstrip("-").partition("=")[0] for flag in rift_inputs.extra_flags(self.task))]
        unknown = rift_inputs.unknown_options(program, names)
        if unknown:
            raise InputError("pipeline rift", ", ".join(unknown), f"options that {program} knows")

    def arguments(self) -> list[str]:
        words = ["--use-coinc", str(self.coinc)]
        words += [
            "--calibration",
            lal_inputs.word(self.task.get("data.calibration version", "C01"), "data.calibration version", "a word"),
        ]
        words += ["--approx", lal_inputs.approximant(self.task), "--use-rundir", str(self.run)]
        words += ["--ile-force-gpu"] if rift_inputs.force_gpu(self.task) else []
        return [*words, "--use-ini", str(self.ini), *rift_inputs.extra_flags(self.task)]

    def psds(self) -> dict[str, Path]:
        return {ifo: self.run / f"{ifo}-psd.xml.gz" for ifo in inputs.detectors(self.task)}

    def read_files(self) -> dict[str, Path]:
        read = {f"psd {ifo}": path for ifo, path in self._psds().items()}
        read |= {f"calibration {ifo}": path for ifo, path in inputs.calibration(self.task).items()}
        for ifo, paths in inputs.data_files(self.task).items():
            read |= {f"strain {ifo} {index}": path for index, path in enumerate(paths)}
        return read | ({"coinc": self.coinc} if self.coinc.is_file() else {})

    def prepare(self) -> None:
        found, task = self.gather(), self.task
        self.read_ini(self.ini)
        lal_inputs.write_caches(task)
        if found.frames:
            caches = lal_inputs.cache_paths(task, found.strain.start, found.strain.start + found.strain.duration)
            Path(found.frames).write_text("".join(path.read_text() for path in caches.values()))
        if self._given_coinc() is None:
            snr = inputs.number(task, "snr", 20.0)
            coinc.write_coinc(
                self.coinc, found.strain.ifos, found.strain.event_time, *rift_priors.masses(task), snr, found.strain.duration
            )
        for ifo, path in self._psds().items():
            if path.suffix == ".gz" or path.suffix == ".xml":
                shutil.copyfile(path, task.folder / f"{ifo}-psd.xml.gz")
            else:
                self._convert(ifo, path)

    def after_builder(self) -> None:
        for name in ("args_ile.txt", "overlap-grid-0.xml.gz"):
            made = self.run / name
            if not made.is_file() or not made.stat().st_size:
                raise PipelineError(f"{self.builder} wrote no {name}: one of its steps failed; see {self.build_log}")
        for ifo, path in self.psds().items():
            shutil.copyfile(self.task.folder / f"{ifo}-psd.xml.gz", path)
        for folder in self.run.glob("iteration_*"):
            (folder / "logs").mkdir(exist_ok=True)
        self._settle()

    def _psds(self) -> dict[str, Path]:
        """PSDs in LIGO_LW (asset ``xml psds``, or the document's key) where there are some for all detectors, else as text."""
        ifos = inputs.detectors(self.task)
        taken, given = self.task.take("xml psds"), self.task.get("xml psds") or {}
        if all(ifo in taken for ifo in ifos):
            return {ifo: unchanged(self.task, "xml psds", ifo) for ifo in ifos}
        if isinstance(given, Mapping) and all(ifo in given for ifo in ifos):
            return {ifo: inputs.existing(given[ifo], f"xml psds.{ifo}") for ifo in ifos}
        return inputs.psds(self.task)

    def _convert(self, ifo: str, path: Path) -> None:
        """A PSD as text -> ``<ifo>-psd.xml.gz``, by RIFT's own converter."""
        program = builder.prefix_program(self.task, "convert_psd_ascii2xml")
        command = [str(program), "--fname-psd-ascii", str(path), "--conventional-postfix", "--ifo", ifo]
        builder.run_builder(command, self.task.folder, success="", seconds=builder.time_limit(self.task), log=f"psd-{ifo}.log")
        if not (self.task.folder / f"{ifo}-psd.xml.gz").is_file():
            raise PipelineError(f"convert_psd_ascii2xml wrote no {ifo}-psd.xml.gz; see {self.task.folder / f'psd-{ifo}.log'}")

    def _settle(self) -> None:
        """RIFT's submit files ask for 10 MB of disk, hand on the whole environment, and take the account from variables."""
        dag, resources = self.check_dag(), self.task.resources
        path = builder_environment(builder.find_builder(self.task, self.builder))["PATH"]
        settings = {
            "getenv": _HANDED_ON,
            "environment": f'"PATH={path} OMP_NUM_THREADS=1 MPLCONFIGDIR={self.task.folder / "matplotlib"}"',
        }
        if resources.accounting_group is not None:
            settings["accounting_group"] = resources.accounting_group
        if resources.accounting_user is not None:
            settings["accounting_group_user"] = resources.accounting_user
        dagfile.settle_submit_files(dag, settings)
        for pattern, part in (("ILE*.sub", "ile"), ("CIP*.sub", "cip"), ("[!IC]*.sub", "")):
            if not part or self.task.get(f"sampler.{part}.request disk") is None:
                dagfile.settle_submit_files(dag, {"request_disk": f"{resources.disk_mb}MB"}, pattern)

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        nodes = super().check_progress()
        done = self.iterations_done()
        return replace(nodes, text=f"{nodes.text}; {done} iterations done", values={**nodes.values, "iterations": float(done)})

    def iterations_done(self) -> int:
        """Every iteration leaves the grid of the next one."""
        grids = [path for path in self.run.glob("overlap-grid-*.xml.gz") if path.name[13:-7].isdigit() and path.stat().st_size]
        return max(len(grids) - 1, 0)

    # ---- the end -------------------------------------------------------------------------------------------------------
    @property
    def raw_samples(self) -> Path:
        return self.run / "extrinsic_posterior_samples.dat"

    @property
    def samples(self) -> Path:
        return self.run / "reweighted_posterior_samples.dat" if rift_inputs.reweighting(self.task) else self.raw_samples

    def check(self) -> None:
        read_table(self.samples, ("m1", "m2", "lnL"))

    def collect_assets(self) -> Assets:
        self.check()
        found = {"samples": self.samples, "lnL_marg": self.run / "all.net", "samples_raw": self.raw_samples, "config": self.ini}
        return {name: {"": AssetFile(path)} for name, path in found.items() if path.is_file() and path.stat().st_size}

    def store_results(self) -> Mapping[str, Path]:
        return {self.samples.name: self.samples, self.ini.name: self.ini}

    def resurrect(self, status: JobStatus) -> Work | None:
        """From the rescue file; from scratch where DAGMan left none and not one iteration is done."""
        if self.task.rescues >= self.rescues or status.succeeded:
            return None
        return super().resurrect(status) or (self.submit_dag() if not self.iterations_done() else None)

    def clean(self) -> Iterable[Path]:
        """The likelihood's output at every point of the grids: consolidated in ``all.net``."""
        yield from self.run.glob("iteration_*_ile/CME_out-*")
        yield self.task.folder / "matplotlib"

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        return lal_inputs.read_ini(path)


def read_table(path: Path, names: tuple[str, ...]) -> int:
    """Open a table of samples in RIFT's form, names after ``#`` in its first line: the number of samples.

    Raises `PipelineError` where there is none, a row is cut off, or one of the named columns is missing or not finite.
    """
    if not path.is_file() or not path.stat().st_size:
        raise PipelineError(f"{path} is empty or not there")
    rows = 0
    with path.open(errors="replace") as stream:
        columns = stream.readline().lstrip("#").split()
        missing = [name for name in names if name not in columns]
        if missing:
            raise PipelineError(f"{path} has no column {' and '.join(missing)}: it is not a table of RIFT's samples")
        for number, line in enumerate(stream, 2):
            values = line.split()
            if not values or values[0].startswith("#"):
                continue
            if len(values) != len(columns):
                raise PipelineError(f"{path}, line {number} is cut off: {len(values)} of {len(columns)} columns")
            for name in names:
                if not _finite(values[columns.index(name)]):
                    raise PipelineError(f"{path}, line {number}: {name} is {values[columns.index(name)]}")
            rows += 1
    if not rows:
        raise PipelineError(f"{path}: the table of samples is empty")
    return rows


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

"""What pipelines have in common whose builder turns a configuration into a DAG: rendering, building, the checks, rescues, logs.

A pipeline says what its configuration is filled from (`gather`), its builder's command line (`arguments`), where its DAG is and when its
results are whole (`check`).
"""

from __future__ import annotations

import re
import shutil
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import builder, dagfile, inputs, templates
from gwfollow.pipelines.base import Dag, JobStatus, Progress, Work
from gwfollow.pipelines.checked import CheckedPipeline
from gwfollow.pipelines.dagfile import DagFile
from gwfollow.pipelines.files import tails, write_text
from gwfollow.schedulers.base import JobState

RUN = "run"


class DagPipeline(CheckedPipeline):
    """Base class; see the module."""

    #: the builder's program, and the line that it prints when it has done its work
    builder: ClassVar[str]
    success: ClassVar[str] = ""
    #: log files under `run` that a person would open first
    log_patterns: ClassVar[tuple[str, ...]] = ()
    #: whether nothing but DAGMan can run what the builder makes
    only_htcondor: ClassVar[bool] = True

    # ---- what a pipeline says -------------------------------------------------------------------------------------------
    @abstractmethod
    def gather(self) -> Any:
        """What the template sees as ``pipeline``, checked.  Raises `InputError` for the first thing that the builder could not use."""

    @abstractmethod
    def arguments(self) -> list[str]:
        """The builder's command line, without the program."""

    @property
    @abstractmethod
    def dag(self) -> Path:
        """The DAG that the builder writes."""

    def prepare(self) -> None:
        """Files that the builder reads beside the configuration."""

    def after_builder(self) -> None:
        """Put right what the builder wrote.  Raises `PipelineError` where it did not do what it was asked."""

    def read_files(self) -> dict[str, Path]:
        """The inputs that the build reads, name -> path."""
        return read_inputs(self)

    # ---- where things are ------------------------------------------------------------------------------------------------
    @property
    def label(self) -> str:
        """How files of the run are named; asimov's key ``job label`` overrules the analysis' name."""
        label = str(self.task.get("job label") or self.task.analysis)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", label):
            raise InputError("job label", label, "letters, digits, '_', '-' and '.'")
        return label

    @property
    def run(self) -> Path:
        """Where the builder and its jobs write."""
        return self.task.folder / RUN

    @property
    def ini(self) -> Path:
        """The configuration that gwfollow renders."""
        return self.task.folder / f"{self.label}.ini"

    @property
    def dag_folder(self) -> Path:
        """The working folder of the DAG: relative paths in it begin there."""
        return self.task.folder

    # ---- build -----------------------------------------------------------------------------------------------------------
    def before_config(self, dryrun: bool = False) -> None:
        self.gather()
        templates.find_template(self.task.configs, self._template)
        scheduler = self.task.get("scheduler.name", "htcondor")
        if self.only_htcondor and scheduler != "htcondor":
            raise InputError("scheduler.name", scheduler, f"htcondor: {self.builder} makes a DAG, which only HTCondor runs")
        if not dryrun:
            builder.find_builder(self.task, self.builder)
            builder.time_limit(self.task)

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        template = templates.find_template(self.task.configs, self._template)
        found = self.gather()
        write_text(self.ini, templates.render(self.task, template, pipeline=found, psds=self.psds()))
        if not dryrun:
            shutil.rmtree(self.run, ignore_errors=True)  # of a build before this one: builders refuse it, or mix theirs in
            self.prepare()
            command = [str(builder.find_builder(self.task, self.builder)), *self.arguments()]
            builder.run_builder(command, self.task.folder, success=self.success, seconds=builder.time_limit(self.task))
            self.after_builder()
            self.check_dag()
        return self.read_files() | {"template": template, "config": self.ini}

    def psds(self) -> dict[str, Path]:
        """The PSD files that the template sees."""
        return inputs.psds(self.task)

    @property
    def _template(self) -> str:
        return str(self.task.get("template") or self.config_template)

    @property
    def build_log(self) -> Path:
        return self.task.folder / builder.LOG

    def check_dag(self) -> DagFile:
        return dagfile.check_dag(self.dag, self.dag_folder)

    # ---- submit ----------------------------------------------------------------------------------------------------------
    def before_submit(self, dryrun: bool = False) -> None:
        """What the build read is still there."""
        self.check_dag()
        self.gather()

    def submit_dag(self, dryrun: bool = False) -> Work:
        task = self.task
        name = f"{type(self).name.lower()}-{task.event}-{task.analysis}"
        return Dag(file=self.dag, folder=self.dag_folder, name=name, resources=task.resources)

    # ---- while it runs -----------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        return dagfile.progress(self.dags()) or Progress(0.0, "DAGMan starts")

    def dags(self) -> list[Path]:
        """The DAG and those inside it."""
        return dagfile.all_dags(self.dag, self.dag_folder)

    def collect_logs(self) -> Mapping[Path, str]:
        found = [self.build_log, *(Path(f"{dag}.dagman.out") for dag in self.dags())]
        for pattern in self.log_patterns:
            found += self.run.glob(pattern)
        return tails(found)

    # ---- the end -----------------------------------------------------------------------------------------------------------
    def failure_reason(self, status: JobStatus) -> str:
        said = self.why_failed()
        if said:
            return f"{said}; {status.describe()}"
        try:
            self.check()
        except PipelineError as error:
            return f"{error}; {status.describe()}"
        return super().failure_reason(status)

    def why_failed(self) -> str | None:
        """The reason in the words of the node that failed; None where the logs give none."""
        return dagfile.why_failed([(dag, self.dag_folder) for dag in self.dags()], self.task.folder)

    def resurrect(self, status: JobStatus) -> Work | None:
        """The same DAG again, at most `rescues` times: DAGMan goes on from its rescue file.

        A DAG that ended well, or one that failed without leaving a rescue file, would only fail again.
        """
        if self.task.rescues >= self.rescues or status.succeeded:
            return None
        return self.submit_dag() if was_killed(status) or self.rescue_files() else None

    def rescue_files(self) -> list[Path]:
        return dagfile.rescue_files(self.dag)


def was_killed(status: JobStatus) -> bool:
    """Whether the job ended from outside: removed, or by a signal."""
    return status.state is JobState.REMOVED or status.signal is not None


def read_inputs(pipeline: DagPipeline) -> dict[str, Path]:
    """PSDs, calibration and strain of a pipeline by the names under which their checksums are recorded."""
    task = pipeline.task
    read = {f"psd {ifo}": path for ifo, path in pipeline.psds().items()}
    read |= {f"calibration {ifo}": path for ifo, path in inputs.calibration(task).items()}
    for ifo, paths in inputs.data_files(task).items():
        read |= {f"strain {ifo} {index}": path for index, path in enumerate(paths)}
    return read

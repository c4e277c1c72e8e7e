"""The pipeline interface: everything that a pipeline author has to know, in one file.

A pipeline is a class, named by the entry-point group ``gwfollow.pipelines``.  gwfollow makes an instance for each step with the
`Task` in hand, and calls the hooks in this order (the names are asimov's):

    apply    document_check                   (of the class: there is no task yet)
    data     awaits                           (pipelines of `gwfollow.naming.DATA_QUALITY` alone)
    build    before_config, before_build, build_dag
    submit   before_submit, submit_dag        (gwfollow itself hands the returned work to the scheduler, exactly once)
    wait     check_progress                   (any time);  detect_completion, and resurrect where it says no
    collect  detect_completion, collect_assets, checks
    process  after_completion, detect_completion_processing, after_processing
    publish  store_results, announcement
    stop     eject_job;   clean   clean

Every hook may be called again after a crash: it must give the same effect as once.  A hook raises `PipelineError` with a sentence
for a person where the analysis cannot go on; any other exception counts the same, with the exception's text.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gwfollow.schedulers.base import Dag, Job, JobStatus, Resources, Work

if TYPE_CHECKING:
    from gwfollow.data.lookup import LookUp  # pydantic takes a tenth of a second that most steps need not pay

#: how often a stuck DAG is taken up again from its rescue file unless the pipeline says otherwise
RESCUES = 5


@dataclass(frozen=True)
class AssetFile:
    """A file that one analysis made and another takes."""

    path: Path
    sha256: str = ""  # empty where a pipeline reports it: gwfollow reads the file and fills it in


#: asset name -> label (detector, or "" where there is one) -> file
Assets = Mapping[str, Mapping[str, AssetFile]]


@dataclass(frozen=True)
class NeededAnalysis:
    """An analysis that the present one needs, with what it made."""

    name: str
    pipeline: str
    document: Mapping[str, Any]
    assets: Assets
    event: str = ""  # its event: that of the task, but for project analyses
    status: str = ""
    attempt: int = 0
    input: bool = False  # named by `analyses`: the present analysis works on its results; else by `needs`


@dataclass(frozen=True)
class Task:
    """What a pipeline is given: a frozen picture of the ledger for one attempt of one analysis."""

    event: str
    gps: float | None  # s
    graceid: str | None
    interferometers: tuple[str, ...]
    analysis: str
    pipeline: str
    document: Mapping[str, Any]  # data, likelihood, priors, waveform, sampler, scheduler, quality, ...: all defaults merged in
    attempt: int
    folder: Path  # <working directory>/<event>/<analysis>/attempt-<n>: the pipeline may write here and nowhere else
    configs: Path  # include/configs
    needed: tuple[NeededAnalysis, ...] = ()
    rescues: int = 0  # resurrections of this attempt so far
    resources: Resources = field(default_factory=Resources)
    own: Mapping[str, Any] = field(default_factory=dict)  # the analysis' document before any default: what it insists on
    subjects: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # of a project analysis: its events' documents, by name

    @property
    def inputs(self) -> tuple[NeededAnalysis, ...]:
        """The analyses whose results a subject or project analysis works on (`analyses`), in the order of its document."""
        return tuple(other for other in self.needed if other.input)

    def get(self, path: str, default: Any = None) -> Any:
        """A value of the document by its dotted path: ``task.get("likelihood.sample rate")``."""
        here: Any = self.document
        for part in path.split("."):
            if not isinstance(here, Mapping) or part not in here:
                return default
            here = here[part]
        return here

    def take(self, asset: str) -> dict[str, AssetFile]:
        """The named asset of what is needed, by label; of several makers the last one named in `needs` wins."""
        found: dict[str, AssetFile] = {}
        for maker in self.needed:
            found.update(maker.assets.get(asset, {}))
        return found


@dataclass(frozen=True)
class AwaitedData:
    """Frames of one type that a pipeline reads, and the stretch of GPS time that it wants of them.

    `need` says what becomes of the analysis where they are missing after their deadline: *all*, it is skipped; *some*, it is skipped
    where nothing of use is there of any type, and begins with the types that are there while it waits itself for the others; *none*, it
    runs.  A type is of use with `core` whole, or with any data where that is not said.
    """

    look_up: LookUp
    wanted: tuple[float, float]  # s
    need: Literal["all", "some", "none"] = "some"
    core: tuple[float, float] | None = None  # s


#: raises `InputError` for a merged document that can never be built
DocumentCheck = Callable[[Mapping[str, Any]], None]

#: `unknown` is never `pass`
CheckVerdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True)
class CheckResult:
    """The answer to one question about an event's data; a later answer takes the place of an earlier one of the same name."""

    name: str  # unique within the event: "H1 HOFT_OK", "H1 omega scan H1_strain"
    process: str  # who asks: "state vector", "iDQ", "omega scan"; the policy of labels goes by it
    verdict: CheckVerdict
    ifo: str = ""
    summary: str = ""  # one sentence for people
    details: Mapping[str, Any] = field(default_factory=dict)  # for programs: what JSON can hold
    links: Sequence[str] = ()  # addresses


@dataclass(frozen=True)
class Progress:
    """How far a running analysis is."""

    fraction: float | None = None  # 0 to 1, where it can be said
    text: str = ""
    values: Mapping[str, float] = field(default_factory=dict)  # e.g. iterations, dlogz, nodes_done


class Pipeline(ABC):
    """Base class of all pipelines; see the module's docstring for the order of calls."""

    #: as blueprints write it, compared without regard to case
    name: ClassVar[str]
    #: file under include/configs that `build_dag` renders; empty where there is none
    config_template: ClassVar[str] = ""
    #: asset names that `collect_assets` may return
    available_outputs: ClassVar[tuple[str, ...]] = ()
    #: asset names that must come from `needs` or the document
    required_inputs: ClassVar[tuple[str, ...]] = ()
    #: resurrections allowed for one attempt
    rescues: ClassVar[int] = RESCUES
    #: of what is said of its results in GraceDB
    tags: ClassVar[tuple[str, ...]] = ("pe",)

    def __init__(self, task: Task) -> None:
        self.task = task
        self.logger = logging.getLogger(f"gwfollow.pipelines.{type(self).name}")

    # ---- apply ---------------------------------------------------------------------------------------------------------
    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck | None:
        """What looks at documents before the ledger takes them, made once for an apply of thousands; None: nothing does.

        It is called with the document as `Task.document` will be, all defaults merged in (``event time`` and ``interferometers`` where
        they are known already), and raises `InputError` with key, value and what is allowed: then nothing of the file is applied.
        `configs` is include/configs.  What needs other analyses or data is for `before_config`.  Anything else that it raises is told as
        a warning.
        """
        return None

    # ---- data ----------------------------------------------------------------------------------------------------------
    def awaits(self) -> Sequence[AwaitedData]:
        """The frames to wait for before the build, each type until its own deadline; asked before the attempt's folder is there."""
        return ()

    # ---- build ---------------------------------------------------------------------------------------------------------
    def before_config(self, dryrun: bool = False) -> None:
        """Before the configuration is rendered: check what the document and the needed assets give."""

    def before_build(self, dryrun: bool = False) -> None:
        """After the configuration, before the builder."""

    @abstractmethod
    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        """Render the configuration into `task.folder` and run the builder.

        Returns the inputs that were read, name -> path (their checksums are recorded: an update re-runs what changed).
        `dryrun` renders the configuration and runs nothing.
        """

    # ---- submit --------------------------------------------------------------------------------------------------------
    def before_submit(self, dryrun: bool = False) -> None:
        """The last look before the scheduler."""

    @abstractmethod
    def submit_dag(self, dryrun: bool = False) -> Work:
        """What the scheduler shall run.  Says only *what*: gwfollow submits it, so that it happens once."""

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        """From the pipeline's own files; cheap (a tail), never raises for a file that is not there yet."""
        return Progress()

    def collect_logs(self) -> Mapping[Path, str]:
        """Tails of the log files that a person would open first, newest last."""
        return {}

    # ---- the end -------------------------------------------------------------------------------------------------------
    @abstractmethod
    def detect_completion(self) -> bool:
        """True only when the results have been opened and are whole: a file that exists is not a result."""

    @abstractmethod
    def collect_assets(self) -> Assets:
        """What was made, after completion."""

    def checks(self) -> Sequence[CheckResult]:
        """What the results say of the event's data: recorded with the assets, in the event's data-quality record."""
        return ()

    def failure_reason(self, status: JobStatus) -> str:
        """One sentence for a person on why the job ended without a result; the default says how it ended."""
        return f"the job ended without a result ({status.describe()})"

    def resurrect(self, status: JobStatus) -> Work | None:
        """What to submit after a job that ended without a result, in the same folder; None gives up."""
        return None

    # ---- post-processing of its own ------------------------------------------------------------------------------------
    def after_completion(self) -> Work | None:
        """Post-processing to run as a job (status *processing*), or None where there is none."""
        return None

    def detect_completion_processing(self) -> bool:
        """Whether the job of `after_completion` left what it should."""
        return True

    def after_processing(self) -> None:
        """After post-processing, or right after completion where there is none."""

    def run_pesummary(self) -> Work | None:
        """PESummary on this analysis' own samples, for pipelines that call it from `after_completion`."""
        return None

    def store_results(self) -> Mapping[str, Path]:
        """Files to publish with the analysis, name -> path."""
        return {}

    def announcement(self) -> str:
        """What is said in GraceDB with the files of `store_results`, under their names; empty: that the analysis is complete."""
        return ""

    # ---- people --------------------------------------------------------------------------------------------------------
    def eject_job(self) -> None:
        """Called after gwfollow has removed the job from its scheduler."""

    def clean(self) -> Iterable[Path]:
        """What can be made again (checkpoints, caches) and may be deleted from the attempt's folder: files, and folders with all in them.

        Says only *what*: gwfollow deletes it, and never a recorded asset.
        """
        return ()

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        """The pipeline's configuration file as a dictionary.  Raises `PipelineError` where it is not one."""
        from gwfollow.errors import PipelineError

        raise PipelineError(f"pipeline {cls.name} has no configuration file to read ({path})")


__all__ = [
    "RESCUES",
    "AssetFile",
    "Assets",
    "AwaitedData",
    "CheckResult",
    "CheckVerdict",
    "Dag",
    "DocumentCheck",
    "Job",
    "JobStatus",
    "NeededAnalysis",
    "Pipeline",
    "Progress",
    "Task",
    "Work",
]

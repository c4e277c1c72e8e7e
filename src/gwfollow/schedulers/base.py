"""The scheduler interface.

Exactly once.  `submit` leaves the job *staged*: accepted by the scheduler, findable by its key, but not running.  The caller records
the id in the ledger (compare-and-set) and only then calls `start`.  A caller that loses the compare-and-set calls `remove` on its own
staged job, which has never run.  So neither a crash at any point nor two callers at once can make a job run twice.

A new call for a key first looks whether the scheduler knows it (queue, history, event log) and *adopts* what it finds.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class JobState(enum.Enum):
    """What a scheduler says of a job."""

    STAGED = "staged"  # submitted, waits for `start`
    IDLE = "idle"
    RUNNING = "running"
    HELD = "held"  # waits for a person; `reason` says why
    COMPLETED = "completed"  # ended by itself: `exit_code`, or `signal` where it was killed by one
    REMOVED = "removed"  # taken from the queue by a person or a policy
    UNKNOWN = "unknown"  # the scheduler answered and knows nothing of it: rotated out, or lost.  Not evidence of an end

    @property
    def ended(self) -> bool:
        return self in (JobState.COMPLETED, JobState.REMOVED)


@dataclass(frozen=True)
class JobStatus:
    """One job as the scheduler sees it."""

    state: JobState
    key: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""  # of the hold or the removal, in the scheduler's words
    hold_code: int | None = None
    evictions: int = 0  # how often it was vacated and went back to idle
    host: str = ""
    nodes_done: int | None = None  # DAGs only
    nodes_total: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.state is JobState.COMPLETED and self.exit_code == 0

    def describe(self) -> str:
        """For a person: ``held: memory usage exceeded request_memory``."""
        if self.state is JobState.COMPLETED:
            return f"killed by signal {self.signal}" if self.signal is not None else f"exit code {self.exit_code}"
        return str(self.state.value) + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Resources:
    """What a job asks of its scheduler; from the ledger's ``scheduler`` document."""

    accounting_group: str | None = None
    accounting_user: str | None = None
    cpus: int = 1
    memory_mb: int = 1024
    disk_mb: int = 1024
    requirements: str | None = None  # a ClassAd expression
    priority: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    oauth_services: tuple[str, ...] = ()  # e.g. ("igwn",): the credential itself never passes through gwfollow


@dataclass(frozen=True)
class Job:
    """One program."""

    executable: Path
    arguments: tuple[str, ...]
    folder: Path  # working folder; stdout, stderr and the scheduler's log go to <folder>/<name>.{out,err,log}
    name: str
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True)
class Dag:
    """A DAGMan file that a builder has written.  Relative paths in it are relative to `folder`."""

    file: Path
    folder: Path
    name: str
    resources: Resources = field(default_factory=Resources)


Work = Job | Dag


@dataclass(frozen=True)
class Submission:
    job_id: str
    adopted: bool  # True: the scheduler had a job with this key already


@dataclass(frozen=True)
class Logs:
    """The last lines of each log file of a job that exists: file -> text."""

    tails: Mapping[Path, str]


class Scheduler(ABC):
    """All methods raise `SchedulerSilent` when there is no answer in time; none guesses."""

    #: as the ledger names it: "htcondor", "local"
    name: str

    @abstractmethod
    def submit(self, work: Work, key: str) -> Submission:
        """Stage `work` under `key`, or adopt what the scheduler has under this key.  Raises `SubmitRefused`."""

    @abstractmethod
    def start(self, job_id: str) -> None:
        """Let a staged job run.  Nothing happens to a job that is past that."""

    @abstractmethod
    def find(self, key: str, folder: Path | None = None) -> list[str]:
        """Ids of all jobs under `key`, in the queue or in the history, oldest first.

        `folder` keeps to those whose working folder is in it: another ledger on the same scheduler may use the same key.
        """

    @abstractmethod
    def query(self, job_ids: Collection[str], folders: Mapping[str, Path] | None = None) -> dict[str, JobStatus]:
        """Every id's status, from one query of the queue however many ids there are (plus one of the history for those that left it).

        `folders` gives the attempt's folder of some ids: a job in neither queue nor history is looked for in its event log there.
        """

    def claim(self, job_id: str, key: str) -> bool:
        """Put `key` on a job in the queue that somebody else has submitted, so that it is watched as our own.

        False where the queue has no such job, or it has another key, or where the scheduler can do no such thing.  Raises `SubmitRefused`
        where it is not ours to change.
        """
        return False

    @abstractmethod
    def hold(self, job_id: str, reason: str) -> None: ...

    @abstractmethod
    def release(self, job_id: str) -> None: ...

    @abstractmethod
    def remove(self, job_id: str, reason: str) -> None:
        """Take it from the queue; a job that has ended, or that is not there, is left alone."""

    @abstractmethod
    def set_priority(self, job_id: str, priority: int) -> None: ...

    @abstractmethod
    def logs(self, work: Work, lines: int = 50) -> Logs:
        """Tails of the job's output, error and event logs (for a DAG: DAGMan's own and those of failed nodes)."""

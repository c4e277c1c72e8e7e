"""Whether a result file of bilby is whole.  The reading itself is `gwfollow.results.posterior`'s, which reads such files of everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import PipelineError
from gwfollow.results.posterior import Unreadable, read_runs
from gwfollow.results.tables import Interval, Run


@dataclass(frozen=True)
class Result:
    """What a checked result says."""

    path: Path
    size: int  # samples
    log_evidence: float
    sampled: tuple[str, ...]  # names of the sampled parameters
    parameters: Mapping[str, Interval]  # every numeric column: median, 5% and 95% quantile


def read(path: Path) -> Result:
    """Open a result and check that it is whole: evidence finite, a table that is not empty, every sampled parameter there and finite.

    Raises `PipelineError` that says what is wrong.
    """
    try:
        kind, runs = read_runs(path)
    except Unreadable as error:
        raise PipelineError(str(error)) from error
    if not kind.startswith("bilby "):
        raise PipelineError(f"{path} is a file of {kind}, not a result of bilby")
    return _checked(path, runs[0])


def _checked(path: Path, run: Run) -> Result:
    if "ln_evidence" not in run.evidence:
        raise PipelineError(f"{path} has no log_evidence that is a finite number")
    if not run.sampled:
        raise PipelineError(f"{path} names no sampled parameters")
    for name in run.sampled:
        if name in run.not_finite:
            raise PipelineError(f"{path}: {run.not_finite[name]} samples of {name} are not finite")
        if name not in run.parameters:
            raise PipelineError(f"{path} has no samples of {name}")
    return Result(path, run.samples, run.evidence["ln_evidence"], run.sampled, run.parameters)


__all__ = ["Result", "read"]

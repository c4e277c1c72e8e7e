"""What goes into a summary: for each analysis its samples and all that PESummary wants to know about them.

A subject analysis takes the analyses that `analyses` names, any other those that it needs and that have made samples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import inputs, makers
from gwfollow.pipelines.base import NeededAnalysis, Task
from gwfollow.pipelines.bilby import read_ini

#: what other codes and releases call the parameters that quick pages show
_OTHER_NAMES = {
    "mc": "chirp_mass", "q": "mass_ratio", "m1": "mass_1", "m2": "mass_2", "dist": "luminosity_distance", "distance": "luminosity_distance",
    "rightascension": "ra", "declination": "dec", "time": "geocent_time", "chieff": "chi_eff", "xi": "chi_eff",
}  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """One analysis in the summary, and what goes with its samples."""

    label: str
    analysis: str  # as the document names it
    samples: Path
    config: Path | None = None
    approximant: str | None = None
    f_low: float | None = None  # Hz
    f_ref: float | None = None  # Hz
    psds: Mapping[str, Path] = field(default_factory=dict)
    calibration: Mapping[str, Path] = field(default_factory=dict)


def gather(task: Task) -> list[Samples]:
    """Every set of samples, in the order of the document.  Raises `InputError` where there is none."""
    found: list[Samples] = []
    chosen = task.inputs or tuple(other for other in task.needed if other.pipeline.lower() != "pesummary")
    for other in chosen:
        files = other.assets.get("samples", {})
        if other.input and not files:
            raise InputError(
                f"analyses, {makers.describe(other)}",
                sorted(other.assets),
                f"samples, which it was to make (it is {other.status or 'done'})",
            )
        for label in files:
            found.append(_samples(task, other, label, {one.label for one in found}))
    if not found:
        names = ", ".join(other.name for other in task.needed) or "nothing"
        raise InputError("needs", names, "at least one analysis that has made samples")
    return found


def contents(path: Path, analysis: str) -> tuple[set[str], int]:
    """The parameters that a file of samples has, under PESummary's names where those are known, and the samples of its smallest set.

    Raises `PipelineError`.
    """
    from gwfollow.results.posterior import Unreadable, read_runs

    try:
        _, runs = read_runs(path)
    except Unreadable as error:
        raise PipelineError(f"samples of {analysis}: {error}") from error
    found = {name for run in runs for name in run.parameters}
    return found | {_OTHER_NAMES[name] for name in found if name in _OTHER_NAMES}, min((run.samples for run in runs), default=0)


def _samples(task: Task, other: NeededAnalysis, label: str, taken: set[str]) -> Samples:
    """The samples with their configuration; what that does not say comes from the analysis' document and what it was given."""
    config = other.assets.get("config", {}).get("")
    settings = read_ini(config.path) if config is not None and other.pipeline.lower() == "bilby" else {}
    return Samples(
        label=_label(task, other, label, taken),
        analysis=other.name,
        samples=makers.kept(other, "samples", label),
        config=config.path if config is not None else None,
        approximant=_text(settings.get("waveform-approximant")) or _text(_get(other.document, "waveform.approximant")),
        f_low=_lowest(settings.get("minimum-frequency")) or _lowest(_get(other.document, "likelihood.minimum frequency")),
        f_ref=_lowest(settings.get("reference-frequency"))
        or _lowest(_get(other.document, "waveform.reference frequency"))
        or _lowest(_get(other.document, "likelihood.reference frequency")),
        psds=_files(task, other, settings.get("psd-dict"), "psds", "psds"),
        calibration=_files(task, other, settings.get("spline-calibration-envelope-dict"), "calibration", "data.calibration"),
    )


def _label(task: Task, other: NeededAnalysis, label: str, taken: set[str]) -> str:
    """Letters, digits and '_' only: PESummary changes a dot, and does not find ``--a-b_psd`` when its label is ``a-b``."""
    parts = [*([other.event] if other.event not in {"", task.event} else []), other.name, *([label] if label else [])]
    base = name = re.sub(r"[^A-Za-z0-9_]", "_", "_".join(parts))
    number = 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def _files(task: Task, other: NeededAnalysis, configured: Any, asset: str, key: str) -> dict[str, Path]:
    """By detector: what its configuration says that it has read; else what itself, or an analysis needed here, has made; else its document's."""
    if isinstance(configured, Mapping):
        return {ifo: Path(path) for ifo, path in configured.items()}
    if other.assets.get(asset):
        return {ifo: makers.kept(other, asset, ifo) for ifo in other.assets[asset]}
    if made := task.take(asset):
        return {ifo: makers.unchanged(task, asset, ifo) for ifo in made}
    given = _get(other.document, key)
    if not isinstance(given, Mapping):
        return {}
    return {ifo: inputs.existing(path, f"{other.name}, {key}.{ifo}") for ifo, path in given.items() if isinstance(path, str)}


def _get(document: Mapping[str, Any], path: str) -> Any:
    here: Any = document
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.:-]+", value) else None


def _lowest(value: Any) -> float | None:
    values = list(value.values()) if isinstance(value, Mapping) else [value]
    numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return min(numbers, default=None)

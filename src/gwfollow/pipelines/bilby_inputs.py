"""What gwfollow works out and checks for bilby_pipe's configuration, from the document's asimov keys."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gwfollow.errors import InputError
from gwfollow.pipelines import bilby_priors, inputs
from gwfollow.pipelines.base import Task

#: the group for a pool that asks for none; bilby_pipe insists on one with a dot in it
NO_ACCOUNTING = "not.required.here"
#: names that bilby_pipe knows; any other must be a class that can be imported
_LIKELIHOODS = {
    "GravitationalWaveTransient": "lal_binary_black_hole",
    "zero": "lal_binary_black_hole",
    "ROQGravitationalWaveTransient": "binary_black_hole_roq",
    "RelativeBinningGravitationalWaveTransient": "lal_binary_black_hole_relative_binning",
    "MBGravitationalWaveTransient": "binary_black_hole_frequency_sequence",
}


@dataclass(frozen=True)
class PriorInterface:
    """What asimov's templates call ``pipeline.get_prior_interface()``."""

    default: str
    line: str

    def get_default_prior(self) -> str:
        return self.default

    def to_prior_dict_string(self) -> str:
        return self.line


@dataclass(frozen=True)
class BilbyInputs:
    """The variable ``pipeline`` of the template.  Times in s, frequencies in Hz, sizes in GB."""

    name: str
    label: str
    event_time: float
    duration: float
    post_trigger: float
    sample_rate: float
    minimum_frequency: dict[str, float]
    maximum_frequency: dict[str, float]
    data_files: dict[str, Any]
    data_format: str
    frame_types: dict[str, str]
    channels: dict[str, str]  # without the detector's prefix, as bilby_pipe wants them
    psds: dict[str, str]
    calibration: dict[str, str]
    likelihood_type: str
    source_model: str
    prior_dict: str
    default_prior: str
    time_width: float
    approximant: str
    reference_frequency: float
    accounting: str
    accounting_user: str | None
    cpus: int
    memory_gb: float
    generation_memory_gb: float
    disk_gb: float
    environment: dict[str, str | int]
    sampler_kwargs: Any
    additional_files: list[str]

    def get_prior_interface(self) -> PriorInterface:
        return PriorInterface(self.default_prior, self.prior_dict)

    def get_sampler_kwargs(self) -> Any:
        return self.sampler_kwargs

    def get_additional_files(self) -> list[str]:
        return self.additional_files


def gather(task: Task, label: str) -> BilbyInputs:
    """Read the document.  Raises `InputError` for the first thing that bilby could not use."""
    files = inputs.data_files(task)
    scheduler = _section(task, "scheduler")
    priors = _section(task, "priors")
    kind, model = _likelihood(task)
    duration = inputs.number(task, "data.segment length", unit="s")
    default_prior = str(priors.get("default", "BBHPriorDict"))
    return BilbyInputs(
        name="bilby",
        label=label,
        event_time=inputs.event_time(task),
        duration=duration,
        post_trigger=_post_trigger(task, duration),
        sample_rate=inputs.number(task, "likelihood.sample rate", unit="Hz"),
        minimum_frequency=_minimum_frequency(task),
        maximum_frequency=_maximum_frequency(task),
        data_files={ifo: str(paths[0]) if len(paths) == 1 else [str(path) for path in paths] for ifo, paths in files.items()},
        data_format=inputs.data_format(files),
        frame_types={} if files else _frame_types(task),
        channels=_channels(task),
        psds={ifo: str(path) for ifo, path in inputs.psds(task).items()},
        calibration={ifo: str(path) for ifo, path in inputs.calibration(task).items()},
        likelihood_type=kind,
        source_model=model,
        prior_dict=bilby_priors.prior_dict(priors, sky_frame=task.get("likelihood.reference frame", "sky") == "sky"),
        default_prior=default_prior,
        time_width=bilby_priors.time_width(priors),
        approximant=_word(
            task.get("waveform.approximant"), "waveform.approximant", "the name of a waveform, such as IMRPhenomXPHM"
        ),
        reference_frequency=_reference_frequency(task),
        accounting=_accounting(task, scheduler),
        accounting_user=task.resources.accounting_user,
        cpus=task.resources.cpus,
        memory_gb=round(task.resources.memory_mb / 1024, 3) if scheduler.get("request memory") is not None else 4.0,
        generation_memory_gb=_gigabytes(scheduler.get("request generation memory"), task),
        disk_gb=round(task.resources.disk_mb / 1024, 3),
        environment=_environment(task, scheduler),
        sampler_kwargs=task.get("sampler.sampler kwargs", {}),
        additional_files=[
            str(inputs.existing(path, "scheduler.additional files")) for path in scheduler.get("additional files") or ()
        ],
    )


def _section(task: Task, name: str) -> Mapping[str, Any]:
    section = task.get(name) or {}
    if not isinstance(section, Mapping):
        raise InputError(name, section, "a mapping")
    return section


def _word(value: Any, place: str, expected: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise InputError(place, value, expected)
    return value


def _post_trigger(task: Task, duration: float) -> float:
    """Seconds of the segment after the event: said, or from asimov's ``segment start``, or bilby_pipe's 2."""
    if task.get("likelihood.post trigger time") is None and task.get("likelihood.segment start") is not None:
        start = inputs.number(task, "likelihood.segment start", unit="GPS s")
        after = round(start + duration - inputs.event_time(task), 6)
        place, found = "likelihood.segment start", start
    else:
        after = inputs.number(task, "likelihood.post trigger time", 2.0, unit="s")
        place, found = "likelihood.post trigger time", after
    if not 0 < after < duration:
        raise InputError(place, found, f"a segment of {duration:g} s that holds the event")
    return after


def _minimum_frequency(task: Task) -> dict[str, float]:
    found = inputs.per_detector(task, "minimum frequency", 20.0)
    missing = [ifo for ifo in inputs.detectors(task) if ifo not in found]
    if missing:
        raise InputError("likelihood.minimum frequency", found, f"a frequency (Hz) for {' and '.join(missing)} too")
    if task.get("likelihood.start frequency") is not None:
        found["waveform"] = inputs.number(task, "likelihood.start frequency", unit="Hz")
    return found


def _maximum_frequency(task: Task) -> dict[str, float]:
    found = inputs.per_detector(task, "maximum frequency")
    nyquist = inputs.number(task, "likelihood.sample rate", unit="Hz") / 2
    for ifo, frequency in found.items():
        if frequency > nyquist:
            raise InputError(
                f"likelihood.maximum frequency.{ifo}",
                frequency,
                f"at most half the sample rate, {nyquist:g} Hz, to be in the data",
            )
    return found


def _reference_frequency(task: Task) -> float:
    for path in ("waveform.reference frequency", "likelihood.reference frequency"):
        if task.get(path) is not None:
            return inputs.number(task, path, unit="Hz")
    return 20.0


def _frame_types(task: Task) -> dict[str, str]:
    given = task.get("data.frame types") or {}
    missing = [ifo for ifo in inputs.detectors(task) if ifo not in given]
    if missing:
        raise InputError("data", sorted(given), f"`data files`, or `frame types` to look for frames, for {' and '.join(missing)}")
    return {ifo: _word(given[ifo], f"data.frame types.{ifo}", "a frame type") for ifo in inputs.detectors(task)}


def _channels(task: Task) -> dict[str, str]:
    found = inputs.channels(task)
    missing = [ifo for ifo in inputs.detectors(task) if ifo not in found]
    if missing:
        raise InputError("data.channels", sorted(found), f"a strain channel for {' and '.join(missing)}")
    return {ifo: name.split(":", 1)[1] for ifo, name in found.items()}


def _likelihood(task: Task) -> tuple[str, str]:
    """The likelihood's name and the source model that fits it, unless the document says another.

    bilby_pipe looks at the name only when the job runs, so it is looked up here.
    """
    kind = _word(
        task.get("likelihood.type", "GravitationalWaveTransient"), "likelihood.type", "the name of a likelihood of bilby"
    )
    if kind not in _LIKELIHOODS and not ("." in kind and _importable(kind)):
        raise InputError(
            "likelihood.type", kind, f"one of {', '.join(_LIKELIHOODS)}, or a class that can be imported, with its module"
        )
    model = (
        task.get("likelihood.frequency domain source model")
        or task.get("waveform.frequency domain source model")
        or _LIKELIHOODS.get(kind, "lal_binary_black_hole")
    )
    return kind, _word(model, "likelihood.frequency domain source model", "the name of a source model of bilby")


def _importable(name: str) -> bool:
    """Whether another process of this Python can import the class: a stranger's module does not run in ours."""
    module, _, attribute = name.rpartition(".")
    code = "import importlib, sys; getattr(importlib.import_module(sys.argv[1]), sys.argv[2])"
    found = subprocess.run([sys.executable, "-c", code, module, attribute], capture_output=True, timeout=120, check=False)
    return found.returncode == 0


def _accounting(task: Task, scheduler: Mapping[str, Any]) -> str:
    group = task.resources.accounting_group or scheduler.get("accounting group") or NO_ACCOUNTING
    group = _word(group, "scheduler.accounting group", "the name of an accounting group")
    if "." not in group:
        raise InputError(
            "scheduler.accounting group", group, "a group with a dot in it, as bilby_pipe insists: ligo.dev.o4.cbc.pe.bilby"
        )
    return group


def _gigabytes(value: Any, task: Task) -> float:
    """Memory of the generation job: ``2.0`` (GB), ``"2 GB"`` or ``"2048 MB"``; the analysis' own where nothing is said."""
    if value is None:
        return max(1.0, round(task.resources.memory_mb / 1024, 3))
    amount = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(GB|MB|)\s*", str(value))
    if amount is None or float(amount[1]) <= 0:
        raise InputError("scheduler.request generation memory", value, "a number of GB, or a text such as '2048 MB'")
    return float(amount[1]) / (1024 if amount[2] == "MB" else 1)


def _environment(task: Task, scheduler: Mapping[str, Any]) -> dict[str, str | int]:
    """Of the jobs: one thread each, and a place for matplotlib's cache, as a job has no home folder."""
    usual: dict[str, str | int] = {"OMP_NUM_THREADS": 1, "MPLCONFIGDIR": str(task.folder / "matplotlib")}
    asked = scheduler.get("environment variables") or {}
    if not isinstance(asked, Mapping):
        raise InputError("scheduler.environment variables", asked, "a mapping from name to value")
    for name, value in (dict(task.resources.environment) | dict(asked)).items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)) or not re.fullmatch(r"[A-Za-z0-9_./+-]*", str(value)):
            raise InputError(
                f"scheduler.environment variables.{name}", value, "a name and a value without spaces, quotes, colons or commas"
            )
        usual[str(name)] = value if isinstance(value, int) else str(value)
    return usual

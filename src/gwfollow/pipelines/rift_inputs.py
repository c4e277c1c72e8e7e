"""What gwfollow works out and checks for RIFT's configuration, from the document's asimov keys.

RIFT *evaluates* every value of its section ``rift-pseudo-pipe`` as Python, and puts many into shell command lines.  So each of them is
checked here, and what the template prints is the written form of a number, a truth value or a plain word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.pipelines import builder, inputs, lal_inputs, rift_priors
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.lal_inputs import Strain

#: asimov's words under ``likelihood.assume``
ASSUMPTIONS = {
    "no spin": "assume-nospin",
    "precessing": "assume-precessing",
    "nonprecessing": "assume-nonprecessing",
    "matter": "assume-matter",
    "matter secondary": "assume-matter-but-primary-bh",
    "eccentric": "assume-eccentric",
    "lowlatency tradeoffs": "assume-lowlatency-tradeoffs",
    "high q": "assume-highq",
    "well-placed": "assume-well-placed",
}
#: asimov's key under ``sampler`` -> RIFT's option, what it is, and what stands where the document says nothing
_SETTINGS: dict[str, tuple[str, type, Any]] = {
    "cip.fitting method": ("cip-fit-method", str, "rf"),
    "cip.sampling method": ("cip-sampler-method", str, "AV"),
    "cip.explode jobs": ("cip-explode-jobs", int, 3),
    "cip.explode jobs auto": ("cip-explode-jobs-auto", bool, True),
    "cip.request disk": ("internal-cip-request-disk", str, None),
    "ile.n eff": ("ile-n-eff", int, 10),
    "ile.copies": ("ile-copies", int, 1),
    "ile.sampling method": ("ile-sampler-method", str, "AV"),
    "ile.freezeadapt": ("internal-ile-freezeadapt", bool, False),
    "ile.rotate phase": ("internal-ile-rotate-phase", bool, None),
    "ile.runtime max minutes": ("ile-runtime-max-minutes", int, 700),
    "ile.jobs per worker": ("ile-jobs-per-worker", int, 20),
    "ile.request disk": ("internal-ile-request-disk", str, None),
    "force iterations": ("internal-force-iterations", int, None),
    "correlate parameters default": ("internal-correlate-default", bool, None),
    "use aligned phase coordinates": ("internal-use-aligned-phase-coordinates", bool, True),
    "use rescaled transverse spin coordinates": ("internal-use-rescaled-transverse-spin-coordinates", bool, False),
    "n output samples": ("n-output-samples", int, 5000),
    "n output samples last": ("n-output-samples-last", int, 20000),
    "n input samples": ("internal-n-evaluations-per-iteration", int, None),
    "initial grid size": ("force-initial-grid-size", int, None),
}
#: keys under ``sampler`` that are read elsewhere, or belong to other pipelines' defaults
_OTHER_KEYS = frozenset({"ile.force gpu", "ile.manual extra args", "ile.condor commands", "manual grid", "likelihood"})
_ARGUMENT = re.compile(r"[A-Za-z0-9_.,:=/+-]+")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")
_OPTION = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class RIFTInputs:
    """The variable ``pipeline`` of the template.  Masses in solar masses in the detector frame, distances in Mpc."""

    name: str
    strain: Strain
    install: str
    approximant: str
    reference_frequency: float
    start_frequency: float
    amplitude_order: int
    webdir: str
    engine: dict[str, str]  # bounds of priors, by lalinference's names
    options: dict[str, str]  # of the section rift-pseudo-pipe, as Python would write them
    condor: dict[str, str]  # lines for the submit files of the likelihood's jobs
    accounting_group: str | None
    accounting_user: str | None
    frames: str  # one LAL cache for all detectors; empty where frames are looked for


def gather(task: Task, run: Path) -> RIFTInputs:
    """Read the document.  Raises `InputError` for the first thing that RIFT could not use."""
    if not _PLAIN_PATH.fullmatch(str(task.folder)):
        raise InputError(
            "working directory", str(task.folder), "a folder of letters, digits and _ . / + -, for RIFT uses a shell"
        )
    strain = lal_inputs.strain(task, psds=False)
    bounds = lal_inputs.bounds(task)
    rift_priors.check(bounds)
    reference = lal_inputs.reference_frequency(task)
    start = inputs.number(task, "likelihood.start frequency", min(strain.minimum_frequency.values()), unit="Hz")
    approximant = lal_inputs.approximant(task)
    frames = str(task.folder / "frames.cache") if strain.caches else ""
    options = {
        "approx": repr(approximant),
        "l-max": repr(lal_inputs.whole(task, "waveform.maximum mode", 4)),
        "event-time": repr(strain.event_time),
        "fmin-template": repr(start),
        **_settings(task),
        **_assumptions(task),
        **rift_priors.options(bounds),
        **_likelihood(task),
        **_jobs(task),
    }
    return RIFTInputs(
        name="rift",
        strain=strain,
        install=str(builder.prefix(task)),
        approximant=approximant,
        reference_frequency=reference,
        start_frequency=start,
        amplitude_order=int(task.get("waveform.pn amplitude order") or 0),
        webdir=str(run / "public_html"),
        engine=rift_priors.engine(bounds),
        options=options | ({"fake-data-cache": repr(frames)} if frames else {}),
        condor=_condor(task),
        accounting_group=_account(task.resources.accounting_group, "accounting group"),
        accounting_user=_account(task.resources.accounting_user, "accounting user"),
        frames=frames,
    )


def force_gpu(task: Task) -> bool:
    """Whether the likelihood runs on GPUs alone, as asimov always asks; ``sampler.ile.force gpu: false`` runs it on CPUs."""
    return lal_inputs.switch(task, "sampler.ile.force gpu", True)


def extra_flags(task: Task) -> list[str]:
    """asimov's ``scheduler.pipeline``: more options for the builder's command line.  Raises `InputError`."""
    given = task.get("scheduler.pipeline") or {}
    if not isinstance(given, Mapping):
        raise InputError("scheduler.pipeline", given, "a mapping from RIFT's options to values")
    flags = []
    for name, value in given.items():
        place = f"scheduler.pipeline.{name}"
        if not _OPTION.fullmatch(str(name)):
            raise InputError(place, name, "the name of an option of util_RIFT_pseudo_pipe.py, without hyphens in front")
        if value is True or str(value).lower() == "true":
            flags.append(f"--{name}")
        elif value is not False and str(value).lower() != "false":
            if not _ARGUMENT.fullmatch(str(value)):
                raise InputError(place, value, "a number or a word")
            flags.append(f"--{name}={value}")
    return flags


def unknown_options(program: Path, names: list[str]) -> list[str]:
    """Those of the options that the builder does not know: RIFT passes over them without a word.

    Read from the builder's text, where it is a script; its help would take seconds to import.
    """
    known = set(re.findall(r"add_argument\(\s*[\"']--([A-Za-z0-9_-]+)", program.read_text(errors="replace")))
    known |= {"accounting_group", "accounting_group_user"}
    return sorted(name for name in names if name not in known) if len(known) > 2 else []


def _settings(task: Task) -> dict[str, str]:
    """asimov's keys under ``sampler``.  Raises `InputError` for one of ``ile`` or ``cip`` that nothing reads."""
    for part in ("ile", "cip"):
        given = task.get(f"sampler.{part}") or {}
        if not isinstance(given, Mapping):
            raise InputError(f"sampler.{part}", given, "a mapping")
        for key in given:
            if f"{part}.{key}" not in _SETTINGS.keys() | _OTHER_KEYS:
                known = [name.partition(".")[2] for name in [*_SETTINGS, *sorted(_OTHER_KEYS)] if name.startswith(part)]
                raise InputError(f"sampler.{part}.{key}", given[key], f"one of the keys {', '.join(known)}")
    options = {}
    for key, (option, kind, default) in _SETTINGS.items():
        value = _checked(task, f"sampler.{key}", kind, default)
        if value is not None:
            options[option] = repr(value)
    return options


def _checked(task: Task, path: str, kind: type, default: Any) -> Any:
    if task.get(path, default) is None:
        return None
    if kind is bool:
        return lal_inputs.switch(task, path, default)
    if kind is int:
        return lal_inputs.whole(task, path, default)
    return lal_inputs.word(str(task.get(path, default)).replace(" ", ""), path, "a word")


def _assumptions(task: Task) -> dict[str, str]:
    given = task.get("likelihood.assume") or []
    for assumption in [given] if isinstance(given, str) else given:
        if assumption not in ASSUMPTIONS:
            raise InputError("likelihood.assume", assumption, f"some of {', '.join(ASSUMPTIONS)}")
    said = [given] if isinstance(given, str) else list(given)
    options = {option: "True" for name, option in ASSUMPTIONS.items() if name in said}
    return options | ({"use-meanPerAno": "True"} if "eccentric" in said else {})


def _likelihood(task: Task) -> dict[str, str]:
    options = {"internal-marginalize-distance": repr(lal_inputs.switch(task, "likelihood.marginalization.distance", False))}
    lookup = task.get("likelihood.marginalization.distance lookup")
    if lookup is not None:
        options["internal-marginalize-distance-file"] = repr(
            str(inputs.existing(lookup, "likelihood.marginalization.distance lookup"))
        )
    if task.get("likelihood.roll off time") is not None:
        options["internal-ile-data-tukey-window-time"] = repr(inputs.number(task, "likelihood.roll off time", unit="s"))
    if task.get("sampler.manual grid") is not None:
        options["manual-initial-grid"] = repr(str(inputs.existing(task.get("sampler.manual grid"), "sampler.manual grid")))
    if reweighting(task):
        options["calibration-reweighting"] = "True"
        options["calibration-reweighting-batchsize"] = "200"
        path = task.get("sampler.likelihood.calibration.bilby ini file")
        options["bilby-ini-file"] = repr(str(inputs.existing(path, "sampler.likelihood.calibration.bilby ini file")))
    return options


def reweighting(task: Task) -> bool:
    """Whether the samples are reweighted for the calibration at the end: asimov's ``sampler.likelihood.calibration.sample``."""
    return lal_inputs.switch(task, "sampler.likelihood.calibration.sample", False)


def _jobs(task: Task) -> dict[str, str]:
    osg = lal_inputs.switch(task, "scheduler.osg", False)
    options = {"use-osg": repr(osg), "use-osg-file-transfer": repr(osg), "use-osg-cip": repr(osg)}
    if not force_gpu(task):
        options["ile-no-gpu"] = "True"
    if task.get("scheduler.request memory") is not None:
        options["internal-ile-request-memory"] = repr(task.resources.memory_mb)
    files = [str(inputs.existing(path, "scheduler.additional files")) for path in task.get("scheduler.additional files") or ()]
    if files:
        options["ile-additional-files-to-transfer"] = repr(",".join(files))
    extra = task.get("sampler.ile.manual extra args") or []
    for argument in [extra] if isinstance(extra, str) else extra:
        if not all(_ARGUMENT.fullmatch(part) for part in str(argument).split()):
            raise InputError(
                "sampler.ile.manual extra args", argument, "options and words of letters, digits and _ . , : = / + -"
            )
    if extra:
        options["manual-extra-ile-args"] = " ".join([extra] if isinstance(extra, str) else map(str, extra))
    return options


def _condor(task: Task) -> dict[str, str]:
    """Lines for the submit files of the likelihood's jobs: no more than resources and requirements."""
    given = task.get("sampler.ile.condor commands") or {}
    found = {}
    for name, value in given.items():
        if not re.fullmatch(r"request_[a-z]+|requirements|rank|\+[A-Za-z]\w*", str(name)):
            raise InputError(f"sampler.ile.condor commands.{name}", name, "request_..., requirements, rank or +Attribute")
        found[str(name)] = str(value)
    return found


def _account(value: str | None, what: str) -> str | None:
    return None if value is None else lal_inputs.word(value, f"scheduler.{what}", "letters, digits and . _ -")

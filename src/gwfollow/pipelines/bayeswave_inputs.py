"""What gwfollow works out and checks for bayeswave_pipe's configuration, from the document's asimov keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gwfollow.errors import InputError
from gwfollow.pipelines import builder, inputs, lal_inputs
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.lal_inputs import Strain

_BASES = ("none", "wavelets", "chirplets")
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_VALUE = re.compile(r"[A-Za-z0-9_.,:+-]*")


@dataclass(frozen=True)
class Models:
    """Which models BayesWave runs.  The clean one, which gives the PSDs, always runs."""

    mode: str  # psd, signal, glitch, full, coherence
    components: tuple[str, ...]  # whose reconstructions are expected
    flags: tuple[str, ...]
    lines: bool  # whether BayesLine fits the spectrum


@dataclass(frozen=True)
class BayesWaveInputs:
    """The variable ``pipeline`` of the template.  Times in s, frequencies in Hz."""

    name: str
    strain: Strain
    install: str
    models: Models
    flow: float
    window: float
    psd_length: float
    rolloff: float
    iterations: int
    chains: int
    threads: int
    memory: str
    post_memory: str
    disk: str
    post_disk: str
    options: dict[str, str]  # any other option of BayesWave, from ``likelihood.kwargs``
    accounting_group: str | None
    accounting_user: str | None


def gather(task: Task) -> BayesWaveInputs:
    """Read the document.  Raises `InputError` for the first thing that BayesWave could not use."""
    strain = lal_inputs.strain(task, psds=False)
    resources = task.resources
    return BayesWaveInputs(
        name="bayeswave",
        strain=strain,
        install=str(builder.prefix(task)),
        models=models(task),
        flow=min(strain.minimum_frequency.values()),
        window=inputs.number(task, "likelihood.window length", strain.duration, unit="s"),
        psd_length=inputs.number(task, "likelihood.psd length", strain.duration, unit="s"),
        rolloff=inputs.number(task, "likelihood.roll off time", 1.0, unit="s"),
        iterations=lal_inputs.whole(task, "likelihood.iterations", 100000),
        chains=lal_inputs.whole(task, "likelihood.chains", 8),
        threads=lal_inputs.whole(task, "likelihood.threads", 4),
        memory=memory(task, "scheduler.request memory", 8192),
        post_memory=memory(task, "scheduler.request post memory", 16384),
        disk=memory(task, "scheduler.request disk", 64),
        post_disk=memory(task, "scheduler.request post disk", 64),
        options=_options(task),
        accounting_group=_account(resources.accounting_group, "accounting group"),
        accounting_user=_account(resources.accounting_user, "accounting user"),
    )


def models(task: Task) -> Models:
    """asimov's ``likelihood.components`` and ``likelihood.coherence test``; without either only the PSDs are made.

    Raises `InputError` for what BayesWave cannot run.
    """
    given = task.get("likelihood.components") or {}
    if not isinstance(given, Mapping):
        raise InputError("likelihood.components", given, "a mapping with signal, glitch, noise")
    coherence = lal_inputs.switch(task, "likelihood.coherence test", False)
    usual = "wavelets" if coherence else "none"
    bases = {}
    for name in ("signal", "glitch"):
        bases[name] = given.get(name, usual)
        if bases[name] not in _BASES:
            raise InputError(f"likelihood.components.{name}", bases[name], f"one of {', '.join(_BASES)}")
    noise = given.get("noise") or {}
    if noise.get("psd", "fit") != "fit":
        raise InputError("likelihood.components.noise.psd", noise["psd"], "fit: BayesWave runs with no other PSD here")
    on = tuple(name for name, basis in bases.items() if basis != "none")
    if coherence and len(on) < 2:
        raise InputError("likelihood.coherence test", True, "both a signal and a glitch model to compare")
    mode = "coherence" if coherence else {(): "psd", ("signal",): "signal", ("glitch",): "glitch"}.get(on, "full")
    flag = {"psd": "cleanOnly", "signal": "signalOnly", "glitch": "glitchOnly", "full": "fullOnly"}.get(mode)
    flags = ((flag,) if flag else ()) + (("chirplets",) if "chirplets" in bases.values() else ())
    return Models(mode, on, flags, lal_inputs.switch(task, "likelihood.components.noise.lines", True))


def memory(task: Task, path: str, default_mb: int) -> str:
    """``1024``, ``"4096 MB"`` or ``"4 GB"`` as HTCondor reads it; a bare number below 64 is in GB, as everywhere in gwfollow."""
    value = task.get(path)
    if value is None:
        return f"{default_mb} MB"
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB?|GB?|)\s*", str(value), re.IGNORECASE)
    if found is None or isinstance(value, bool) or float(found[1]) <= 0:
        raise InputError(path, value, "a number of MB, or a text such as '4 GB'")
    amount, unit = float(found[1]), found[2].upper()[:1]
    return f"{round(amount * (1024 if unit == 'G' or (not unit and amount < 64) else 1))} MB"


def _options(task: Task) -> dict[str, str]:
    given = task.get("likelihood.kwargs") or {}
    if not isinstance(given, Mapping):
        raise InputError("likelihood.kwargs", given, "a mapping from BayesWave's options to values")
    found = {}
    for name, value in given.items():
        if not _OPTION.fullmatch(str(name)):
            raise InputError(f"likelihood.kwargs.{name}", name, "the name of an option of BayesWave, without hyphens in front")
        text = "" if value is True or value is None else str(value)
        if value is False:
            continue
        if not _VALUE.fullmatch(text):
            raise InputError(f"likelihood.kwargs.{name}", value, "a number, a word, or true for an option without a value")
        found[str(name)] = text
    return found


def _account(value: str | None, what: str) -> str | None:
    return None if value is None else lal_inputs.word(value, f"scheduler.{what}", "letters, digits and . _ -")


def flags(task: Task) -> list[str]:
    """What the command line of bayeswave_pipe has beside trigger time, folder and configuration."""
    copy, osg = lal_inputs.switch(task, "scheduler.copy frames", False), lal_inputs.switch(task, "scheduler.osg", False)
    found = ["--skip-datafind"] if inputs.cache_files(task) or inputs.data_files(task) else []
    found += ["--copy-frames"] if copy else []
    found += ["--transfer-files"] if osg else []
    return found + (["--igwn-pool"] if osg and not copy else [])


__all__ = ["BayesWaveInputs", "Models", "flags", "gather", "memory", "models"]

"""What gwfollow works out and checks for lalinference_pipe's configuration, from the document's asimov keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import InputError
from gwfollow.pipelines import builder, inputs, lal_inputs
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.lal_inputs import Bounds, Strain

ENGINES = {"lalinferencenest": "lalinference_nest", "lalinferencemcmc": "lalinference_mcmc"}
#: asimov's names of parameters that lalinference samples, or of which it takes bounds
_NAMES = {
    "chirp mass": "chirpmass",
    "mass ratio": "q",
    "total mass": "mtotal",
    "luminosity distance": "distance",
    "spin 1": "a_spin1",
    "spin 2": "a_spin2",
    "a 1": "a_spin1",
    "a 2": "a_spin2",
    "tilt 1": "tilt_spin1",
    "tilt 2": "tilt_spin2",
    "phi 12": "phi12",
    "phi jl": "phi_jl",
    "dec": "declination",
    "ra": "rightascension",
    "psi": "polarisation",
    "phase": "phase",
    "lambda 1": "lambda1",
    "lambda 2": "lambda2",
}
#: the densities that lalinference has, by asimov's names; another one is told in the configuration
_TYPES = {
    "chirp mass": {"UniformInComponentsChirpMass", "Constraint"},
    "mass ratio": {"UniformInComponentsMassRatio", "Constraint"},
    "mass 1": {"Constraint", "Uniform"},
    "mass 2": {"Constraint", "Uniform"},
    "total mass": {"Constraint"},
    "luminosity distance": {"PowerLaw", "UniformSourceFrame", "Uniform"},
    "dec": {"Cosine"},
    "theta jn": {"Sine"},
    "tilt 1": {"Sine"},
    "tilt 2": {"Sine"},
}
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_OPTION_VALUE = re.compile(r"[A-Za-z0-9_.,:+-]*")


@dataclass(frozen=True)
class LALInferenceInputs:
    """The variable ``pipeline`` of the template."""

    name: str
    strain: Strain
    install: str  # top folder of the environment with lalinference's programs
    engine: str
    parallel: int
    webdir: str
    approximant: str
    reference_frequency: float
    amplitude_order: int
    options: dict[str, str]  # of the engine: bounds of priors, sampler
    notes: list[str]  # where lalinference cannot do what the document says
    accounting_group: str | None
    accounting_user: str | None
    pages: bool
    skymap: bool
    seed: int

    def program(self, name: str) -> str:
        return f"{self.install}/bin/{name}"


def gather(task: Task, run: Path) -> LALInferenceInputs:
    """Read the document.  Raises `InputError` for the first thing that lalinference could not use."""
    bounds = lal_inputs.bounds(task)
    strain = lal_inputs.strain(task)
    engine = task.get("engine", "lalinferencenest")
    if engine not in ENGINES:
        raise InputError("engine", engine, f"one of {', '.join(ENGINES)}")
    options = _priors(task, bounds) | _sampler(task)
    if abs(strain.start - (strain.event_time + 2 - strain.duration)) > 1e-6:
        options["segment-start"] = f"{strain.start!r}"
    return LALInferenceInputs(
        name="lalinference",
        strain=strain,
        install=str(builder.prefix(task)),
        engine=engine,
        parallel=lal_inputs.whole(task, "nparallel", task.get("sampler.parallel jobs", 4)),
        # lalinference_pipe works out a web address from the folder's name, and fails where it finds none
        webdir=str(run / "public_html" / task.analysis),
        approximant=lal_inputs.approximant(task),
        reference_frequency=lal_inputs.reference_frequency(task),
        amplitude_order=_amplitude_order(task),
        options=options,
        notes=_notes(bounds),
        accounting_group=_account(task.resources.accounting_group, "accounting group"),
        accounting_user=_account(task.resources.accounting_user, "accounting user"),
        pages=lal_inputs.switch(task, "lalinference.pages", True),
        skymap=lal_inputs.switch(task, "lalinference.skymap", True),
        seed=lal_inputs.whole(task, "sampler.seed", 1),
    )


def _priors(task: Task, bounds: Bounds) -> dict[str, str]:
    unknown = sorted((bounds.minimum.keys() | bounds.maximum.keys()) - _NAMES.keys() - {"mass 1", "mass 2", "geocentric time"})
    if unknown:
        raise InputError(
            f"priors.{unknown[0]}", None, f"bounds of {', '.join(_NAMES)}, mass 1, mass 2: lalinference takes no others"
        )
    if not {"chirp mass", "mass 1", "total mass"} & bounds.maximum.keys():
        raise InputError("priors", sorted(bounds.maximum), "bounds of the masses, such as chirp mass {minimum, maximum}")
    if "luminosity distance" not in bounds.maximum:
        raise InputError("priors", sorted(bounds.maximum), "a maximum of the luminosity distance (Mpc)")
    options = _components(bounds)
    for edge, values in (("min", bounds.minimum), ("max", bounds.maximum)):
        options |= {f"{_NAMES[name]}-{edge}": f"{value:.12g}" for name, value in values.items() if name in _NAMES}
    if task.get("priors.geocentric time.width") is not None:
        options["dt"] = f"{inputs.number(task, 'priors.geocentric time.width', unit='s'):.12g}"
    kind = bounds.types.get("luminosity distance")
    if kind == "UniformSourceFrame" or task.get("priors.volume") == "comoving":
        options["distance-prior-comoving-volume"] = ""
    elif kind == "Uniform":
        options["distance-prior-uniform"] = ""
    if "AlignedSpin" in (bounds.types.get("chi 1"), bounds.types.get("spin 1")):
        options |= {"aligned-spin": "", "alignedspin-zprior": ""}
    return options


def _components(bounds: Bounds) -> dict[str, str]:
    """lalinference has one pair of bounds for both masses."""
    lowest = [bounds.minimum[name] for name in ("mass 1", "mass 2") if name in bounds.minimum]
    highest = [bounds.maximum[name] for name in ("mass 1", "mass 2") if name in bounds.maximum]
    options = {"comp-min": f"{min(lowest):.12g}"} if lowest else {}
    return options | ({"comp-max": f"{max(highest):.12g}"} if highest else {})


def _notes(bounds: Bounds) -> list[str]:
    """Sentences on priors of which lalinference has only another density."""
    return [
        f"the prior of {name} is not {kind} here: lalinference has {' or '.join(sorted(_TYPES.get(name, {'Uniform'})))}"
        for name, kind in bounds.types.items()
        if kind not in _TYPES.get(name, {"Uniform", "AlignedSpin"})
    ]


def _sampler(task: Task) -> dict[str, str]:
    """asimov's keys, and any other option of the engine under ``sampler kwargs``: `true` for one without a value."""
    options = {}
    for name, default in (("neff", 1000), ("nlive", 2048), ("maxmcmc", 5000), ("ntemps", 8)):
        options[name] = str(lal_inputs.whole(task, f"sampler.{name}", default))
    options["tolerance"] = f"{inputs.number(task, 'sampler.tolerance', 0.1):g}"
    given = task.get("sampler.sampler kwargs") or {}
    if not isinstance(given, Mapping):
        raise InputError("sampler.sampler kwargs", given, "a mapping from lalinference's options to values")
    for name, value in given.items():
        place = f"sampler.sampler kwargs.{name}"
        if not _OPTION.fullmatch(str(name)):
            raise InputError(place, name, "the name of an option of lalinference, without hyphens in front")
        if value is False or value is None:
            options.pop(name, None)
            continue
        text = "" if value is True else str(value)
        if not _OPTION_VALUE.fullmatch(text):
            raise InputError(place, value, "a number, a word, or true for an option without a value")
        options[str(name)] = text
    return options


def _amplitude_order(task: Task) -> int:
    for path in ("priors.amp order", "priors.amplitude order", "waveform.pn amplitude order"):
        value = task.get(path)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
                raise InputError(path, value, "a whole number")
            return int(value)
    return 0


def _account(value: str | None, what: str) -> str | None:
    return None if value is None else lal_inputs.word(value, f"scheduler.{what}", "letters, digits and . _ -")


def expected_programs(found: LALInferenceInputs) -> list[str]:
    """The programs that the DAG's jobs run."""
    programs = [ENGINES[found.engine], "lalinference_nest2pos" if found.engine == "lalinferencenest" else "cbcBayesMCMC2pos"]
    return programs + (["cbcBayesPostProc"] if found.pages else []) + (["ligo-skymap-from-samples"] if found.skymap else [])


def check_environment(found: LALInferenceInputs) -> None:
    """The jobs' programs are there and fit to their NumPy.  Raises `InputError`.

    lalinference 4.1 merges its samples with a name that NumPy 2 has no more: the DAG would fail after all of its sampling.
    """
    top = Path(found.install)
    missing = [name for name in expected_programs(found) if not (top / "bin" / name).is_file()]
    if missing:
        switches = " (lalinference.pages, lalinference.skymap: false do without the last ones)" if len(missing) < 3 else ""
        raise InputError("environment", found.install, f"an environment with {', '.join(missing)}{switches}")
    for packages in top.glob("lib/python3*/site-packages"):
        merger = packages / "lalinference" / "nest2pos.py"
        if any(packages.glob("numpy-[2-9]*.dist-info")) and merger.is_file() and "np.NINF" in merger.read_text(errors="replace"):
            raise InputError(
                "environment", found.install, "one with NumPy 1: its lalinference_nest2pos cannot merge samples with NumPy 2"
            )


__all__: list[str] = ["ENGINES", "LALInferenceInputs", "check_environment", "gather"]

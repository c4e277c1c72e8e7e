"""Priors as asimov's blueprints write them, as bilby_pipe's ``prior-dict`` wants them.

::

    priors:
      chirp mass: {minimum: 20, maximum: 45}
      spin 1: {type: Uniform, minimum: 0, maximum: 0.99}
      phase: {type: Uniform, minimum: 0, maximum: 2 * np.pi, boundary: periodic}

What bilby evaluates is checked here: a type is the name of one of bilby's priors, an argument a number or a short arithmetic
expression, a text has letters and digits only.  Masses in solar masses in the detector frame, distances in Mpc, angles in rad.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from gwfollow.errors import InputError

#: asimov's names that are not bilby's with blanks for underscores
_NAMES = {"spin 1": "a_1", "spin 2": "a_2", "geocentric time": "geocent_time"}
#: keys of the section that are not parameters
_NOT_PARAMETERS = frozenset({"default", "amplitude order", "amp order", "calibration"})
_TYPE = re.compile(r"(bilby\.(core|gw)\.prior\.)?[A-Z][A-Za-z0-9]*")
_EXPRESSION = re.compile(r"(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+|np\.pi|[-+*/() ])+")
_WORD = re.compile(r"[A-Za-z0-9_.+ -]*")
_ARGUMENT = re.compile(r"[a-z][a-zA-Z0-9_]*")
_TEXT_ARGUMENTS = frozenset({"boundary", "unit", "cosmology", "name", "latex_label"})

_TWO_PI = "2 * np.pi"
_CIRCLE = {"type": "Uniform", "minimum": 0, "maximum": _TWO_PI, "boundary": "periodic"}
_MASS = {"type": "Constraint", "minimum": 1, "maximum": 1000}
_SPIN = {"type": "Uniform", "minimum": 0, "maximum": 0.99}

#: type and bounds where a blueprint leaves them out: the usual ones for binary black holes
DEFAULTS: dict[str, dict[str, Any]] = {
    "chirp_mass": {"type": "bilby.gw.prior.UniformInComponentsChirpMass"},
    "mass_ratio": {"type": "bilby.gw.prior.UniformInComponentsMassRatio", "minimum": 0.05, "maximum": 1},
    "mass_1": _MASS,
    "mass_2": _MASS,
    "total_mass": _MASS,
    "luminosity_distance": {"type": "bilby.gw.prior.UniformSourceFrame", "unit": "Mpc"},
    "a_1": _SPIN,
    "a_2": _SPIN,
    "tilt_1": {"type": "Sine"},
    "tilt_2": {"type": "Sine"},
    "phi_12": _CIRCLE,
    "phi_jl": _CIRCLE,
    "dec": {"type": "Cosine"},
    "ra": _CIRCLE,
    "zenith": {"type": "Sine"},
    "azimuth": _CIRCLE,
    "theta_jn": {"type": "Sine"},
    "psi": {"type": "Uniform", "minimum": 0, "maximum": "np.pi", "boundary": "periodic"},
    "phase": _CIRCLE,
    "lambda_1": {"type": "Uniform", "minimum": 0, "maximum": 5000},
    "lambda_2": {"type": "Uniform", "minimum": 0, "maximum": 5000},
}
_PRECESSING = ("a_1", "a_2", "tilt_1", "tilt_2", "phi_12", "phi_jl")


def prior_dict(priors: Mapping[str, Any], *, sky_frame: bool = True) -> str:
    """The section as one line of bilby_pipe's configuration.

    What is not given and has a usual prior is added: orientation, phase, sky position (ra, dec; azimuth, zenith where the likelihood's
    reference frame is a pair of detectors), and isotropic spins unless the blueprint speaks of spins at all, for bilby would take
    spins that are not sampled as zero without a word.

    Raises `InputError`: a prior that bilby could not evaluate, or neither masses nor distance.
    """
    given = {_NAMES.get(name, name.replace(" ", "_")): (name, spec) for name, spec in priors.items() if _is_parameter(name, spec)}
    if not any("mass" in name for name in given):
        raise InputError("priors", sorted(priors), "a prior of the masses, such as chirp mass {minimum, maximum}")
    if "luminosity_distance" not in given and "comoving_distance" not in given and "redshift" not in given:
        raise InputError("priors", sorted(priors), "a prior of the luminosity distance {minimum, maximum} (Mpc)")
    usual = ["theta_jn", "psi", "phase"] + (["dec", "ra"] if sky_frame else ["zenith", "azimuth"])
    if not any(name.startswith(("a_", "chi_", "spin_", "s1", "s2")) for name in given):
        usual += _PRECESSING
    lines = [_one(name, spec, f"priors.{place}") for name, (place, spec) in given.items() if not _only_width(name, spec)]
    lines += [_one(name, {}, f"priors.{name}") for name in usual if name not in given]
    return "{" + ", ".join(lines) + "}"


def time_width(priors: Mapping[str, Any], default: float = 0.2) -> float:
    """Full width in seconds of the prior on the arrival time, around the event time: ``geocentric time: {width: 0.2}``."""
    spec = priors.get("geocentric time")
    width = spec.get("width", default) if isinstance(spec, Mapping) else default
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 10:
        raise InputError("priors.geocentric time.width", width, "a full width above 0 and up to 10 (s)")
    return float(width)


def _is_parameter(name: str, spec: Any) -> bool:
    if name in _NOT_PARAMETERS:
        return False
    if not isinstance(spec, Mapping):
        raise InputError(f"priors.{name}", spec, "a mapping with type, minimum, maximum, ...")
    return True


def _only_width(name: str, spec: Mapping[str, Any]) -> bool:
    return name == "geocent_time" and set(spec) <= {"width"}


def _one(name: str, spec: Mapping[str, Any], place: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise InputError(place, name, "the name of a parameter")
    usual = DEFAULTS.get(name, {})
    kind = spec.get("type") or usual.get("type") or "Uniform"
    same_kind = str(kind).rpartition(".")[2] == str(usual.get("type")).rpartition(".")[2]
    arguments = (dict(usual) if same_kind else {}) | {key: value for key, value in spec.items() if value is not None}
    arguments.pop("type", None)
    bounds = {key: arguments.pop(key) for key in ("minimum", "maximum") if key in arguments}
    arguments = bounds | arguments | {"name": name}
    if kind == "Uniform" and not {"minimum", "maximum"} <= set(arguments):
        raise InputError(place, dict(spec), "a minimum and a maximum")
    return f"{name} = {_call(kind, arguments, place)}"


def _call(kind: Any, arguments: Mapping[str, Any], place: str) -> str:
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise InputError(f"{place}.type", kind, "a prior of bilby, such as Uniform or bilby.gw.prior.UniformSourceFrame")
    written = []
    for key, value in arguments.items():
        argument = key.replace(" ", "_")
        if not _ARGUMENT.fullmatch(argument):
            raise InputError(f"{place}.{key}", key, "the name of an argument of the prior")
        written.append(f"{argument}={_argument(argument, value, f'{place}.{key}')}")
    return f"{kind}({', '.join(written)})"


def _argument(name: str, value: Any, place: str) -> str:
    if isinstance(value, Mapping):  # a prior as an argument: a prior of the spin magnitude in AlignedSpin
        inner = dict(value)
        return _call(inner.pop("type", "Uniform"), inner, place)
    if name in _TEXT_ARGUMENTS:
        text = str(value).strip("'\"")
        if not _WORD.fullmatch(text):
            raise InputError(place, value, "a text of letters, digits and _ . + -")
        return f"'{text}'"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str) and _EXPRESSION.fullmatch(value.strip()):
        return value.strip()
    raise InputError(place, value, "a number, or an expression such as 2 * np.pi")

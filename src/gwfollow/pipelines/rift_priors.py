"""Priors as asimov's blueprints write them, as RIFT wants them.  Masses in solar masses in the detector frame, distances in Mpc."""

from __future__ import annotations

from gwfollow.errors import InputError
from gwfollow.pipelines import lal_inputs
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.lal_inputs import Bounds

#: bilby's densities of the distance -> RIFT's; its own goes with the distance squared
_DISTANCE_PRIORS = {"UniformSourceFrame": "cosmo_sourceframe", "UniformComovingVolume": "cosmo", "PowerLaw": None}


def masses(task: Task) -> tuple[float, float]:
    """Component masses in the middle of the prior, where a coincidence file has to name some (solar masses)."""
    bounds = lal_inputs.bounds(task)
    chirp = (bounds.minimum["chirp mass"] + bounds.maximum["chirp mass"]) / 2
    ratio = (bounds.minimum.get("mass ratio", 1.0) + bounds.maximum.get("mass ratio", 1.0)) / 2
    heavier = chirp * (1 + ratio) ** 0.2 / ratio**0.6
    return heavier, heavier * ratio


def check(bounds: Bounds) -> None:
    """Raises `InputError` where RIFT could not lay its first grid."""
    for name in ("chirp mass", "mass ratio"):
        if name not in bounds.minimum or name not in bounds.maximum:
            raise InputError(f"priors.{name}", None, "a minimum and a maximum, between which RIFT lays its grid")
    if not 0 < bounds.minimum["mass ratio"] < bounds.maximum["mass ratio"] <= 1:
        raise InputError("priors.mass ratio", bounds.minimum["mass ratio"], "bounds above 0 and up to 1")
    if "luminosity distance" not in bounds.maximum:
        raise InputError("priors.luminosity distance", None, "a maximum (Mpc)")


def engine(bounds: Bounds) -> dict[str, str]:
    """Bounds by lalinference's names, for the section ``engine``."""
    names = {
        "chirp mass": "chirpmass",
        "mass ratio": "q",
        "mass 1": "comp",
        "luminosity distance": "distance",
        "spin 1": "a_spin1",
        "spin 2": "a_spin2",
    }
    found: dict[str, str] = {}
    for edge, values in (("min", bounds.minimum), ("max", bounds.maximum)):
        found |= {f"{ours}-{edge}": f"{values[name]:.12g}" for name, ours in names.items() if name in values}
    return found


def options(bounds: Bounds) -> dict[str, str]:
    """Bounds and densities for the section ``rift-pseudo-pipe``, as Python would write them.  Raises `InputError`."""
    chirp = [bounds.minimum["chirp mass"], bounds.maximum["chirp mass"]]
    found = {
        "force-mc-range": repr(str(chirp).replace(" ", "")),
        "internal-distance-max": repr(bounds.maximum["luminosity distance"]),
    }
    for name, option in (("spin 1", "force-chi-max"), ("spin 2", "force-chi-small-max")):
        if name in bounds.maximum:
            found[option] = repr(bounds.maximum[name])
    for edge, values in (("min", bounds.minimum), ("max", bounds.maximum)):
        if "mass 1" in values:
            found[f"force-comp-{edge}"] = repr(values["mass 1"])
    kind = bounds.types.get("luminosity distance", "PowerLaw")
    if kind not in _DISTANCE_PRIORS:
        raise InputError("priors.luminosity distance.type", kind, f"one of {', '.join(_DISTANCE_PRIORS)}, which RIFT has")
    if _DISTANCE_PRIORS[kind] is not None:
        found["ile-distance-prior"] = repr(_DISTANCE_PRIORS[kind])
    return found

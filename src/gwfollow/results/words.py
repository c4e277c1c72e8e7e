"""Numbers of a posterior as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

#: what one looks at first; the others follow in the order of their names
FIRST = (
    "chirp_mass", "mass_ratio", "mass_1", "mass_2", "total_mass", "chirp_mass_source", "mass_1_source", "mass_2_source", "chi_eff",
    "chi_p", "a_1", "a_2", "luminosity_distance", "redshift", "theta_jn", "ra", "dec", "geocent_time",
)  # fmt: skip
_RANK = {name: place for place, name in enumerate(FIRST)}


def ordered(parameters: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The parameters of a summary, the ones that people ask for first."""
    return sorted(parameters.items(), key=lambda item: (_RANK.get(item[0], len(_RANK)), item[0]))


def rounded(median: float, low: float, high: float) -> tuple[str, str, str]:
    """The three with the digits that the interval's width leaves meaning to (three of the width's)."""
    width = high - low
    if not 0 < width < 1e12 or max(map(abs, (median, low, high))) >= 1e15:
        return f"{median:.10g}", f"{low:.10g}", f"{high:.10g}"
    decimals = 2 - math.floor(math.log10(width))
    if decimals > 6 and max(map(abs, (median, low, high))) < 1e-3:
        return f"{median:.4g}", f"{low:.4g}", f"{high:.4g}"
    decimals = min(9, max(0, decimals))
    return f"{median:.{decimals}f}", f"{low:.{decimals}f}", f"{high:.{decimals}f}"


def about(summary: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """``PESummary HDF5, IMRPhenomXPHM, dynesty, 12000 samples``."""
    words: Iterable[Any] = (summary["format"], run.get("approximant"), run.get("sampler"), f"{run['samples']} samples")
    return ", ".join(str(word) for word in words if word)


__all__ = ["FIRST", "about", "ordered", "rounded"]

"""What a value in the configuration of a scan may be, in whatever form it is written: text of an INI file, YAML, the brackets of the old files.

A check takes the value and its place and gives the value as the scan takes it, or raises `InputError` with what was expected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.suggest import nearly

Check = Callable[[object, str], Any]

#: below it a tile is no longer a band around its frequency (Chatterji 2005, eq. 5.53: sqrt(11)); written with four places in most files
LOWEST_Q = 11**0.5
HIGHEST_Q = 10_000.0

_IFO = re.compile(r"[A-Z][0-9]")
_CHANNEL = re.compile(r"[A-Z][0-9]:[A-Za-z0-9][A-Za-z0-9_.+#-]{0,197}")
_FLAG = re.compile(r"[A-Z][0-9]:[A-Za-z0-9_.-]+(:\d+)?")
_FRAME_TYPE = re.compile(r"[A-Za-z0-9_+#]{1,100}")
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,500}")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def as_number(value: object) -> float:
    """A number, or the text of one (``inf`` too); not a number where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def number(
    unit: str = "",
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Check:
    """A finite number within bounds."""
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("above", above), ("of at least", least), ("below", below), ("of at most", most))
        if bound is not None
    ]
    expected = " ".join(["a number", " and ".join(bounds)]).strip() + (f" ({unit})" if unit else "")

    def check(value: object, place: str) -> float:
        found = as_number(value)
        inside = (
            (above is None or found > above)
            and (least is None or found >= least)
            and (below is None or found < below)
            and (most is None or found <= most)
        )
        if not math.isfinite(found) or not inside:
            raise InputError(place, value, expected)
        return found

    return check


def whole(*, least: int) -> Check:
    def check(value: object, place: str) -> int:
        found = as_number(value)
        if not math.isfinite(found) or found != int(found) or not least <= found < 2**31:
            raise InputError(place, value, f"a whole number of at least {least}")
        return int(found)

    return check


def power_of_two(value: object, place: str) -> float | None:
    """A sample rate in Hz; 0 and nothing mean the channel's own."""
    if value is None or as_number(value) == 0:
        return None
    found = as_number(value)
    if not math.isfinite(found) or not 1 <= found <= 2**20 or math.log2(found) % 1:
        raise InputError(place, value, "a power of two (Hz), or 0 for the channel's own rate")
    return found


def numbers(value: object, place: str, expected: str, least: int = 1, most: int = 20) -> list[float]:
    """``1,4,16``, ``1 4 16``, ``[1, 4, 16]`` or one number; infinities are numbers."""
    if isinstance(value, str):
        parts: list[object] = [part for part in re.split(r"[,\s]+", value.strip().strip("[]()").strip()) if part]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        parts = [value]
    found = [math.inf if part is None else as_number(part) for part in parts]
    if not least <= len(found) <= most or any(math.isnan(one) for one in found):
        raise InputError(place, value, expected)
    return found


def frequency_range(value: object, place: str) -> tuple[float, float | None]:
    """From 0 (the lowest possible) to a frequency or ``Inf`` (the highest possible), Hz."""
    expected = "two frequencies with the lower one first (Hz), the second one may be Inf: 4, 2048"
    low, high = numbers(value, place, expected, 2, 2)
    if not 0 <= low < high or math.isinf(low):
        raise InputError(place, value, expected)
    return low, None if math.isinf(high) else high


def q_range(value: object, place: str) -> tuple[float, float]:
    expected = "two Qs from 3.3166 (the square root of 11) up to 10000, the lower one first: 3.3166, 150"
    low, high = numbers(value, place, expected, 2, 2)
    if not LOWEST_Q - 1e-2 <= low <= high <= HIGHEST_Q:
        raise InputError(place, value, expected)
    return low, high


def durations(value: object, place: str) -> tuple[float, ...]:
    """Lengths in s, each once, the shortest first."""
    expected = "durations above 0 (s): 1, 4, 16"
    found = numbers(value, place, expected)
    if not all(0 < one < math.inf for one in found):
        raise InputError(place, value, expected)
    return tuple(sorted(set(found)))


def truth(value: object, place: str) -> bool:
    found = value if isinstance(value, bool) else _TRUTH.get(str(value).strip().lower().removesuffix(".0"))
    if not isinstance(found, bool):
        raise InputError(place, value, "true or false")
    return found


def one_of(*words: str) -> Check:
    def check(value: object, place: str) -> str:
        if value not in words:
            raise InputError(place, value, " or ".join(words) + nearly(str(value), words))
        return str(value)

    return check


def text(value: object, place: str) -> str:
    """One line."""
    if not isinstance(value, str | int | float) or isinstance(value, bool) or not _LINE.fullmatch(found := str(value).strip()):
        raise InputError(place, value, "a line of text")
    return found


def _matching(pattern: re.Pattern[str], expected: str) -> Check:
    def check(value: object, place: str) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value.strip()):
            raise InputError(place, value, expected)
        return value.strip()

    return check


ifo = _matching(_IFO, "a detector: H1, L1, V1, ...")
channel = _matching(_CHANNEL, "one channel, with its detector: H1:PEM-EX_ACC_BSC9_ETMX_Z_DQ")
flag = _matching(_FLAG, "a data-quality flag: H1:DMT-GRD_ISC_LOCK_NOMINAL:1")
frame_type = _matching(_FRAME_TYPE, "a frame type: H1_R")
colormap = _matching(re.compile(r"[A-Za-z0-9_]{1,60}"), "the name of a colormap of matplotlib: viridis")


def channels(value: object, place: str) -> list[str]:
    """A list, or text with one channel a line (or commas between them)."""
    parts: Iterable[object] = (
        re.split(r"[\n,]+", value) if isinstance(value, str) else value if isinstance(value, list) else [value]
    )
    found = [channel(part, place) for part in parts if not isinstance(part, str) or part.strip()]
    if not found:
        raise InputError(place, value, "channels, one a line")
    return found


def of_detector(name: str, detector: str) -> bool:
    """Whether a channel is one of this detector; ``H0:`` are those of the site (vacuum, weather)."""
    return name[:2] == detector or name[:2] == f"{detector[0]}0"


def megabytes(value: object, place: str) -> int:
    """``1500`` (MB), ``"1500 MB"`` or ``"2 GB"``."""
    found = re.fullmatch(r"([0-9.]+) ?([MG]B?)?", str(value).strip(), re.IGNORECASE) if not isinstance(value, bool) else None
    amount = as_number(found[1]) * (1024 if (found[2] or "M")[0] in "gG" else 1) if found else math.nan
    if not 1 <= amount < 2**31:
        raise InputError(place, value, "an amount of memory: 1500 (MB), or '2 GB'")
    return int(amount)


def refuse_unknown(keys: Iterable[str], known: Iterable[str], place: str) -> None:
    """Raises `InputError` for the first key that is not known, with the one that it may be a slip of."""
    known = list(known)
    for key in keys:
        if key not in known:
            raise InputError(f"{place}, {key}", key, f"one of {', '.join(known)}{nearly(key, known)}")

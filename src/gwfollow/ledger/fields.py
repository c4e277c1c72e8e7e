"""Types of the fields in the ledger's documents: what a number, a time or a name may be.

A refusal is a sentence that begins where "expected" ends: ``a number above 0 (Hz)``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from gwfollow.errors import InputError

#: names of events and analyses: they become folders, job names and parts of Airflow's ids
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,98}")
NAME_RULE = "1 to 99 letters, digits, '_', '-' or '.', the first a letter or digit"

# C0 and C1 controls, Unicode's line and paragraph separators (INI and submit files are read by lines), halves of surrogate pairs
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]*")
_MAX_DEPTH = 32
_INT64 = 2**63


def refused(expected: str) -> PydanticCustomError:
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def check_name(value: object, place: str) -> str:
    """A name of an event or an analysis.  Raises `InputError`."""
    try:
        return _name(value)
    except PydanticCustomError:
        raise InputError(place, value, NAME_RULE) from None


def check_plain(value: object, place: str, depth: int = 0, lines: bool = False) -> None:
    """Refuse what JSON, an INI file or a submit file cannot hold: control characters, infinities, foreign types.

    A ``comment`` may have several lines.  Raises `InputError` with `place`, to which the path of the value is added.
    """
    if depth > _MAX_DEPTH:
        raise InputError(place, "a deeper one", f"a document of at most {_MAX_DEPTH} levels")
    if isinstance(value, str):
        if (_CONTROL_BUT_LINES if lines else _CONTROL).search(value):
            raise InputError(place, value, "text without line breaks and control characters")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or _CONTROL.search(key):
                raise InputError(place, key, "a key that is text without control characters")
            check_plain(inner, f"{place}{'.' if depth else ', '}{key}", depth + 1, key == "comment")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_plain(inner, f"{place}[{index}]", depth + 1)
    else:
        _check_scalar(value, place)


def _check_scalar(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(place, value, "a finite number")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise InputError(place, "a whole number beyond 64 bits", "a smaller number")
    if value is not None and not isinstance(value, bool | int | float):
        raise InputError(place, value, "text, a number, true or false, a list or a mapping")


def number(
    unit: str = "", *, above: float | None = None, least: float | None = None, below: float | None = None
) -> Callable[[object], float]:
    """A check for a number (text such as ``1e-3`` too, which YAML 1.1 takes for a word); a whole one stays whole."""
    expected = "a number"
    expected += f" above {above:g}" if above is not None else ""
    expected += f" of at least {least:g}" if least is not None else ""
    expected += f"{' and' if above is not None or least is not None else ''} below {below:.10g}" if below is not None else ""
    expected += f" ({unit})" if unit else ""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise refused(expected)
        try:
            found = float(value)
        except (ValueError, OverflowError):
            raise refused(expected) from None
        inside = (above is None or found > above) and (least is None or found >= least) and (below is None or found < below)
        if not math.isfinite(found) or not inside:
            raise refused(expected)
        return value if isinstance(value, int | float) else found

    return check


def whole(*, least: int) -> Callable[[object], int]:
    """A check for a whole number; 4.0 counts."""
    expected = f"a whole number of at least {least}"

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(expected)
        if not least <= value < 2**31 or value != int(value):
            raise refused(expected)
        return int(value)

    return check


def _per_detector(value: object) -> object:
    if not isinstance(value, Mapping):
        raise refused("a mapping from detectors (H1, L1, V1, ...)")
    return value


def _memory(value: object) -> float | str:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?) ?([MG]B?)", value.strip(), re.IGNORECASE)):
        return f"{found[1]} {found[2].upper()}"
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value
    raise refused("a number above 0, or one with a unit ('4096 MB', '4 GB')")


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise refused(NAME_RULE)
    return value


def _mapping_or_text(value: object) -> object:
    if not isinstance(value, Mapping | str):
        raise refused("a mapping, or its text")
    return value


def _one_or_many(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
        return value
    raise refused("text, or a list of texts")


def _prior_bound(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refused("a number, or an expression such as '2 * np.pi'")
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise refused("true or false")
    return value


def _labels(value: object) -> object:
    if not isinstance(value, Mapping) or any(isinstance(inner, Mapping | list) for inner in value.values()):
        raise refused("a mapping from labels to words or numbers")
    for label in value:
        if not _LABEL.fullmatch(label):
            raise refused(f"labels of letters, digits, spaces, '_', '-' and '.', not {label!r}")
    return value


Name = Annotated[str, PlainValidator(_name)]
Flag = Annotated[bool, PlainValidator(_flag)]
Labels = Annotated[dict[str, Any], PlainValidator(_labels)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+:/-]*$", max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
#: e.g. H1: a letter for the site, a digit for the instrument
Detector = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]$")]
#: a GPS time; 1e10 s is in the year 2296
GPS = Annotated[float, PlainValidator(number("GPS s", above=0, below=1e10))]
Seconds = Annotated[float, PlainValidator(number("s", above=0))]
Hertz = Annotated[float, PlainValidator(number("Hz", above=0))]
Number = Annotated[float, PlainValidator(number())]
Count = Annotated[int, PlainValidator(whole(least=1))]
Memory = Annotated[Any, PlainValidator(_memory)]
PriorBound = Annotated[Any, PlainValidator(_prior_bound)]
Kwargs = Annotated[Any, PlainValidator(_mapping_or_text)]
Files = Annotated[Any, PlainValidator(_one_or_many)]
HertzPerDetector = Annotated[dict[Detector, Hertz], BeforeValidator(_per_detector)]
TextPerDetector = Annotated[dict[Detector, Text], BeforeValidator(_per_detector)]
FilesPerDetector = Annotated[dict[Detector, Files], BeforeValidator(_per_detector)]

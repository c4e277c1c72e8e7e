"""The grammar of ``needs`` and ``analyses``: lists of blueprints become entries and conditions.

    needs:
      - generate-psd                            # by name: required
      - pipeline: bayeswave                     # by a value of its document, all defaults merged in
      - pipeline:bayeswave                      # the same, as asimov's files have it
      - waveform.approximant: "!IMRPhenomD"     # any other value, or none
      - likelihood.sample rate: ">=4096"        # a comparison
      - label: interesting>=1                   # asimov's form of labels.interesting: ">=1"
      - - pipeline: bayeswave                   # a nested list: all of these hold for one analysis
        - review.status: approved
      - {optional: true, pipeline: rift}        # waited for where there is one that may still come
    needs settings: {minimum: 2, condition: is_interesting}

Nothing here knows the ledger.  What can never hold (``pipeline: a`` and ``pipeline: b``) is refused.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.fields import NAME
from gwfollow.ledger.states import check_status

_RULE = "an analysis' name, 'attribute: value', a list of those, or {optional: true, ...}"
#: what a reviewer may have said; preferred is approved and more
VERDICTS = ("approved", "rejected", "deprecated", "preferred")
#: what is uploaded has been finished before
DONE = ("finished", "processing", "uploaded", "finalised")

_COMPARED = re.compile(r"(>=|<=|==|!=|>|<)\s*(.*)", re.DOTALL)
_LABEL = re.compile(r"([^<>=!]+?)\s*(?:(>=|<=|==|!=|>|<)\s*(.*))?", re.DOTALL)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
#: an analysis has one of each
_SINGLE = frozenset({"event", "name", "pipeline"})
#: they come and go: looked at when somebody asks
_DYNAMIC = frozenset({"status", "review", "labels"})
#: `operator` of a label that only has to be there and not false
TRUTHY = "true"


@dataclass(frozen=True)
class Condition:
    """``path`` of an attribute and the value that it must have, or must not."""

    path: tuple[str, ...]
    value: str
    negated: bool = False
    operator: str = "=="  # also != (another value, where there is one), the four of order, and `TRUTHY`

    @property
    def dynamic(self) -> bool:
        return self.path[0] in _DYNAMIC

    def holds(self, values: Iterable[str]) -> bool:
        """Whether an analysis with these values (texts) of the attribute meets it."""
        return any(self._one(value) for value in values) != self.negated

    def _one(self, value: str) -> bool:
        if self.operator == TRUTHY:
            return value not in ("false", "0", "")
        if self.operator in _ORDER:
            mine, theirs = _number(self.value), _number(value)
            return mine is not None and theirs is not None and _ORDER[self.operator](theirs, mine)
        if self.path[0] in _SINGLE:
            return value == self.value if self.path[0] != "pipeline" else value == self.value.lower()
        return (value == self.value.lower() or _same_number(self.value, value)) == (self.operator == "==")

    def __str__(self) -> str:
        if self.path == ("name",) and not self.negated:
            return self.value
        if self.operator == TRUTHY:
            return f"label: {'!' if self.negated else ''}{self.path[-1]}"
        compared = "" if self.operator == "==" else self.operator
        return f"{'.'.join(self.path)}: {'!' if self.negated else ''}{compared}{self.value}"


@dataclass(frozen=True)
class Entry:
    """One entry: all conditions hold for an analysis that meets it."""

    conditions: tuple[Condition, ...]
    optional: bool = False

    @property
    def static(self) -> tuple[Condition, ...]:
        """Known when an event's analyses change; but for the event, which only says where to look."""
        return tuple(c for c in self.conditions if not c.dynamic)

    @property
    def dynamic(self) -> tuple[Condition, ...]:
        return tuple(c for c in self.conditions if c.dynamic)

    @property
    def selects(self) -> bool:
        """Whether it says of an analysis anything that does not come and go."""
        return any(c.path != ("event",) for c in self.static)

    @property
    def name(self) -> str | None:
        """The one name that it is about: such an entry is required by itself."""
        others = [c for c in self.conditions if c.path != ("event",)]
        plain = len(others) == 1 and others[0].path == ("name",) and not others[0].negated
        return others[0].value if plain and not self.optional else None

    @property
    def event(self) -> str | None:
        """The one event that it is about, where it says."""
        return next((c.value for c in self.conditions if c.path == ("event",) and not c.negated), None)

    def __str__(self) -> str:
        if self.name and self.event:
            return f"{self.event}/{self.name}"
        return " and ".join(map(str, self.conditions))


@dataclass(frozen=True)
class NeedsSettings:
    """``needs settings``: how many of what the list selects must be done, and whether only those labelled interesting count."""

    minimum: int | None = None
    interesting: bool = False


def parse_needs(needs: object, place: str) -> tuple[Entry, ...]:
    """The entries of a list.  Raises `InputError`, whose place is `place` and the entry's number."""
    if needs is None:
        return ()
    if not isinstance(needs, list):
        raise InputError(place, needs, "a list")
    return tuple(_entry(value, f"{place}[{index}]") for index, value in enumerate(needs))


def parse_settings(settings: object, place: str) -> NeedsSettings:
    """The mapping ``needs settings`` (or asimov's word ``default``).  Raises `InputError`.

    asimov's ``logic`` and ``extra priority`` change priorities there; they are read over.
    """
    if settings is None or settings == "default":
        return NeedsSettings()
    if not isinstance(settings, Mapping):
        raise InputError(place, settings, "{minimum: 2, condition: is_interesting}")
    minimum, condition = settings.get("minimum"), settings.get("condition")
    if minimum is not None and (isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1):
        raise InputError(f"{place}.minimum", minimum, "a whole number of at least 1")
    if condition not in (None, "is_interesting"):
        raise InputError(f"{place}.condition", condition, "is_interesting")
    return NeedsSettings(minimum, condition is not None)


def text_of(value: object) -> str:
    """Values are compared as text, numbers by value: 20 and 20.0 are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value).strip().lower()


def _entry(value: object, place: str) -> Entry:
    if isinstance(value, Mapping) and "optional" in value:
        optional = value["optional"]
        if not isinstance(optional, bool):
            raise InputError(f"{place}.optional", optional, "true or false")
        return _consistent(Entry(_conditions({k: v for k, v in value.items() if k != "optional"}, place), optional), place)
    if isinstance(value, list):
        parts = [_entry(inner, f"{place}[{index}]") for index, inner in enumerate(value) if not isinstance(inner, list)]
        if not parts or len(parts) < len(value):
            raise InputError(place, value, "conditions that hold together, at least one")
        conditions = tuple(dict.fromkeys(c for part in parts for c in part.conditions))
        return _consistent(Entry(conditions, all(part.optional for part in parts)), place)
    return _consistent(Entry(_conditions(value, place)), place)


def _conditions(value: object, place: str) -> tuple[Condition, ...]:
    if isinstance(value, str):
        path, colon, wanted = value.partition(":")
        if colon:
            return (_condition(path, wanted.strip(), place),)
        event, slash, name = value.strip().partition("/")
        if slash and NAME.fullmatch(event):
            return (Condition(("event",), event), _condition("name", name, place))
        return (_condition("name", value, place),)
    if isinstance(value, Mapping) and value:
        return tuple(_condition(path, wanted, f"{place}.{path}") for path, wanted in value.items())
    raise InputError(place, value, _RULE)


def _condition(path: object, value: object, place: str) -> Condition:
    text = value.strip() if isinstance(value, str) else text_of(value) if isinstance(value, int | float) else ""
    negated = text.startswith("!") and not text.startswith("!=")
    text = text[1:].strip() if negated else text
    steps = tuple(step.strip() for step in path.split(".")) if isinstance(path, str) else ()
    if not text or not steps or not all(steps):
        raise InputError(place, value, _RULE)
    if steps in (("label",), ("labels",)):
        return _label(text, negated, value, place)
    steps = ("labels", *steps[1:]) if steps[0] == "label" else steps
    found = _COMPARED.fullmatch(text)
    sign, text = (found[1], found[2].strip()) if found else ("==", text)
    return _checked(Condition(steps, text, negated, sign), value, place)


def _label(text: str, negated: bool, value: object, place: str) -> Condition:
    """asimov's ``interesting>=1``; ``interesting`` alone must only be there and not false."""
    found = _LABEL.fullmatch(text)
    if found is None or (found[2] and not found[3]):
        raise InputError(place, value, "a label, or a label with a comparison, such as interesting>=1")
    path = ("labels", *found[1].strip().split("."))
    if not found[2]:
        return Condition(path, "true", negated, TRUTHY)
    return _checked(Condition(path, found[3].strip(), negated, found[2]), value, place)


def _checked(condition: Condition, value: object, place: str) -> Condition:
    """With the value as the ledger spells it, where the ledger has a list of them."""
    head, text, sign = condition.path[0], condition.value, condition.operator
    ordered = sign in _ORDER
    if head in _SINGLE | {"status", "review"} and len(condition.path) == 1 + (condition.path == ("review", "status")):
        if ordered:
            raise InputError(place, value, f"a {head}, which has no order")
        condition = Condition(condition.path, text, condition.negated != (sign == "!="))
    if not text or (ordered and _number(text) is None):
        raise InputError(place, value, "a number after the comparison" if ordered else _RULE)
    if head == "name" and condition.path == ("name",) and not NAME.fullmatch(text):
        raise InputError(place, value, _RULE)
    if condition.path == ("status",):
        return Condition(condition.path, check_status(text, place), condition.negated)
    if head == "review" and (text.lower() not in VERDICTS or condition.path not in (("review",), ("review", "status"))):
        raise InputError(place, value, f"review: one of {', '.join(VERDICTS)}")
    return condition


def _consistent(entry: Entry, place: str) -> Entry:
    """Raises `InputError` for conditions that no analysis can meet at once."""
    for index, first in enumerate(entry.conditions):
        for second in entry.conditions[index + 1 :]:
            if _excluded(first, second):
                raise InputError(f"{place}: {first} and {second} never hold together")
    return entry


def _excluded(first: Condition, second: Condition) -> bool:
    if _attribute(first) != _attribute(second):
        return False
    if first.operator in _ORDER and second.operator in _ORDER and not (first.negated or second.negated):
        # an attribute may be a list, and then each value is looked at by itself; a label is not
        return first.path[0] == "labels" and not _overlap(first, second)
    if "==" not in (first.operator, second.operator) or TRUTHY in (first.operator, second.operator):
        return False
    if first.operator == second.operator == "==":
        return _excluded_words(first, second)
    return False


def _excluded_words(first: Condition, second: Condition) -> bool:
    same = first.value.lower() == second.value.lower()
    if first.negated or second.negated:
        return same and first.negated != second.negated
    head = first.path[0]
    if head == "status":
        return not same and not {first.value, second.value} <= set(DONE)
    if head == "review":
        return not same and {first.value.lower(), second.value.lower()} != {"approved", "preferred"}
    return head in _SINGLE and not same


def reached(status: str) -> tuple[str, ...]:
    """A status with those that an analysis in it has passed: what is uploaded has been finished before."""
    return DONE[: DONE.index(status) + 1] if status in DONE else (status,)


def _attribute(condition: Condition) -> tuple[str, ...]:
    return ("review",) if condition.path[0] == "review" else condition.path


def _overlap(first: Condition, second: Condition) -> bool:
    low, high = -math.inf, math.inf
    strict_low = strict_high = False
    for condition in (first, second):
        number = _number(condition.value) or 0.0
        if condition.operator in (">", ">="):
            if number >= low:
                strict_low = condition.operator == ">" or (strict_low and number == low)
                low = number
        elif number <= high:
            strict_high = condition.operator == "<" or (strict_high and number == high)
            high = number
    return low < high or (low == high and not strict_low and not strict_high)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _same_number(mine: str, theirs: str) -> bool:
    number = _number(mine)
    return number is not None and number == _number(theirs)


def has_needs(document: Mapping[str, Any]) -> bool:
    return bool(document.get("needs") or document.get("analyses"))


__all__ = [
    "DONE",
    "TRUTHY",
    "VERDICTS",
    "Condition",
    "Entry",
    "NeedsSettings",
    "has_needs",
    "parse_needs",
    "parse_settings",
    "reached",
    "text_of",
]

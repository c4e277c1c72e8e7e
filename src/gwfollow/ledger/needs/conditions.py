"""Conditions on an analysis, and entries of conditions that hold together."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: what is uploaded has been finished before
DONE = ("finished", "processing", "uploaded", "finalised")

ORDER: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
#: an analysis has one of each
SINGLE = frozenset({"event", "name", "pipeline"})
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
        if self.operator in ORDER:
            mine, theirs = number(self.value), number(value)
            return mine is not None and theirs is not None and ORDER[self.operator](theirs, mine)
        if self.path[0] in SINGLE:
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


def text_of(value: object) -> str:
    """Values are compared as text, numbers by value: 20 and 20.0 are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value).strip().lower()


def reached(status: str) -> tuple[str, ...]:
    """A status with those that an analysis in it has passed: what is uploaded has been finished before."""
    return DONE[: DONE.index(status) + 1] if status in DONE else (status,)


def excluded(first: Condition, second: Condition) -> bool:
    """Whether no analysis can ever meet both."""
    if _attribute(first) != _attribute(second):
        return False
    if first.operator in ORDER and second.operator in ORDER and not (first.negated or second.negated):
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
    return head in SINGLE and not same


def _attribute(condition: Condition) -> tuple[str, ...]:
    return ("review",) if condition.path[0] == "review" else condition.path


def _overlap(first: Condition, second: Condition) -> bool:
    low, high = -math.inf, math.inf
    strict_low = strict_high = False
    for condition in (first, second):
        value = number(condition.value) or 0.0
        if condition.operator in (">", ">="):
            if value >= low:
                strict_low = condition.operator == ">" or (strict_low and value == low)
                low = value
        elif value <= high:
            strict_high = condition.operator == "<" or (strict_high and value == high)
            high = value
    return low < high or (low == high and not strict_low and not strict_high)


def number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _same_number(mine: str, theirs: str) -> bool:
    value = number(mine)
    return value is not None and value == number(theirs)


__all__ = ["DONE", "ORDER", "SINGLE", "TRUTHY", "Condition", "Entry", "excluded", "number", "reached", "text_of"]

"""Conditions of the alert policy: what may stand under ``when``, and what each says of an event.

An answer is yes, no or *unknown* (no message has told).  Unknown is never a pass: not by itself, and not under ``not`` either.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from gwfollow.alerts.alert import KINDS
from gwfollow.alerts.history import State
from gwfollow.ledger.fields import number, refused

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
_COMPARISON = re.compile(r"\s*(>=|<=|==|>|<)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class Answer:
    """Yes (True), no (False) or unknown (None), and what was found that makes it so."""

    yes: bool | None
    why: str = ""


_YES = Answer(True)


class Strict(BaseModel):
    """Every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _not_empty(value: list[Any]) -> list[Any]:
    if not value:
        raise refused("at least one")
    return value


def _comparison(value: object) -> tuple[str, float]:
    found = _COMPARISON.fullmatch(value) if isinstance(value, str) else None
    try:
        probability = float(found[2]) if found else -1.0
    except ValueError:
        probability = -1.0
    if found is None or not 0 <= probability <= 1:
        raise refused('a comparison with a probability, such as ">= 0.5"')
    return found[1], probability


def _kind(value: str) -> str:
    if value not in KINDS:
        raise refused(f"a kind of alert: {', '.join(sorted(KINDS))}")
    return value


Names = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]], BeforeValidator(_one_or_many), AfterValidator(_not_empty)
]
Categories = Annotated[list[Literal["Production", "Test", "MDC"]], BeforeValidator(_one_or_many), AfterValidator(_not_empty)]
Kinds = Annotated[list[Annotated[str, AfterValidator(_kind)]], BeforeValidator(_one_or_many), AfterValidator(_not_empty)]
Probabilities = dict[str, Annotated[tuple[str, float], PlainValidator(_comparison)]]
Rate = Annotated[float, PlainValidator(number("Hz", least=0))]


class Far(Strict):
    """False-alarm rate, Hz; both ends count as inside."""

    max: Rate | None = None
    min: Rate | None = None

    def ask(self, far: float) -> bool:
        return (self.max is None or far <= self.max) and (self.min is None or far >= self.min)

    def __str__(self) -> str:
        return " and ".join(
            f"at {word} {value:g} Hz" for word, value in (("least", self.min), ("most", self.max)) if value is not None
        )


class Instruments(Strict):
    """Detectors with data for the trigger."""

    all: Names | None = None
    any: Names | None = None
    min: Annotated[int, Field(ge=1, le=10)] | None = None  # how many at least


class Labels(Strict):
    """Labels of GraceDB.  A label that no message has told of counts as not there: public notices tell of none."""

    all: Names | None = None
    any: Names | None = None
    none: Names | None = None


class When(Strict):
    """Conditions that must all hold; an empty one always does."""

    superevent: bool | None = None
    category: Categories | None = None
    role: Literal["observation", "test"] | None = None
    kind: Kinds | None = None
    significant: bool | None = None
    far: Far | None = None
    group: Names | None = None
    pipeline: Names | None = None
    search: Names | None = None
    classification: Probabilities | None = None
    properties: Probabilities | None = None
    instruments: Instruments | None = None
    labels: Labels | None = None
    external: bool | None = None
    any: Annotated[list[When], AfterValidator(_not_empty)] | None = None
    all: Annotated[list[When], AfterValidator(_not_empty)] | None = None
    not_: When | None = Field(None, alias="not")

    def ask(self, state: State) -> Answer:
        """Whether all hold, else the first that does not, with what was found."""
        return _all(check(self, state) for check in _CHECKS)


# ---- one function for each kind of condition ---------------------------------------------------------------------------------
def _all(answers: Iterable[Answer]) -> Answer:
    """No where one says no; else unknown where one is; the first of those is told."""
    unknown = None
    for answer in answers:
        if answer.yes is False:
            return answer
        if answer.yes is None and unknown is None:
            unknown = answer
    return unknown or _YES


def _same(name: str) -> Callable[[When, State], Answer]:
    def check(when: When, state: State) -> Answer:
        wanted, found = getattr(when, name), getattr(state, name)
        if wanted is None:
            return _YES
        if found is None:
            return Answer(None, f"{name} is unknown")
        return Answer(found == wanted, f"{name} is {_word(found)}, not {_word(wanted)}")

    return check


def _one_of(name: str) -> Callable[[When, State], Answer]:
    """Compared without regard to case: GraceDB and the public notices spell pipelines differently."""

    def check(when: When, state: State) -> Answer:
        wanted, found = getattr(when, name), getattr(state, name)
        if wanted is None:
            return _YES
        if found is None or found == "":
            return Answer(None, f"{name} is unknown")
        inside = found.lower() in {value.lower() for value in wanted}
        return Answer(inside, f"{name} is {found}, not {' or '.join(wanted)}")

    return check


def _far(when: When, state: State) -> Answer:
    if when.far is None:
        return _YES
    if state.far is None:
        return Answer(None, "far is unknown")
    return Answer(when.far.ask(state.far), f"far is {state.far:g} Hz, not {when.far}")


def _probabilities(name: str) -> Callable[[When, State], Answer]:
    def check(when: When, state: State) -> Answer:
        wanted: Mapping[str, tuple[str, float]] = getattr(when, name) or {}
        found: Mapping[str, float] = getattr(state, name) or {}
        return _all(one(key, *comparison, found.get(key)) for key, comparison in wanted.items())

    def one(key: str, sign: str, limit: float, found: float | None) -> Answer:
        if found is None:
            return Answer(None, f"{name}.{key} is unknown")
        return Answer(_COMPARE[sign](found, limit), f"{name}.{key} is {found:g}, not {sign} {limit:g}")

    return check


def _instruments(when: When, state: State) -> Answer:
    wanted = when.instruments
    if wanted is None:
        return _YES
    if state.instruments is None:
        return Answer(None, "instruments are unknown")
    found = ", ".join(state.instruments)
    if missing := set(wanted.all or ()) - set(state.instruments):
        return Answer(False, f"instruments are {found}, without {', '.join(sorted(missing))}")
    if wanted.any is not None and not set(wanted.any) & set(state.instruments):
        return Answer(False, f"instruments are {found}, none of {', '.join(wanted.any)}")
    if wanted.min is not None and len(state.instruments) < wanted.min:
        return Answer(False, f"instruments are {found}, fewer than {wanted.min}")
    return _YES


def _labels(when: When, state: State) -> Answer:
    wanted, labels = when.labels, set(state.labels)
    if wanted is None:
        return _YES
    if missing := set(wanted.all or ()) - labels:
        return Answer(False, f"has no label {', '.join(sorted(missing))}")
    if wanted.any is not None and not set(wanted.any) & labels:
        return Answer(False, f"has none of the labels {', '.join(wanted.any)}")
    if there := set(wanted.none or ()) & labels:
        return Answer(False, f"has the label {', '.join(sorted(there))}")
    return _YES


def _any(when: When, state: State) -> Answer:
    if when.any is None:
        return _YES
    answers = [inner.ask(state) for inner in when.any]
    if any(answer.yes for answer in answers):
        return _YES
    why = "none of: " + "; ".join(answer.why for answer in answers)
    return Answer(None if any(answer.yes is None for answer in answers) else False, why)


def _every(when: When, state: State) -> Answer:
    return _YES if when.all is None else _all(inner.ask(state) for inner in when.all)


def _not(when: When, state: State) -> Answer:
    if when.not_ is None:
        return _YES
    inner = when.not_.ask(state)
    if inner.yes is None:
        return inner
    named = ", ".join(when.not_.model_dump(exclude_none=True, by_alias=True))
    return Answer(not inner.yes, f"what stands under not ({named}) is so")


_CHECKS: tuple[Callable[[When, State], Answer], ...] = (
    _same("superevent"), _one_of("category"), _same("role"), _one_of("kind"), _same("significant"), _far, _one_of("group"),
    _one_of("pipeline"), _one_of("search"), _probabilities("classification"), _probabilities("properties"), _instruments, _labels,
    _same("external"), _every, _any, _not,
)  # fmt: skip


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = ["Answer", "Strict", "When"]

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

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.fields import NAME
from gwfollow.ledger.needs.conditions import ORDER, SINGLE, TRUTHY, Condition, Entry, excluded, number, text_of
from gwfollow.ledger.states import check_status

_RULE = "an analysis' name, 'attribute: value', a list of those, or {optional: true, ...}"
#: what a reviewer may have said; preferred is approved and more
VERDICTS = ("approved", "rejected", "deprecated", "preferred")
_COMPARED = re.compile(r"(>=|<=|==|!=|>|<)\s*(.*)", re.DOTALL)
_LABEL = re.compile(r"([^<>=!]+?)\s*(?:(>=|<=|==|!=|>|<)\s*(.*))?", re.DOTALL)


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
    ordered = sign in ORDER
    if head in SINGLE | {"status", "review"} and len(condition.path) == 1 + (condition.path == ("review", "status")):
        if ordered:
            raise InputError(place, value, f"a {head}, which has no order")
        condition = Condition(condition.path, text, condition.negated != (sign == "!="))
    if not text or (ordered and number(text) is None):
        raise InputError(place, value, "a number after the comparison" if ordered else _RULE)
    if head == "name" and condition.path == ("name",) and not NAME.fullmatch(text):
        raise InputError(place, value, _RULE)
    if condition.path == ("status",):
        return Condition(condition.path, check_status(text, place, lambda _: None), condition.negated)
    if head == "review" and (text.lower() not in VERDICTS or condition.path not in (("review",), ("review", "status"))):
        raise InputError(place, value, f"review: one of {', '.join(VERDICTS)}")
    return condition


def _consistent(entry: Entry, place: str) -> Entry:
    """Raises `InputError` for conditions that no analysis can meet at once."""
    for index, first in enumerate(entry.conditions):
        for second in entry.conditions[index + 1 :]:
            if excluded(first, second):
                raise InputError(f"{place}: {first} and {second} never hold together")
    return entry


def has_needs(document: Mapping[str, Any]) -> bool:
    return bool(document.get("needs") or document.get("analyses"))


__all__ = ["VERDICTS", "NeedsSettings", "has_needs", "parse_needs", "parse_settings"]

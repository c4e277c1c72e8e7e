"""``strategy:``, a matrix of values: one document stands for an analysis of each combination.

    name: pe-{waveform.approximant}-{sampler.sampler}
    strategy:
      waveform.approximant: [IMRPhenomXPHM, SEOBNRv5PHM]
      sampler.sampler: [dynesty, emcee]

The keys are paths in the document, joined by dots; what stands there is replaced.  ``{path}`` in the name is the value as YAML writes
it (``true``, not ``True``).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gwfollow.errors import InputError

#: analyses of one matrix
MAX_COMBINATIONS = 500

_FIELD = re.compile(r"\{([^{}]*)\}")
#: a matrix over these would not be one
_NOT_THESE = frozenset({"name", "kind", "strategy"})


def expand(document: Mapping[str, Any], place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The documents that `document` stands for, each with its place; itself where it has no strategy.

    Raises `InputError`, also where the name does not tell the combinations apart.
    """
    if "strategy" not in document:
        yield dict(document), place
        return
    matrix = _matrix(document["strategy"], f"{place}, strategy")
    plain = {key: value for key, value in document.items() if key != "strategy"}
    template = _template(plain.get("name"), matrix, f"{place}, name")
    seen: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for values in itertools.product(*matrix.values()):
        combination = dict(zip(matrix, values, strict=True))
        made = plain
        for path, value in combination.items():
            made = _with(made, path.split("."), value, f"{place}, strategy.{path}")
        name = _filled(template, combination)
        if (other := seen.setdefault((repr(made.get("event")), name), combination)) is not combination:
            raise _same_name(template, name, other, combination, place)
        yield made | {"name": name}, place


def _matrix(strategy: object, place: str) -> dict[str, Sequence[Any]]:
    if not isinstance(strategy, Mapping) or not strategy:
        raise InputError(place, strategy, "a mapping from keys such as waveform.approximant to lists of values")
    for path, values in strategy.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{place}.{path}", values, "a list of values, at least one")
        if path.split(".")[0] in _NOT_THESE or not all(step.strip() for step in path.split(".")):
            raise InputError(f"{place}.{path}", path, "the path of a value in the document, such as waveform.approximant")
    size = math.prod(len(values) for values in strategy.values())
    if size > MAX_COMBINATIONS:
        raise InputError(place, f"{size} combinations", f"a matrix of at most {MAX_COMBINATIONS}")
    return dict(strategy)


def _template(name: object, matrix: Mapping[str, Sequence[Any]], place: str) -> str:
    if not isinstance(name, str):
        raise InputError(place, name, "a template such as pe-{waveform.approximant}")
    for path in _FIELD.findall(name):
        if path not in matrix:
            raise InputError(place, f"{{{path}}}", f"a key of the strategy ({', '.join(matrix)})")
        if any(isinstance(value, list | Mapping) for value in matrix[path]):
            raise InputError(place, f"{{{path}}}", "a key whose values are words or numbers: lists and mappings make no name")
    for path, values in matrix.items():
        # the same name for several events is none twice
        if len(values) > 1 and path != "event" and path not in _FIELD.findall(name):
            raise InputError(place, name, f"{{{path}}} in it: without that the name is the same for several values of {path}")
    return name


def _filled(template: str, combination: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda found: _word(combination[found[1]]), template)


def _with(document: Mapping[str, Any], path: Sequence[str], value: Any, place: str) -> dict[str, Any]:
    """A copy of the document that has `value` at `path`."""
    key, *rest = path
    if not rest:
        return {**document, key: value}
    inner = document.get(key)
    if inner is not None and not isinstance(inner, Mapping):
        raise InputError(place, inner, f"a mapping at {key!r}, in which the strategy could set a value")
    return {**document, key: _with(inner or {}, rest, value, place)}


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _same_name(template: str, name: str, first: Mapping[str, Any], second: Mapping[str, Any], place: str) -> InputError:
    differ = [f"{path} {first[path]!r} and {second[path]!r}" for path in first if repr(first[path]) != repr(second[path])]
    why = ", ".join(differ) or "a value is there twice"
    return InputError(f"{place}, name", template, f"a name for each combination; {name!r} stands for two ({why})")

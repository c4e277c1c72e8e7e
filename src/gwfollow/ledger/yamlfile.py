"""YAML from strangers: plain data, within limits, and refused where two readers could understand it differently.

PyYAML's safe loader runs no code, but it builds alias bombs, overwrites duplicate keys and makes dates of words.  So this module
reads libyaml's events itself: no recursion, and every limit is held while reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from gwfollow.errors import InputError

MAX_BYTES = 64 * 2**20
#: levels of nesting in one document
MAX_DEPTH = 32
#: values in one document, each alias counted as all that it stands for
MAX_VALUES = 50_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_FLOAT = "tag:yaml.org,2002:float"


class _Words(Resolver):
    """Which words are numbers: YAML 1.1 without dates and sexagesimals, and with ``1e-3``."""


# (first letters -> rules) is a class attribute that PyYAML shares with all loaders: a copy of our own
_Words.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:timestamp"]
    for first, rules in Resolver.yaml_implicit_resolvers.items()
}
_Words.add_implicit_resolver(
    _FLOAT, re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
_words = _Words()
_constructor = SafeConstructor()


@dataclass
class _Open:
    """A list or mapping that is being read."""

    made: Any
    anchor: str | None
    size: int = 1
    key: str | None = None  # of a mapping, while its value is awaited
    defaults: dict[str, Any] | None = None  # what stands under "<<"


def read_documents(text: str, name: str, *, most: int = MAX_VALUES) -> Iterator[Any]:
    """The documents in `text`, each of at most `most` values, as dicts, lists, text, numbers, booleans and None; keys are text as written.

    Raises `InputError` that names the file (`name`), the document and the line.
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"{name}", f"{len(text)} characters", f"a file of at most {MAX_BYTES} characters")
    number = 0
    try:
        reader: _DocumentReader | None = None
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                reader = _DocumentReader(f"{name}, document {number}", most)
            elif isinstance(event, yaml.DocumentEndEvent):
                assert reader is not None
                yield reader.root
            elif reader is not None and not isinstance(event, yaml.StreamEndEvent):
                reader.take(event)
    except yaml.YAMLError as error:
        raise InputError(f"{name}, document {number}{_line(error)}: not YAML: {_problem(error)}") from None


class _DocumentReader:
    def __init__(self, place: str, most: int) -> None:
        self.place, self.most = place, most
        self.root: Any = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self._add(value, 1, event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self._refuse(event, f"*{event.anchor}", "an alias of an anchor that stands before it")
            value, size = self.anchors[event.anchor]
            self._add(value, size, event)

    def _start(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            raise self._refuse(event, event.tag, "plain data without YAML tags")
        mapping = isinstance(event, yaml.MappingStartEvent)
        if self.stack and isinstance(self.stack[-1].made, dict) and self.stack[-1].key is None:
            raise self._refuse(event, "a mapping or list", "text as a key")
        if len(self.stack) >= MAX_DEPTH:
            raise self._refuse(event, "a deeper one", f"a document of at most {MAX_DEPTH} levels")
        self.stack.append(_Open({} if mapping else [], event.anchor))

    def _end(self, event: yaml.Event) -> None:
        done = self.stack.pop()
        if done.defaults is not None:
            done.made = done.defaults | done.made
        if done.anchor:
            self.anchors[done.anchor] = (done.made, done.size)
        self.count -= done.size - 1  # they were counted one by one; `_add` counts the whole again
        self._add(done.made, done.size, event)

    def _add(self, value: Any, size: int, event: yaml.Event) -> None:
        self.count += size
        if self.count > self.most:
            raise self._refuse(event, "more (aliases count in full)", f"a document of at most {self.most} values")
        if not self.stack:
            self.root = value
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.made, list):
            parent.made.append(value)
        elif parent.key is None:
            self._key(parent, event)
        else:
            self._pair(parent, value, event)

    def _key(self, parent: _Open, event: yaml.Event) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, "an alias", "text as a key")
        if event.value in parent.made or (event.value == "<<" and parent.defaults is not None):
            raise self._refuse(event, event.value, "each key once in a mapping")
        parent.key = event.value

    def _pair(self, parent: _Open, value: Any, event: yaml.Event) -> None:
        key, parent.key = parent.key, None
        if key != "<<":
            parent.made[key] = value
            return
        if not isinstance(value, dict):
            raise self._refuse(event, value, "a mapping to merge under '<<'")
        parent.defaults = value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            tag = _words.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
            tag = tag if tag in _PLAIN_TAGS else "tag:yaml.org,2002:str"
        if tag not in _PLAIN_TAGS:
            raise self._refuse(event, tag, "plain data without YAML tags")
        try:
            value = _construct(tag, event.value)
        except (ConstructorError, ValueError, KeyError):
            raise self._refuse(event, event.value, f"a {tag.rpartition(':')[2]}") from None
        # the last line break of a block is the writer's, not the value's
        return value.rstrip("\n") if event.style in ("|", ">") else value

    def _refuse(self, event: yaml.Event, found: object, expected: str) -> InputError:
        line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
        return InputError(self.place + line, found, expected)


@lru_cache(10_000)
def _construct(tag: str, value: str) -> Any:
    if tag.endswith(":str"):
        return value
    make = {"null": "null", "bool": "bool", "int": "int", "float": "float"}[tag.rpartition(":")[2]]
    return getattr(_constructor, f"construct_yaml_{make}")(yaml.ScalarNode(tag, value))


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).partition("\n")[0]


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark is not None else ""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes what `read_documents` reads back: text that it would take for a number is quoted."""


_Dumper.yaml_implicit_resolvers = {
    first: rules + [rule for rule in _Words.yaml_implicit_resolvers.get(first, []) if rule not in rules]
    for first, rules in (Resolver.yaml_implicit_resolvers | {"+": [], **Resolver.yaml_implicit_resolvers}).items()
}


def write_documents(documents: list[dict[str, Any]]) -> str:
    """The documents as YAML, keys in the order given."""
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, allow_unicode=True, width=120, default_flow_style=False
    )
    return text

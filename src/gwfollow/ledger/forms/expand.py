"""Documents that stand for several: an event with ``productions``, a matrix, a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.forms import bundle, names, strategy
from gwfollow.ledger.forms.sources import Source
from gwfollow.ledger.yamlfile import read_documents

_KINDS = ("event", "subject", "analysis", "projectanalysis", "analysisbundle", "postprocessing", "configuration")
_SUPPORTED = "event (or subject), analysis, projectanalysis, analysisbundle, postprocessing, configuration"
_Made = Iterator[tuple[Mapping[str, Any], str]]


def documents(source: Source, warnings: list[str]) -> _Made:
    """The documents of a source, each with its kind in lower case and its place for messages.  Raises `InputError`."""
    for number, document in enumerate(read_documents(source.text, source.name), 1):
        if document is not None:  # something between two ---
            yield from _expanded(document, f"{source.name}, document {number}", source, warnings)


def _expanded(document: object, place: str, source: Source, warnings: list[str]) -> _Made:
    """The documents that one stands for."""
    if not isinstance(document, Mapping):
        raise InputError(place, document, "a mapping with the key 'kind'")
    kind = _kind(document, place)
    plain = {**document, "kind": kind}
    if kind == "event":
        yield from _with_productions(plain, place)
    elif kind in ("analysis", "projectanalysis"):
        yield from strategy.expand(plain, place)
    elif kind == "analysisbundle":
        yield from _members(plain, place, source, warnings)
    else:
        yield plain, place


def _kind(document: Mapping[str, Any], place: str) -> str:
    if "kind" not in document:
        raise InputError(f"{place}: has no 'kind'; expected one of {_SUPPORTED}")
    word = document["kind"]
    kind = word.lower() if isinstance(word, str) else ""
    if kind not in _KINDS:
        raise InputError(f"{place}, kind", word, f"one of {_SUPPORTED}")
    return "event" if kind == "subject" else kind


def _with_productions(document: Mapping[str, Any], place: str) -> _Made:
    """The event; its ``productions`` (as in asimov's ledgers) as documents of their own after it."""
    yield {key: value for key, value in document.items() if key != "productions"}, place
    productions = document.get("productions") or []
    if not isinstance(productions, list):
        raise InputError(f"{place}, productions", productions, "a list")
    for index, production in enumerate(productions):
        where = f"{place}, productions[{index}]"
        if (
            not isinstance(production, Mapping)
            or len(production) != 1
            or not all(isinstance(v, Mapping) for v in production.values())
        ):
            raise InputError(where, production, "{name: {pipeline: ..., ...}}")
        ((name, settings),) = production.items()
        yield from strategy.expand({"event": document.get("name"), **settings, "kind": "analysis", "name": name}, where)


def _members(document: Mapping[str, Any], place: str, source: Source, warnings: list[str]) -> _Made:
    place = named(place, "analysisbundle", document.get("name"))
    renamed, told = names.rename({key: value for key, value in document.items() if key not in ("kind", "analyses")}, place)
    found, event, more = bundle.members({**renamed, "analyses": document.get("analyses")}, place)
    warnings += told + more
    default = {"event": event} if event is not None else {}
    for index, member in enumerate(found):
        where = f"{place}, analyses[{index}]"
        if isinstance(member, str):
            opened = source.refer(member.strip(), where)
            inner = documents(opened, warnings)
            where = opened.name
        else:
            inner = _expanded({"kind": "analysis", **member}, where, source, warnings)
        for plain, there in inner:
            if plain["kind"] != "analysis":
                raise InputError(f"{there}, kind", plain["kind"], "analyses (or bundles of them): that is what a bundle holds")
            yield {**default, **plain}, there


def named(place: str, kind: str, name: object) -> str:
    """The place of a document with what it is about: ``..., document 2 (analysis bilby)``."""
    short = isinstance(name, str) and len(name) < 100 and name.isprintable()
    return f"{place} ({kind} {name})" if short else f"{place} ({kind})"

"""Reading blueprints: YAML documents of the kinds event (or subject), analysis and configuration.

Reading touches no ledger: what is wrong with a file is found before anything is changed (`gwfollow.ledger.apply` changes).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.documents import AnalysisDocument, ConfigurationDocument, Document, EventDocument, validate
from gwfollow.ledger.merge import PROJECT
from gwfollow.ledger.needs import parse_needs
from gwfollow.ledger.states import check_status
from gwfollow.ledger.yamlfile import MAX_BYTES, read_documents

_MODELS: dict[str, type[Document]] = {
    "event": EventDocument,
    "subject": EventDocument,
    "analysis": AnalysisDocument,
    "configuration": ConfigurationDocument,
}
_SUPPORTED = "event (or subject), analysis, configuration"
_LATER_KINDS = {"projectanalysis", "analysisbundle", "postprocessing"}
_LATER_KEYS = {
    "analyses": "an analysis over other analyses (`analyses:`)",
    "subjects": "an analysis that spans events (`subjects:`)",
    "strategy": "a matrix of analyses (`strategy:`)",
    "postprocessing": "post-processing of an analysis (`postprocessing:`; an analysis of the pipeline pesummary that needs it does this)",
}
#: statuses that speak of a job which this ledger does not have
_NEEDS_A_JOB = {"running", "processing", "stop", "stuck", "restart"}


@dataclass(frozen=True)
class Blueprint:
    """One document that has passed every check that needs no ledger."""

    kind: str  # event, analysis, configuration
    name: str
    place: str  # for messages: "blueprint GW150914.yaml, document 2 (analysis bilby-xphm)"
    document: dict[str, Any]  # canonical keys, without those that follow
    event: str | None = None  # of an analysis, where the document says
    pipeline: str = ""
    status: str = "ready"
    comment: str | None = None
    gps: float | None = None
    graceid: str | None = None
    asked: str | None = (
        None  # the status that the document names; None where it is silent (`status` is then that of a new analysis)
    )
    reviews: tuple[Mapping[str, Any], ...] = ()  # verdicts that the document brings: {status, message, person, timestamp}
    subjects: tuple[str, ...] = ()  # of a project analysis: its events


@dataclass
class Reading:
    blueprints: list[Blueprint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_file(source: str) -> Reading:
    """Blueprints of a file, or of standard input where `source` is ``-``.  Raises `InputError`."""
    if source == "-":
        return read_text(_decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input"), "standard input")
    path = Path(source)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"blueprint {source}: {error.strerror}") from None
    return read_text(_decode(content, f"blueprint {path.name}"), f"blueprint {path.name}")


def read_text(text: str, name: str) -> Reading:
    """Blueprints in `text`; `name` begins every message."""
    reading = Reading()
    for number, document in enumerate(read_documents(text, name), 1):
        if document is None:  # nothing between two ---
            continue
        for plain, place in _expanded(document, f"{name}, document {number}"):
            blueprint, warnings = _blueprint(plain, place)
            reading.blueprints.append(blueprint)
            reading.warnings += warnings
    if not reading.blueprints:
        raise InputError(f"{name}: no document in it")
    return reading


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: not text in UTF-8") from None


def _expanded(document: object, place: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The document; an event's ``productions`` (as in asimov's ledgers) as documents of their own after it."""
    if not isinstance(document, Mapping):
        raise InputError(place, document, "a mapping with the key 'kind'")
    if "kind" not in document:
        raise InputError(f"{place}: has no 'kind'; expected one of {_SUPPORTED}")
    if not isinstance(document["kind"], str) or document["kind"].lower() not in ("event", "subject"):
        yield document, place
        return
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
        yield {"kind": "analysis", "event": document.get("name"), **settings, "name": name}, where


def _blueprint(document: Mapping[str, Any], place: str) -> tuple[Blueprint, list[str]]:
    kind = _kind(document, place)
    name = document.get("name") if kind != "configuration" else PROJECT
    place += f" ({kind} {name})" if isinstance(name, str) and len(name) < 100 and name.isprintable() else f" ({kind})"
    if kind == "analysis":
        _refuse_later_forms(document, place)
    plain, warnings = validate(_MODELS[kind], {key: value for key, value in document.items() if key != "kind"}, place)
    if kind == "event":
        made = Blueprint(kind, plain.pop("name"), place, plain, gps=plain.pop("event time", None), graceid=plain.pop("gid", None))
    elif kind == "analysis":
        made = _analysis(plain, place, warnings)
    else:
        plain.pop("name", None)
        made = Blueprint(kind, PROJECT, place, plain)
    return made, warnings


def _analysis(plain: dict[str, Any], place: str, warnings: list[str]) -> Blueprint:
    parse_needs(plain.get("needs"), f"{place}, needs")
    status = check_status(plain.pop("status", "ready"), f"{place}, status")
    if status in _NEEDS_A_JOB:
        warnings.append(
            f"{place}, status: {status!r} speaks of a job that is not in this ledger; a new analysis starts as 'wait'"
        )
        status = "wait"
    return Blueprint(
        "analysis",
        plain.pop("name"),
        place,
        plain,
        event=plain.pop("event", None),
        pipeline=plain.pop("pipeline"),
        status=status,
        comment=plain.pop("comment", None),
    )


def _kind(document: Mapping[str, Any], place: str) -> str:
    word = document["kind"]
    kind = word.lower() if isinstance(word, str) else ""
    if kind in _LATER_KINDS:
        raise InputError(f"{place}: kind {word!r} is not supported yet (supported: {_SUPPORTED})")
    if kind not in _MODELS:
        raise InputError(f"{place}, kind", word, f"one of {_SUPPORTED}")
    return "event" if kind == "subject" else kind


def _refuse_later_forms(document: Mapping[str, Any], place: str) -> None:
    for key, meaning in _LATER_KEYS.items():
        if key in document:
            raise InputError(f"{place}: {meaning} is not supported yet")

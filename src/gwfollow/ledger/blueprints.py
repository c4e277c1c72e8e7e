"""Reading blueprints: YAML documents of all kinds, from a file, standard input or an address.

Reading touches no ledger: what is wrong with a file is found before anything is changed (`gwfollow.ledger.apply` changes).
Documents that stand for several (an event with ``productions``, ``strategy``, a bundle) come out as those that they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.documents import (
    AnalysisDocument,
    ConfigurationDocument,
    Document,
    EventDocument,
    ProjectAnalysisDocument,
    validate,
)
from gwfollow.ledger.forms import names, postprocessing
from gwfollow.ledger.forms.expand import documents, named
from gwfollow.ledger.forms.sources import Source, open_source
from gwfollow.ledger.forms.verdicts import read_verdicts
from gwfollow.ledger.merge import PROJECT
from gwfollow.ledger.needs import parse_needs, parse_settings
from gwfollow.ledger.states import check_status

_MODELS: dict[str, type[Document]] = {
    "event": EventDocument,
    "analysis": AnalysisDocument,
    "projectanalysis": ProjectAnalysisDocument,
    "configuration": ConfigurationDocument,
}
#: statuses that speak of a job which this ledger does not have
_NEEDS_A_JOB = {"running", "processing", "stop", "stuck", "restart"}
_HAS_KIND = re.compile(r"^[\"']?kind[\"']?\s*:", re.MULTILINE)
#: first keys of what is no blueprint, and the command that reads it
_ELSEWHERE = {
    "an event description of asimov's GitLab era (olivaw)": (
        re.compile(r"^productions:", re.MULTILINE),
        "gwfollow import olivaw",
    ),
    "a ledger of asimov": (re.compile(r"^(events|project analyses):", re.MULTILINE), "gwfollow import asimov"),
}


@dataclass(frozen=True)
class Blueprint:
    """One document that has passed every check that needs no ledger."""

    kind: str  # event, analysis, projectanalysis, postprocessing, configuration
    name: str
    place: str  # for messages: "blueprint GW150914.yaml, document 2 (analysis bilby-xphm)"
    document: dict[str, Any]  # canonical keys, without those that follow
    event: str | None = None  # of an analysis, where the document says
    pipeline: str = ""
    status: str = "ready"
    comment: str | None = None
    gps: float | None = None
    graceid: str | None = None
    asked: str | None = None  # the status that the document names; None where it is silent (`status` is that of a new analysis)
    clean: str | int | None = None  # the attempts that are to be cleaned: present, old, or the number of one
    reviews: tuple[Mapping[str, Any], ...] = ()  # verdicts that the document brings: {status, message, person, timestamp}
    subjects: tuple[str, ...] = ()  # of a project analysis: its events (in the document too)
    stages: tuple[str, ...] = ()  # of an analysis: names of the post-processings that follow it


@dataclass
class Reading:
    blueprints: list[Blueprint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_file(source: str, hosts: Sequence[str] = ()) -> Reading:
    """Blueprints of a file, of an address at one of `hosts`, or of standard input where `source` is ``-``.

    Raises `InputError`; `RemoteSilent` and `RemoteRefused` of an address.
    """
    return _read(open_source(source, hosts))


def read_text(text: str, name: str, *, may_be_empty: bool = False) -> Reading:
    """Blueprints in `text`; `name` begins every message.  None at all is a mistake, unless it `may_be_empty`."""
    return _read(Source(name, text), may_be_empty)


def _read(source: Source, may_be_empty: bool = False) -> Reading:
    reading = Reading()
    try:
        for plain, place in documents(source, reading.warnings):
            reading.blueprints.append(_blueprint(plain, place, reading.warnings))
    except InputError:
        if (what := _is_elsewhere(source.text)) is not None:
            raise InputError(f"{source.name}: is {what[0]}, not a blueprint; `{what[1]} FILE` reads it") from None
        raise
    if not reading.blueprints and not may_be_empty:
        raise InputError(f"{source.name}: no document in it")
    return reading


def _is_elsewhere(text: str) -> tuple[str, str] | None:
    if _HAS_KIND.search(text):
        return None
    return next(((what, command) for what, (key, command) in _ELSEWHERE.items() if key.search(text)), None)


# ---- one document ------------------------------------------------------------------------------------------------------


def _blueprint(document: Mapping[str, Any], place: str, warnings: list[str]) -> Blueprint:
    kind = document["kind"]
    place = named(place, kind, document.get("name") if kind != "configuration" else PROJECT)
    plain, told = names.rename({key: value for key, value in document.items() if key != "kind"}, place)
    warnings += told
    if kind == "postprocessing":
        return _postprocessing(plain, place, warnings)
    plain, told = validate(_MODELS[kind], plain, place)
    warnings += told
    if kind == "event":
        return Blueprint(kind, plain.pop("name"), place, plain, gps=plain.pop("event time", None), graceid=plain.pop("gid", None))
    if kind == "configuration":
        return _configuration(plain, place, warnings)
    return _analysis(kind, plain, place, warnings)


def _configuration(plain: dict[str, Any], place: str, warnings: list[str]) -> Blueprint:
    plain.pop("name", None)
    if "postprocessing" in plain:
        kept: dict[str, Any] = {}
        for name, entry in plain["postprocessing"].items():
            if postprocessing.is_definition(entry):
                where = f"{place}, postprocessing.{name}"
                renamed, told = names.rename({"name": name, **entry}, where)
                warnings += told
                kept |= _postprocessing(renamed, where, warnings).document["postprocessing"]
            else:
                kept[name] = entry
        plain["postprocessing"] = kept
    return Blueprint("configuration", PROJECT, place, plain)


def _postprocessing(plain: Mapping[str, Any], place: str, warnings: list[str]) -> Blueprint:
    name, kept, told = postprocessing.read(plain, place)
    warnings += told
    return Blueprint("postprocessing", name, place, {"postprocessing": {name: kept}})


def _analysis(kind: str, plain: dict[str, Any], place: str, warnings: list[str]) -> Blueprint:
    _check_lists(plain, place)
    asked, status = None, "ready"
    if "status" in plain:
        asked = status = check_status(plain.pop("status"), f"{place}, status", warnings.append)
    if status in _NEEDS_A_JOB:
        warnings.append(
            f"{place}, status: {status!r} speaks of a job that is not in this ledger; a new analysis starts as 'wait'"
        )
        status = "wait"
    event = plain.pop("event", None)
    if kind == "projectanalysis" and event is not None:
        raise InputError(f"{place}, event", event, "subjects: a project analysis spans events")
    if kind == "analysis" and "subjects" in plain:
        raise InputError(f"{place}, subjects", plain["subjects"], "`kind: projectanalysis`, which spans events")
    return Blueprint(
        kind,
        plain.pop("name"),
        place,
        plain,
        event=event,
        pipeline=plain.pop("pipeline"),
        status=status,
        comment=plain.pop("comment", None),
        asked=asked,
        clean=plain.pop("clean", None),
        reviews=read_verdicts(plain.pop("review", None), f"{place}, review", warnings),
        subjects=tuple(plain.get("subjects", ())),
        stages=_stages(kind, plain, place),
    )


def _check_lists(plain: Mapping[str, Any], place: str) -> None:
    for key in ("needs", "analyses"):
        parse_needs(plain.get(key), f"{place}, {key}")
    parse_settings(plain.get("needs settings"), f"{place}, needs settings")


def _stages(kind: str, plain: dict[str, Any], place: str) -> tuple[str, ...]:
    """Takes names of post-processings from the document; a mapping under that key is settings, and stays."""
    asked = plain.get("postprocessing")
    if asked is None or isinstance(asked, Mapping):
        return ()
    asked = [asked] if isinstance(asked, str) else asked
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked) or len(set(asked)) < len(asked):
        raise InputError(
            f"{place}, postprocessing", asked, "names of post-processings, each once, or settings of their pipelines"
        )
    if kind == "projectanalysis":
        raise InputError(f"{place}, postprocessing", asked, "none: a post-processing follows analyses of an event")
    del plain["postprocessing"]
    return tuple(asked)

"""What `asimov_ledger` and `olivaw` have read, as blueprint documents, and what each analysis has behind it.

Documents keep asimov's keys; those that speak of the past (status, job, run folder, reviews, what asimov noted while it ran) are taken
out of them.  Whatever is changed on the way, or is not handed on, is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.reviews import check_verdict
from gwfollow.moving.asimov_ledger import Contents, flat
from gwfollow.moving.names import rename_in, renamed
from gwfollow.moving.words import Claim
from gwfollow.moving.words import read as read_word
from gwfollow.naming import PROJECT

#: under this key of its document an analysis keeps what asimov noted about its run
RECORDS = "asimov"
#: under this key stands in an exported ledger what asimov would not understand (`asimov_form`)
OURS = "gwfollow"
#: notes that asimov itself makes; as `environment`, which a blueprint may also set (to a path), only a mapping is one
_RECORDS = ("profiling", "resolved dependencies", "resolved_dependencies", "stale", "captured environment")
#: an event's files that may be named relative to its git repository
_FILES = (("psds",), ("xml psds",), ("calibration",), ("data", "calibration"))


@dataclass(frozen=True)
class Verdict:
    """One review of asimov's; `verdict` is empty for a remark without one."""

    verdict: str
    message: str
    time: datetime | None


@dataclass(frozen=True)
class Past:
    """What an analysis has behind it."""

    event: str
    name: str
    claim: Claim
    rundir: Path | None = None
    job: str = ""
    configuration: Path | None = None  # where asimov keeps its INI, if it did
    reviews: tuple[Verdict, ...] = ()
    held: bool = False  # ready there, and asked to wait here


@dataclass
class Move:
    """What goes into the ledger."""

    source: str
    documents: list[dict[str, Any]] = field(default_factory=list)
    pasts: list[Past] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)


def translate(contents: Contents, *, hold: bool = False, skip: Sequence[str] = (), source: str = "asimov") -> Move:
    """Everything of `contents`.

    Parameters
    ----------
    hold : what is ready waits for a person's `gwfollow set`
    skip : names (EVENT, EVENT/ANALYSIS, or that of a project analysis) that are left behind knowingly

    Raises
    ------
    InputError : for the first thing that cannot be read, with its place
    """
    return _Translation(contents, hold, set(skip), source).run()


class _Translation:
    def __init__(self, contents: Contents, hold: bool, skip: set[str], source: str) -> None:
        self.contents, self.hold, self.skip, self.source = contents, hold, skip, source
        self.move = Move(contents.source, notes=list(contents.notes))
        self.events = renamed([event["name"] for event in contents.events], "event", contents.source, self.move.notes)

    def run(self) -> Move:
        contents, move = self.contents, self.move
        move.documents += self._configuration()
        for event in contents.events:
            productions = contents.productions.get(event["name"], [])
            move.read.update(events=1, analyses=len(productions))
            if self._skipped(event["name"]):
                continue
            self._event(event, productions)
        for analysis in contents.project_analyses:
            move.read["project analyses"] += 1
            if not self._skipped(analysis["name"]):
                self._project_analysis(analysis)
        if self.skip:
            raise InputError("--skip", ", ".join(sorted(self.skip)), f"names that are in {contents.source}")
        return move

    def _skipped(self, name: str) -> bool:
        if name not in self.skip:
            return False
        self.skip.discard(name)
        self.move.notes.append(f"left behind as asked: {name}")
        return True

    # ---- configuration -------------------------------------------------------------------------------------------------
    def _configuration(self) -> list[dict[str, Any]]:
        config = dict(self.contents.config)
        stages = config.pop("postprocessing stages", None) or {}
        plain = _without_empty(config)
        found: list[dict[str, Any]] = [{"kind": "configuration", **plain}] if plain else []
        if not isinstance(stages, Mapping):
            raise InputError(f"{self.contents.source}, postprocessing stages", stages, "a mapping by name")
        for name, stage in stages.items():
            self.move.read["postprocessings"] += 1
            found.append({"kind": "postprocessing", "name": name, **_without_empty(dict(stage))})
        return found

    # ---- events --------------------------------------------------------------------------------------------------------
    def _event(self, event: Mapping[str, Any], productions: Sequence[Mapping[str, Any]]) -> None:
        name = self.events[event["name"]]
        if name == PROJECT:
            raise InputError(f"{self.contents.source}, event name", name, "another name: this one stands for the project")
        document = {"kind": "event", **_without_empty(dict(event)), "name": name}
        ours = document.pop(OURS, None) or {}
        for key in ours.get("made up") or ():
            document.pop(key, None)
        productions = [*(flat(one, f"{name}, {OURS}") for one in ours.get("productions") or ()), *productions]
        self._paths_of_event(document, name)
        self.move.documents.append(document)
        repository = document.get("repository")
        checkout = Path(repository) if isinstance(repository, str) and repository.startswith("/") else None
        for files in _FILES:
            _absolute_files(document, files, [top for top in (checkout, self.contents.root) if top is not None])
        names = renamed([one["name"] for one in productions], f"analysis of {name}", self.contents.source, self.move.notes)
        for production in productions:
            if self._skipped(f"{event['name']}/{production['name']}"):
                continue
            self._analysis(production, name, names, checkout)

    def _paths_of_event(self, document: dict[str, Any], name: str) -> None:
        if "working_directory" in document:
            document.setdefault("working directory", document.pop("working_directory"))
            document.pop("working_directory", None)
        for key in ("working directory", "webdir"):
            if isinstance(document.get(key), str):
                document[key] = self._absolute(document[key], f"{name}, {key}")
        repository = document.get("repository")
        if isinstance(repository, str) and "://" not in repository and not re.match(r"[\w.-]+@[\w.-]+:", repository):
            document["repository"] = self._absolute(repository, f"{name}, repository")

    def _absolute(self, path: str, place: str) -> str:
        given = Path(path).expanduser()
        if given.is_absolute():
            return path
        if self.contents.root is None:
            raise InputError(f"{self.contents.source}, {place}", path, "an absolute path, or the project's folder as --root")
        return str(self.contents.root / given)

    # ---- analyses ------------------------------------------------------------------------------------------------------
    def _analysis(self, production: Mapping[str, Any], event: str, names: Mapping[str, str], checkout: Path | None) -> None:
        place = f"{self.contents.source}, {event}/{production['name']}"
        document, past = self._split(production, event, names[production["name"]], place)
        if checkout is not None:
            inis = sorted(checkout.glob(f"*/{production['name']}.ini"))
            past = _with(past, configuration=inis[0] if inis else None)
        document["event"] = event
        for key in ("needs", "analyses"):
            if key in document:
                document[key] = rename_in(document[key], names)
        self.move.documents.append({"kind": "analysis", **document})
        self.move.pasts.append(past)

    def _project_analysis(self, analysis: Mapping[str, Any]) -> None:
        place = f"{self.contents.source}, project analysis {analysis['name']}"
        names = renamed([analysis["name"]], "project analysis", self.contents.source, self.move.notes)
        document, past = self._split(analysis, PROJECT, names[analysis["name"]], place)
        subjects = document.get("subjects")
        if isinstance(subjects, list):
            document["subjects"] = [self.events.get(one, one) for one in subjects]
        self.move.documents.append({"kind": "projectanalysis", **document})
        self.move.pasts.append(past)

    def _split(self, production: Mapping[str, Any], event: str, name: str, place: str) -> tuple[dict[str, Any], Past]:
        document: dict[str, Any] = _without_empty(dict(production)) | {"name": name}
        if not isinstance(document.get("pipeline"), str):
            raise InputError(f"{place}, pipeline", document.get("pipeline"), "the name of a pipeline")
        ours = document.pop(OURS, None) or {}
        claim = read_word(ours.get("status") or production.get("status"), place, self.source)
        job, rundir = self._job(document, place), document.pop("rundir", None)
        reviews = _reviews(document.pop("review", None), place)
        if document.get("postprocessing") == self.contents.config.get("postprocessing"):
            document.pop("postprocessing", None)  # asimov copies the project's into every analysis
        _keep_records(document)
        held = self.hold and claim.status in ("ready", "restart")
        document["status"] = "wait" if held or claim.about or claim.status in ("restart", "stuck") else claim.status
        folder = Path(self._absolute(rundir, f"{event}/{name}, rundir")) if isinstance(rundir, str) else None
        return document, Past(event, name, claim, folder, job or claim.job, reviews=reviews, held=held)

    def _job(self, document: dict[str, Any], place: str) -> str:
        found = document.pop("job id", None)
        scheduler = document.get("scheduler")
        if isinstance(scheduler, dict) and "job id" in scheduler:
            scheduler = dict(scheduler)
            found = scheduler.pop("job id")
            document["scheduler"] = scheduler
            if not scheduler:
                document.pop("scheduler")
        if found in (None, ""):
            return ""
        if not re.fullmatch(r"\d+(\.\d+)?", str(found)):
            self.move.notes.append(f"{place}: job id {found!r} is no number of an HTCondor job; it is not followed")
            return ""
        return str(found)


def _with(past: Past, **changes: Any) -> Past:
    from dataclasses import replace

    return replace(past, **changes)


def _keep_records(document: dict[str, Any]) -> None:
    """What asimov noted about a run goes under one key: pipelines here would take some of it for settings."""
    records = {key: document.pop(key) for key in _RECORDS if key in document}
    if isinstance(document.get("environment"), Mapping):
        records["environment"] = document.pop("environment")
    if records:
        document[RECORDS] = records


def _reviews(value: Any, place: str) -> tuple[Verdict, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise InputError(f"{place}, review", value, "a list of {status, message, timestamp}")
    found = []
    for index, one in enumerate(value):
        where = f"{place}, review[{index}]"
        verdict = check_verdict(one["status"], f"{where}.status") if one.get("status") else ""
        found.append(Verdict(verdict, " ".join(str(one.get("message") or "").split()), _time(one.get("timestamp"), where)))
    return tuple(found)


def _time(value: Any, place: str) -> datetime | None:
    """asimov writes the local time of its machine without a zone: taken for that of this one."""
    if value in (None, "", "None"):
        return None
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        raise InputError(f"{place}.timestamp", value, "a time such as 2025-01-31 12:00:00") from None


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: asimov writes empty sections into every analysis."""
    found = {}
    for key, inner in value.items():
        plain = _without_empty(inner) if isinstance(inner, dict) else inner
        if plain not in (None, {}, []):
            found[str(key)] = plain
    return found


def _absolute_files(document: dict[str, Any], path: Sequence[str], tops: Sequence[Path]) -> None:
    here: Any = document
    for step in path[:-1]:
        here = here.get(step) if isinstance(here, Mapping) else None
    if isinstance(here, dict) and path[-1] in here:
        here[path[-1]] = _resolved(here[path[-1]], tops)


def _resolved(value: Any, tops: Sequence[Path]) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolved(inner, tops) for key, inner in value.items()}
    if not isinstance(value, str) or Path(value).is_absolute():
        return value
    return next((str(top / value) for top in tops if (top / value).is_file()), value)


__all__ = ["OURS", "RECORDS", "Move", "Past", "Verdict", "translate"]

"""Applying blueprints to the ledger: all of a file in one transaction, with a few queries for each hundred events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from gwfollow import asimov_plugins
from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.blueprints import Blueprint
from gwfollow.ledger.forms.postprocessing import definitions
from gwfollow.ledger.merge import PROJECT, deep_merge, merge_rows, project_document
from gwfollow.ledger.needs import link, refuse_impossible, relink_projects, unmet
from gwfollow.ledger.schema import Analysis, Configuration, Event
from gwfollow.ledger.stages import brings_combined, combined, with_stages
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.store import Change
from gwfollow.ledger.suggest import nearly
from gwfollow.ledger.wishes import fulfil

_ANALYSES = frozenset({"analysis", "projectanalysis"})
#: to be built as the document says
_COMING = STARTABLE | {"wait"}
#: events in one query: SQLite binds at most 32766 values
_CHUNK = 500


@dataclass(frozen=True)
class Applied:
    """What became of one document."""

    kind: str
    name: str  # "event/analysis" for an analysis
    verdict: str  # added, changed, unchanged
    keys: tuple[str, ...] = ()  # what changed


@dataclass
class Report:
    entries: list[Applied] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    work: list[str] = field(default_factory=list)  # events that were given work


class Door(Protocol):
    """Knows what pipelines say of documents: `gwfollow.life.door.Door`."""

    warnings: list[str]

    def objection(self, pipeline: str, who: str, document: Callable[[], Mapping[str, Any]]) -> InputError | None: ...


def apply(
    change: Change,
    blueprints: Sequence[Blueprint],
    *,
    event: str | None = None,
    update: bool = False,
    work: bool = True,
    later: bool = False,
    door: Door | None = None,
) -> Report:
    """Apply all of `blueprints` in the order given, inside the transaction of `change`.

    Parameters
    ----------
    event : of analyses that name none; else the event document before them
    update : merge into what is there; else a name that exists with another content is refused
    work : ask for runs of the events that have work by it, and look which pipelines are not installed; False leaves both to the caller
    later : what an analysis needs, and the subjects of a project analysis, may be applied after it; else a need that nothing can meet
        is refused
    door : is asked about analyses that are new or changed; None: nobody looks at what only their pipelines read

    The status in a blueprint is that of a new analysis; with `update` a document that says another one than before asks for it, and
    so with `clean`.

    Raises
    ------
    InputError : and nothing must be stored
    NotFound : an analysis for an event that is neither in the ledger nor in the blueprints
    """
    found = with_stages(_with_events(blueprints, event), project_document(change.session))
    return _Application(change, update, work, later, door).run(found)


def _with_events(blueprints: Iterable[Blueprint], default: str | None) -> list[tuple[Blueprint, str | None]]:
    """Each blueprint with the name of its event (its own, for an event)."""
    latest: str | None = None
    found: list[tuple[Blueprint, str | None]] = []
    for blueprint in blueprints:
        if blueprint.kind == "event":
            latest = blueprint.name
        name = {
            "event": blueprint.name,
            "analysis": blueprint.event or default or latest,
            "projectanalysis": PROJECT,
        }.get(blueprint.kind)
        if name == PROJECT and blueprint.kind != "projectanalysis":
            place = f"{blueprint.place}, {'name' if blueprint.kind == 'event' else 'event'}"
            raise InputError(
                place, PROJECT, "another name: analyses that span events stand under this one (kind: projectanalysis)"
            )
        if blueprint.kind == "analysis" and name is None:
            raise InputError(
                f"{blueprint.place}, event", None, "an event: in the document, in a document before it, or as -e EVENT"
            )
        found.append((blueprint, name))
    return found


class _Application:
    def __init__(self, change: Change, update: bool, work: bool, later: bool, door: Door | None) -> None:
        self.change, self.update, self.work, self.later, self.door = change, update, work, later, door
        self.report = Report()
        self.configuration = change.session.get(Configuration, PROJECT)
        self.events: dict[str, Event] = {}
        self.analyses: dict[tuple[str, str], Analysis] = {}
        #: event -> names of its analyses that are new or changed
        self.touched: dict[str, set[str]] = {}
        #: of those whose own document is new or changed: where it stands, for messages
        self.places: dict[tuple[str, str], str] = {}
        #: documents that ask for a status or bring verdicts, and whether they made their row
        self.wishes: list[tuple[Analysis, Blueprint, bool]] = []
        #: defaults of all events have changed: their edges may be others
        self.relink_all = False

    def run(self, blueprints: Sequence[tuple[Blueprint, str | None]]) -> Report:
        session = self.change.session
        self._load(sorted({name for _, name in blueprints if name is not None}))
        with session.no_autoflush:
            for blueprint, event in blueprints:
                if event is None:
                    self._configuration(blueprint)
                elif blueprint.kind not in _ANALYSES:
                    self._event(blueprint)
                else:
                    if blueprint.kind == "projectanalysis":
                        self._project_row(blueprint)
                    self._analysis(blueprint, event)
            self._combine(brings_combined(blueprint for blueprint, _ in blueprints))
            self._link()
            if self.work:
                self._give_work()
                self._fulfil()
                self._warn_of_pipelines()
            if self.door is not None:
                self._ask_pipelines(self.door)
        return self.report

    def _load(self, names: Sequence[str]) -> None:
        load = selectinload(Event.analyses).selectinload(Analysis.needs)
        for start in range(0, len(names), _CHUNK):
            query = select(Event).where(Event.name.in_(names[start : start + _CHUNK])).options(load)
            for event in self.change.session.scalars(query):
                self.events[event.name] = event
                self.analyses |= {(event.name, row.name): row for row in event.analyses}

    # ---- the three kinds -----------------------------------------------------------------------------------------------
    def _configuration(self, blueprint: Blueprint) -> None:
        row, verdict = self.configuration, "changed"
        if row is None:
            self.configuration = row = Configuration(name=PROJECT, document={})
            self.change.session.add(row)
            verdict = "added"
        old = row.document
        merged = deep_merge(old, blueprint.document)
        if not self.update and (found := _conflict(row.document, blueprint.document)):
            path, mine, theirs = found
            raise InputError(f"{blueprint.place}, {path}", theirs, f"{mine!r} as in the ledger, or --update to change it")
        keys = _differences(row.document, merged)
        if keys:
            row.document = merged
            self.change.journal("configuration applied", keys=list(keys))
            self.relink_all |= set(keys) != {"postprocessing"}
        if blueprint.kind == "postprocessing":  # its name says what is in the only key
            verdict = "changed" if blueprint.name in (old.get("postprocessing") or {}) else "added"
            self._note(blueprint.kind, blueprint.name, verdict if keys else "unchanged")
            return
        self._note(blueprint.kind, PROJECT, verdict if keys else "unchanged", keys)

    def _event(self, blueprint: Blueprint) -> None:
        event = self.events.get(blueprint.name)
        if event is None:
            self.events[blueprint.name] = event = Event(
                name=blueprint.name,
                gps=blueprint.gps,
                graceid=blueprint.graceid,
                document=blueprint.document,
                analyses=[],
                revision=0,
            )
            self.change.session.add(event)
            self.change.journal("event added", event=event.name)
            self._note("event", event.name, "added")
            return
        old = {"event time": event.gps, "gid": event.graceid, **event.document}
        new = {"event time": blueprint.gps, "gid": blueprint.graceid, **blueprint.document}
        merged = self._merged(blueprint, old, new)
        keys = _differences(old, merged)
        if keys:
            event.gps, event.graceid = merged.pop("event time"), merged.pop("gid")
            event.document = merged
            self.change.journal("event changed", event=event.name, keys=list(keys))
            # defaults of all its analyses have changed
            self.touched.setdefault(event.name, set()).update(row.name for row in event.analyses)
        self._note("event", event.name, "changed" if keys else "unchanged", keys)

    def _project_row(self, blueprint: Blueprint) -> None:
        """The row that stands for the project, made with its first analysis."""
        row = self.events.get(PROJECT)
        if row is None:
            self.events[PROJECT] = row = Event(name=PROJECT, kind=PROJECT, document={}, analyses=[], revision=0)
            self.change.session.add(row)
            self.change.journal("event added", event=PROJECT, kind=PROJECT)
        elif row.kind != PROJECT:
            raise InputError(f"{blueprint.place}: an event of the ledger has the name {PROJECT!r}, which the project needs")

    def _analysis(self, blueprint: Blueprint, event_name: str) -> None:
        event = self.events.get(event_name)
        if event is None:
            names = self.change.session.scalars(select(Event.name)).all()
            raise NotFound(f"{blueprint.place}: no event {event_name!r}{nearly(event_name, names)}")
        if blueprint.subjects:
            blueprint = replace(blueprint, document={**blueprint.document, "subjects": list(blueprint.subjects)})
        row = self.analyses.get((event_name, blueprint.name))
        full_name = f"{event_name}/{blueprint.name}"
        if row is None:
            self.analyses[event_name, blueprint.name] = row = Analysis(
                event=event,
                name=blueprint.name,
                pipeline=blueprint.pipeline,
                status=blueprint.status,
                comment=blueprint.comment,
                document=blueprint.document,
                needs=[],
                attempt=0,
            )
            self.change.session.add(row)
            self.change.journal("analysis added", event=event_name, analysis=row.name, status=row.status, pipeline=row.pipeline)
            self._touch(row, blueprint)
            self._note(blueprint.kind, full_name, "added")
            if blueprint.reviews or blueprint.clean is not None:
                self.wishes.append((row, blueprint, True))
            return
        keys = self._change_analysis(row, blueprint)
        if self.update and (blueprint.asked is not None or blueprint.reviews or blueprint.clean is not None):
            self.wishes.append((row, blueprint, False))
        elif blueprint.clean is not None:
            self.report.warnings.append(f"{blueprint.place}, clean: asks for nothing without --update")
        if keys:
            self.change.journal("analysis changed", event=event_name, analysis=row.name, keys=list(keys))
            self._touch(row, blueprint)
        self._note(blueprint.kind, full_name, "changed" if keys else "unchanged", keys)

    def _touch(self, row: Analysis, blueprint: Blueprint) -> None:
        self.touched.setdefault(row.event.name, set()).add(row.name)
        self.places[row.event.name, row.name] = blueprint.place

    def _change_analysis(self, row: Analysis, blueprint: Blueprint) -> tuple[str, ...]:
        old = {"pipeline": row.pipeline, "comment": row.comment, **row.document}
        new = {"pipeline": blueprint.pipeline, "comment": blueprint.comment, **blueprint.document}
        merged = self._merged(blueprint, old, new)
        keys = _differences(old, merged)
        if "pipeline" in keys and row.attempt:
            raise InputError(f"{blueprint.place}, pipeline", blueprint.pipeline, f"{row.pipeline!r}: it has been built with that")
        if keys:
            row.pipeline, row.comment = merged.pop("pipeline"), merged.pop("comment")
            row.document = merged
        return keys

    def _merged(self, blueprint: Blueprint, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
        """What the row becomes; an absent value in `new` says nothing under --update."""
        if self.update:
            return deep_merge(old, {key: value for key, value in new.items() if value is not None})
        if keys := _differences(old, new):
            raise InputError(f"{blueprint.place}: is in the ledger with another content ({', '.join(keys)}); --update changes it")
        return dict(old)

    # ---- what follows --------------------------------------------------------------------------------------------------
    def _combine(self, everywhere: bool) -> None:
        """Analyses that post-processings over all analyses of an event add to those that have changed, or to all active ones."""
        if everywhere:
            self._load_active()
        project = self.configuration.document if self.configuration is not None else {}
        if not definitions(project):
            return
        for name in list(self.events if everywhere else self.touched):
            if self.events[name].kind != PROJECT:
                for blueprint in combined(self.events[name], project):
                    self._analysis(blueprint, name)

    def _load_active(self) -> None:
        known = self.events.keys()
        names = self.change.session.scalars(select(Event.name).where(Event.active, Event.kind != PROJECT))
        self._load([name for name in names if name not in known])

    def _link(self) -> None:
        project = self.configuration.document if self.configuration is not None else {}
        if self.relink_all:
            self._load_active()
        for name in list(self.events if self.relink_all else self.touched):
            if name != PROJECT and (changed := link(self.events[name], project)):
                self.touched.setdefault(name, set()).update(changed)
        # also where an event is only new: the project's analyses may have waited for it
        relinked = relink_projects(self.change.session, project, self.events, row=self.events.get(PROJECT))
        if relinked or PROJECT in self.touched:
            self._load_project()
            self.touched.setdefault(PROJECT, set()).update(relinked)
        for (event, name), place in self.places.items():
            row = self.analyses[event, name]
            if row.needs or row.document.get("subjects"):
                self.report.warnings += refuse_impossible(
                    self.change.session, row, place, project, later=self.later, known=self.events
                )

    def _load_project(self) -> None:
        """Analyses of the project that wait for what has been applied, where no document is about them."""
        if PROJECT not in self.events:
            self._load([PROJECT])

    def _give_work(self) -> None:
        self.change.session.flush()  # new events have their ids now
        for name, touched in self.touched.items():
            event = self.events[name]
            if not any(self._has_work(name, row) for row in touched):
                continue
            if not event.active:
                event.active = True
                self.change.journal("active again: it has been given work", event=name)
            self.change.give_work(event)
            self.report.work.append(name)

    def _fulfil(self) -> None:
        """What documents ask for beside their content.  Each verb gives work of its own."""
        self.change.session.flush()
        for row, blueprint, new in self.wishes:
            revision = row.event.revision
            if done := fulfil(self.change, row, blueprint, new=new, warn=self.report.warnings.append):
                self._note(blueprint.kind, f"{row.event.name}/{row.name}", "changed", tuple(done))
            if row.event.revision != revision and row.event.name not in self.report.work:
                self.report.work.append(row.event.name)

    def _has_work(self, event: str, name: str) -> bool:
        row = self.analyses[event, name]
        if row.status not in STARTABLE:
            return False
        # an analysis of the project whose edges alone have changed: only where that was the last it waited for
        return event != PROJECT or (event, name) in self.places or not unmet(self.change.session, row)

    def _warn_of_pipelines(self) -> None:
        installed = {point.name.lower() for point in entry_points(group="gwfollow.pipelines")}
        missing: dict[str, list[str]] = {}
        for (event, name), row in self.analyses.items():
            if name in self.touched.get(event, ()) and row.pipeline.lower() not in installed:
                missing.setdefault(row.pipeline, []).append(f"{event}/{name}")
        for pipeline, users in missing.items():
            if asimov_plugins.knows(pipeline):
                continue
            more = f" and {len(users) - 1} more" if len(users) > 1 else ""
            self.report.warnings.append(
                f"pipeline {pipeline!r} of {users[0]}{more} is not installed; nothing is built with it until it is"
            )

    def _ask_pipelines(self, door: Door) -> None:
        """A document of this file that its pipeline cannot take is refused; one whose defaults alone have changed is told of."""
        project = self.configuration.document if self.configuration is not None else {}
        for (event, name), row in self.analyses.items():
            place = self.places.get((event, name))
            # what arrives as done elsewhere may have been done with configs that are not here
            is_built = row.status in _COMING or (place is not None and row.attempt)
            if not is_built or not (self.relink_all or name in self.touched.get(event, ())):
                continue
            found = door.objection(row.pipeline, f"{event}/{name}", partial(merge_rows, project, row.event, row))
            if found is not None and place is not None:
                raise InputError(f"{place}, {found.place}", found.found, found.expected)
            if found is not None:
                self.report.warnings.append(f"{event}/{name} cannot be built with its defaults as they are now: {found}")
        self.report.warnings += door.warnings

    def _note(self, kind: str, name: str, verdict: str, keys: tuple[str, ...] = ()) -> None:
        self.report.entries.append(Applied(kind, name, verdict, keys))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _conflict(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """Path of the first value that both have and that differs, with the two."""
    for key in sorted(old.keys() & new.keys()):
        mine, theirs = old[key], new[key]
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            if found := _conflict(mine, theirs):
                return f"{key}.{found[0]}", found[1], found[2]
        elif mine != theirs:
            return key, mine, theirs
    return None

"""From what the alerts say and the policy wants to the ledger: the event, its analyses, a retraction; all in the caller's transaction.

Everything here is made from the whole history, never from one message, so it may be done again after any message.  What a person has
changed by hand is that person's: those keys, and analyses that no rule asked for, are left alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select

from gwfollow.alerts import templates
from gwfollow.alerts.history import State
from gwfollow.alerts.wanted import Wanted
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import Blueprint
from gwfollow.ledger.merge import deep_merge, merge_rows, project_document
from gwfollow.ledger.needs import evaluate, link, relink_projects
from gwfollow.ledger.schema import Analysis, Event, Journal, Need, Outbox
from gwfollow.ledger.store import INSIDE, Change, is_test
from gwfollow.life.changes import document_checksums, outdate
from gwfollow.life.door import Door
from gwfollow.life.plan import choose, rows_of
from gwfollow.life.refresh import refresh_projects
from gwfollow.life.retraction import bring_back, withdraw

#: `Analysis.origin` of what a rule asked for begins with this
POLICY = "policy:"
#: and the journal's `who` of all that is done here with this
ALERT = "alert:"


@dataclass
class Enacted:
    """What became of it."""

    event: str | None = None  # its name in the ledger; None where there is none and none is wanted
    made: bool = False
    did: list[str] = field(default_factory=list)  # for people
    revision: int | None = None  # of the run that was asked for


def enact(change: Change, configs: Path, state: State, wanted: Wanted) -> Enacted:
    """Make the ledger say what `state` and `wanted` say.

    Raises
    ------
    InputError : a template is wrong
    TransientError : a job is still being removed, or another writer was first
    """
    event = find(change, state.superevent_id)
    if event is None and not wanted.event:
        return Enacted()
    return _Enactment(change, configs, state, wanted, event).run()


def find(change: Change, superevent_id: str) -> Event | None:
    """The event of a superevent: the one of its name, else the one that a person made for it."""
    rows = change.session.scalars(
        select(Event).where(or_(Event.name == superevent_id, Event.graceid == superevent_id)).order_by(Event.id)
    ).all()
    return next((row for row in rows if row.name == superevent_id), rows[0] if rows else None)


class _Enactment:
    def __init__(self, change: Change, configs: Path, state: State, wanted: Wanted, event: Event | None) -> None:
        self.change, self.configs, self.state, self.wanted = change, configs, state, wanted
        self.done = Enacted(made=event is None)
        self.event = event if event is not None else self._new_event()
        self.done.event = self.event.name
        self.before, self.followed = State.from_json(self.event.alert), bool(self.event.alert.get("followed", True))
        #: what a person's event left open and alerts have filled in
        self.filled: set[str] = set(self.event.alert.get("filled", ()))
        self.documents = document_checksums(change.session, self.event)
        #: analysis, or None for the event -> keys that people have set by hand; and the analyses that people have touched at all
        self.by_hand: dict[str | None, set[str]] = defaultdict(set)
        self.touched: set[str] = set()
        if not self.done.made:
            self._read_journal()

    def run(self) -> Enacted:
        analyses, additions = self._blueprints()
        changed = self._event_facts(additions)
        renewed = self._known_analyses(analyses)
        fresh = self._new_analyses(analyses)
        gone = self._withdraw(set(analyses))
        self._remember()
        session = self.change.session
        session.flush()
        if changed or renewed or fresh or gone:
            project = project_document(session)
            link(self.event, project)
            relink_projects(session, project, {self.event.name: self.event})
            session.flush()
        self._ask_pipelines(renewed | fresh)
        self._ask_for_runs(fresh)
        self._notices()
        return self.done

    # ---- the event -----------------------------------------------------------------------------------------------------
    def _new_event(self) -> Event:
        state = self.state
        event = Event(
            name=state.superevent_id, gps=None, graceid=state.superevent_id, source="gracedb", category=state.category,
            alert={}, document={}, analyses=[], revision=0,
        )  # fmt: skip
        self.change.session.add(event)
        self.change.journal("event added", event=event.name, category=state.category)
        self.done.did.append("event made")
        return event

    def _event_facts(self, additions: list[Blueprint]) -> bool:
        """Columns and document as the alerts and the templates have them; whether an analysis may notice."""
        event, state, mine = self.event, self.state, self.event.source == "gracedb"
        old = {"event time": event.gps, "gid": event.graceid, "category": event.category, **event.document}
        new: dict[str, Any] = {**old, "category": state.category}
        new["gid"] = event.graceid or state.superevent_id
        detectors = [name for name in state.instruments or () if re.fullmatch(r"[A-Z][0-9]", name)]
        for key, said in (("event time", state.t_0), ("interferometers", detectors)):
            if said and (mine or not old.get(key) or key in self.filled):
                new[key] = said
                self.filled.add(key)
        documents = [blueprint.document for blueprint in additions]
        new = deep_merge(new, *documents) if mine else deep_merge(*documents, new)
        new |= {key: old.get(key) for key in self.by_hand[None] if key in new and key != "category"}
        keys = sorted(key for key in new if new[key] != old.get(key))
        if keys:
            event.gps, event.graceid, event.category = new.pop("event time"), new.pop("gid"), new.pop("category")
            if "category" in keys and not self.done.made:
                self._hold_back()
            event.document = new
            if not self.done.made:
                self.change.journal("event changed", event=event.name, keys=keys)
                self.done.did.append(f"event changed ({', '.join(keys)})")
        return bool(keys)

    def _hold_back(self) -> None:
        """It turns out to be a test: what has not gone out yet does not go out."""
        pending = select(Outbox).where(
            Outbox.event_id == self.event.id, Outbox.state == "pending", Outbox.destination.not_in(INSIDE)
        )
        for row in self.change.session.scalars(pending) if is_test(self.event) else ():
            row.state = "superseded"
            self.change.journal(f"{row.destination} {row.kind} held back: it is a test", event=self.event.name, key=row.key)

    def _remember(self) -> None:
        event = self.event
        said = self.state.as_json() | {"followed": self.wanted.event, "filled": sorted(self.filled)}
        if said != event.alert:
            keys = sorted(key for key in said if said[key] != event.alert.get(key))
            event.alert = said
            self.change.journal("alert read", event=event.name, keys=keys)
        unused = event.source == "gracedb" and not self.wanted.event and not event.analyses
        if unused and event.active:
            event.active = False
            self.change.journal("not active: no rule of the alert policy asks for it", event=event.name)
        elif self.wanted.event and not self.followed:
            event.active = True

    # ---- its analyses --------------------------------------------------------------------------------------------------
    def _blueprints(self) -> tuple[dict[str, tuple[str, Blueprint]], list[Blueprint]]:
        """Name -> (rule, blueprint) of each analysis that is wanted, and what templates add to the event; the first rule wins."""
        env = templates.environment(self.configs)
        analyses: dict[str, tuple[str, Blueprint]] = {}
        additions = []
        rendered: dict[str, list[Blueprint]] = {}
        for rule, name in self.wanted.apply:
            if name not in rendered:
                rendered[name] = templates.render(env, name, self.event.name, self.state)
            for blueprint in rendered[name]:
                if blueprint.kind == "event":
                    additions.append(blueprint)
                else:
                    analyses.setdefault(blueprint.name, (rule, blueprint))
        return analyses, additions

    def _known_analyses(self, wanted: dict[str, tuple[str, Blueprint]]) -> set[str]:
        """Those that a rule asked for before become what the templates say now; the names of those that have changed."""
        changed = set()
        for row in self.event.analyses:
            if row.name not in wanted or not row.origin.startswith(POLICY):
                continue
            rule, blueprint = wanted[row.name]
            row.origin = POLICY + rule
            old = {"pipeline": row.pipeline, "comment": row.comment, **row.document}
            new: dict[str, Any] = {"pipeline": blueprint.pipeline, "comment": blueprint.comment, **blueprint.document}
            kept = self.by_hand[row.name] | ({"pipeline"} if row.attempt else set())
            new = {key: value for key, value in new.items() if key not in kept} | {key: old[key] for key in kept if key in old}
            keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            if keys:
                row.pipeline, row.comment = new.pop("pipeline"), new.pop("comment", None)
                row.document = new
                self.change.journal("analysis changed", event=self.event.name, analysis=row.name, keys=keys)
                changed.add(row.name)
        return changed

    def _new_analyses(self, wanted: dict[str, tuple[str, Blueprint]]) -> set[str]:
        known = {row.name for row in self.event.analyses}
        new = {name: found for name, found in wanted.items() if name not in known}
        if not new:
            return set()
        self.change.session.flush()
        blueprints = [replace(blueprint, event=self.event.name) for _, blueprint in new.values()]
        # rules apply their templates one after another: what one of them needs may come with another
        apply(self.change, blueprints, event=self.event.name, work=False, later=True)
        for row in self.event.analyses:
            if row.name in new:
                row.origin = POLICY + new[row.name][0]
        self.done.did.append(f"analyses added: {', '.join(new)}")
        return set(new)

    def _ask_pipelines(self, names: Set[str]) -> None:
        """What its pipeline cannot take of a template is told at once.

        It stays in the ledger: its first task fails where people look for it, and what other rules ask for goes on.
        """
        project, door = project_document(self.change.session), Door(self.configs)
        for row in self.event.analyses:
            if row.name not in names:
                continue
            document = partial(merge_rows, project, self.event, row)
            if found := door.objection(row.pipeline, f"{self.event.name}/{row.name}", document):
                self.change.journal("analysis cannot be built", event=self.event.name, analysis=row.name, reason=str(found))
                self.done.did.append(f"{row.name} cannot be built: {found}")
        self.done.did += door.warnings

    def _withdraw(self, wanted: set[str]) -> bool:
        """Those that no rule asks for any more, now that the whole history is known: never begun, touched by nobody, needed by nobody."""
        rows = self.event.analyses
        gone = {
            row.name: row
            for row in rows
            if row.origin.startswith(POLICY) and row.name not in wanted and not row.attempt and row.name not in self.touched
        }
        for name in self._needed_by_the_project(gone):
            del gone[name]
        while (
            needed := {need.needed.name for row in rows if row.name not in gone for need in row.needs if need.needed is not None}
            & gone.keys()
        ):
            for name in needed:
                del gone[name]
        self.change.session.flush()  # edges that were made just now would outlive what they are edges of
        with self.change.session.no_autoflush:  # all in one go: they may need each other
            for name, row in gone.items():
                self.change.journal("analysis withdrawn: no rule asks for it any more", event=self.event.name, analysis=name)
                self.change.session.delete(row)
                rows.remove(row)
        if gone:
            self.done.did.append(f"analyses withdrawn: {', '.join(gone)}")
        return bool(gone)

    def _needed_by_the_project(self, rows: Mapping[str, Analysis]) -> list[str]:
        """Names of those that an analysis over several events looks at."""
        if not rows:
            return []
        ids = {row.id: name for name, row in rows.items()}
        query = select(Need.needed_id).join(Analysis, Need.analysis_id == Analysis.id)
        query = query.where(Need.needed_id.in_(ids), Analysis.event_id != self.event.id).distinct()
        return [ids[found] for found in self.change.session.scalars(query) if found in ids]

    # ---- what follows --------------------------------------------------------------------------------------------------
    def _ask_for_runs(self, fresh: set[str]) -> None:
        """Re-runs, retraction and its end; then one run for all that has come of it."""
        event, state, was = self.event, self.state, self.before.retracted
        again = outdate(self.change, event, self.documents, "its inputs have changed with an alert")
        if again:
            self.done.did.append(f"to be run again: {', '.join(again)}")
        work, stopped, finished = {*fresh, *again}, False, False
        if state.retracted:
            why = f"{state.retracted_why}{f' of {state.retracted_when}' if state.retracted_when else ''}"
            taken = {*work, *(() if was else (row.name for row in event.analyses))}
            stopped = withdraw(self.change, event, why, fresh=taken)
            if not was:
                self.done.did.append(f"retracted by {why}")
        elif was:
            back = bring_back(self.change, event)
            finished = any(row.status == "finished" for row in event.analyses if row.name in back)
            work |= set(back)
            self.done.did.append("no longer retracted" + (f", brought back: {', '.join(back)}" if back else ""))
        possible = choose(rows_of(event, evaluate(self.change.session, event)), everything=False)
        if stopped or finished or work & possible:
            if not event.active:
                event.active = True
                self.change.journal("active again: it has been given work", event=event.name)
            self.done.revision = self.change.give_work(event, everything=finished)
        if state.retracted != was:  # what spans events does not count a retracted one
            refresh_projects(self.change, event.name)

    def _notices(self) -> None:
        """Each rule's notices once; none of an event that is retracted."""
        if self.state.retracted:
            return
        name = self.state.superevent_id
        for rule, where in self.wanted.notify:
            what = f"notice of rule {rule} ({where})"
            told = select(Journal.id).where(Journal.event == self.event.name, Journal.what == what).limit(1)
            if self.change.session.scalar(told) is not None:
                continue
            self.change.journal(what, event=self.event.name)
            if where == "gracedb":
                comment = f"gwfollow: {name} is followed up (rule {rule} of the alert policy)"
                payload = {"graceid": name, "comment": comment, "tags": []}
                self.change.send("gracedb", "log", payload, key=f"alert:{self.event.name}:{rule}", event=self.event)

    def _read_journal(self) -> None:
        query = select(Journal.analysis, Journal.what, Journal.details).where(
            Journal.event == self.event.name, Journal.who.not_like(f"{ALERT}%")
        )
        for analysis, what, details in self.change.session.execute(query):
            if analysis is not None:
                self.touched.add(analysis)
            if what in ("event changed", "analysis changed"):
                self.by_hand[analysis] |= _texts(details.get("keys"))


def _texts(keys: object) -> set[str]:
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, Iterable) else set()


__all__ = ["ALERT", "POLICY", "Enacted", "enact", "find"]

"""Who made what from what, as W3C PROV: read from attempts, jobs, assets, results, reviews and the journal of one event.

entities     contents, by their SHA-256: what one attempt made and another used is one entity, whatever files held it
activities   attempts, the jobs that ran for them, reviews, and every entry of the journal
agents       people and services as the journal and the reviews name them; gwfollow and the pipelines
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from gwfollow import __version__
from gwfollow.ledger.schema import Analysis, Attempt, Event, Journal, Result, Review
from gwfollow.ledger.store import find_event

if TYPE_CHECKING:
    from prov.model import ProvDocument

#: formats as PROV's library calls them -> what people call them
FORMATS = ("json", "provn", "xml", "jsonld")
_BEGUN = re.compile(r"attempt (\d+) begun")


def provenance(session: Session, event: str) -> ProvDocument:
    """The provenance of an event's results.  Raises `NotFound`."""
    row = find_event(session, event)
    return _Writer(row.name).write(session, row)


def as_text(document: ProvDocument, form: str) -> str:
    return str(document.serialize(format=form))


class _Writer:
    def __init__(self, event: str) -> None:
        from prov.model import ProvDocument

        self._event = event
        self._document: Any = ProvDocument()
        for prefix in ("sha256", "attempt", "job", "review", "change", "agent", "software", "gwfollow"):
            self._document.add_namespace(prefix, f"urn:gwfollow:{prefix}:")
        self._agents: dict[str, Any] = {}
        self._entities: dict[str, Any] = {}
        self._made: set[tuple[str, str]] = set()

    def write(self, session: Session, event: Event) -> ProvDocument:
        self._software("gwfollow", {"gwfollow:version": __version__})
        loaded = select(Analysis).where(Analysis.event_id == event.id).order_by(Analysis.id)
        with_all = selectinload(Analysis.attempts)
        analyses = session.scalars(
            loaded.options(with_all.selectinload(Attempt.jobs), with_all.selectinload(Attempt.assets))
        ).all()
        results = self._results(session, [attempt.id for analysis in analyses for attempt in analysis.attempts])
        for analysis in analyses:
            for attempt in analysis.attempts:
                self._attempt(analysis, attempt, results.get(attempt.id, []))
        self._reviews(session, analyses)
        self._journal(session)
        return self._document  # type: ignore[no-any-return]

    @staticmethod
    def _results(session: Session, attempts: list[int]) -> dict[int, list[Result]]:
        found: dict[int, list[Result]] = {}
        for result in session.scalars(select(Result).where(Result.attempt_id.in_(attempts)).order_by(Result.id)):
            found.setdefault(result.attempt_id, []).append(result)
        return found

    def _attempt(self, analysis: Analysis, attempt: Attempt, results: list[Result]) -> None:
        name = f"{self._event}/{analysis.name}/{attempt.number}"
        about = {"prov:label": name, "gwfollow:pipeline": analysis.pipeline, "gwfollow:state": attempt.state}
        activity = self._document.activity(f"attempt:{name}", attempt.created, attempt.ended, about)
        self._document.wasAssociatedWith(activity, self._software(f"pipeline {analysis.pipeline}"))
        for label, sha256 in attempt.inputs.items():
            self._document.used(activity, self._entity(str(sha256), {"prov:label": str(label)}), attempt.created)
        for job in attempt.jobs:
            told = {"prov:label": job.key, "gwfollow:scheduler": job.scheduler, "gwfollow:job": job.job_id or "none"}
            ran = self._document.activity(f"job:{job.key}", job.submitted, job.ended, told)
            self._document.wasInformedBy(ran, activity)
        for asset in attempt.assets:
            self._generated(activity, attempt, asset.sha256, f"{asset.name} {asset.label}".strip(), asset.size)
        for result in results:
            self._generated(activity, attempt, result.sha256, result.filename, result.size)

    def _generated(self, activity: Any, attempt: Attempt, sha256: str, label: str, size: int) -> None:
        entity = self._entity(sha256, {"prov:label": label, "gwfollow:bytes": size})
        if (sha256, str(activity.identifier)) not in self._made:
            self._made.add((sha256, str(activity.identifier)))
            self._document.wasGeneratedBy(entity, activity, attempt.ended)

    def _reviews(self, session: Session, analyses: Iterable[Analysis]) -> None:
        names = {analysis.id: analysis.name for analysis in analyses}
        for review in session.scalars(select(Review).where(Review.analysis_id.in_(names)).order_by(Review.id)):
            about = {
                "prov:label": f"{review.verdict}: {self._event}/{names[review.analysis_id]}",
                "gwfollow:verdict": review.verdict,
                "gwfollow:message": review.message,
            }
            activity = self._document.activity(f"review:{review.id}", review.time, review.time, about)
            self._document.wasAssociatedWith(activity, self._agent(review.person, person=True))

    def _journal(self, session: Session) -> None:
        entries = session.scalars(select(Journal).where(Journal.event == self._event).order_by(Journal.id))
        for entry in entries:
            place = "/".join(part for part in (entry.event, entry.analysis) if part)
            about = {"prov:label": f"{place}: {entry.what}", "gwfollow:why": entry.why}
            activity = self._document.activity(f"change:{entry.id}", entry.time, entry.time, about)
            self._document.wasAssociatedWith(activity, self._agent(entry.who))
            if begun := _BEGUN.fullmatch(entry.what):
                self._document.wasStartedBy(f"attempt:{place}/{begun[1]}", starter=activity, time=entry.time)

    # ---- each once -----------------------------------------------------------------------------------------------------
    def _entity(self, sha256: str, about: dict[str, Any]) -> Any:
        if sha256 not in self._entities:
            self._entities[sha256] = self._document.entity(f"sha256:{sha256}", about)
        return self._entities[sha256]

    def _agent(self, name: str, *, person: bool = False) -> Any:
        if name not in self._agents:
            about = {"prov:label": name} | ({"prov:type": "prov:Person"} if person else {})
            self._agents[name] = self._document.agent(f"agent:{_local(name)}", about)
        return self._agents[name]

    def _software(self, name: str, about: dict[str, Any] | None = None) -> Any:
        key = f"software {name}"
        if key not in self._agents:
            told = {"prov:label": name, "prov:type": "prov:SoftwareAgent"} | (about or {})
            self._agents[key] = self._document.agent(f"software:{_local(name)}", told)
        return self._agents[key]


def _local(name: str) -> str:
    """A name of people or services as the last part of an identifier: what PROV's forms do not take is written in hexadecimal."""
    return re.sub(r"[^A-Za-z0-9_.-]", lambda found: f"_{ord(found[0]):x}_", name)


__all__ = ["FORMATS", "as_text", "provenance"]

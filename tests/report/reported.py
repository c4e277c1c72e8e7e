"""A ledger with everything that a report speaks of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Event, Job, Need, ProgressMark, Result, Review
from gwfollow.ledger.store import Ledger

BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.391
gid: G190047
interferometers: [H1, L1]
repository: https://git.ligo.org/pe/GW150914
---
kind: analysis
name: psd
pipeline: psd
status: uploaded
---
kind: analysis
name: bilby-xphm
pipeline: bilby
needs: [psd]
comment: the one for the paper
status: uploaded
---
kind: analysis
name: bilby-nrsur
pipeline: bilby
needs: [psd]
status: ready
---
kind: analysis
name: pages
pipeline: pesummary
needs: [bilby-xphm, bilby-nrsur]
---
kind: event
name: GW151226
event time: 1135136350.6
interferometers: [H1, L1]
"""
#: what people may write into a blueprint, a reason, a comment or a review
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
SUMMARY: dict[str, Any] = {
    "format": "bilby HDF5",
    "runs": [
        {
            "label": "xphm",
            "samples": 456,
            "approximant": "IMRPhenomXPHM",
            "sampler": "dynesty",
            "evidence": {"ln_evidence": -4180.2, "ln_bayes_factor": 301.1},
            "parameters": {
                "chirp_mass": {"median": 30.92, "low": 29.7, "high": 32.2},
                "luminosity_distance": {"median": 486.1, "low": 319.4, "high": 620.9},
                "mass_ratio": {"median": 0.87, "low": 0.66, "high": 0.99},
            },
        }
    ],
}


def fill(ledger: Ledger) -> None:
    with ledger.change(who="alice@test", why="catalogue") as change:
        apply(change, read_text(BLUEPRINT, "two.yaml").blueprints)
    with ledger.change(who="alice@test") as change:
        session = change.session
        rows = {row.name: row for row in session.scalars(select(Analysis))}
        for name in ("psd", "bilby-xphm", "bilby-nrsur"):
            rows[name].attempt = 1
            session.add(Attempt(analysis=rows[name], number=1, folder=f"/run/{name}", state="collected"))
        session.flush()
        done = session.scalar(select(Attempt).where(Attempt.analysis_id == rows["bilby-xphm"].id))
        running = session.scalar(select(Attempt).where(Attempt.analysis_id == rows["bilby-nrsur"].id))
        assert done is not None
        assert running is not None
        session.add(
            Result(attempt_id=done.id, name="samples", filename="r.hdf5", sha256="ab" * 32, size=20_000_000, summary=SUMMARY)
        )
        session.add(Asset(attempt_id=done.id, name="pages", path="/run/bilby-xphm/home page.html", sha256="cd" * 32, size=9))
        session.add(Job(attempt_id=running.id, number=0, key="k", scheduler="htcondor", job_id="17.0", state="submitted"))
        session.add(Review(analysis_id=rows["bilby-xphm"].id, verdict="preferred", person="bob", message="converged"))
        change.set_status(rows["bilby-nrsur"], "running")
        session.add(ProgressMark(analysis_id=rows["bilby-nrsur"].id, attempt=1, fraction=0.42, line="dlogz 3.1"))
        project = Event(name="project", kind="project", gps=None, document={})
        session.add(project)
        session.flush()
        population = Analysis(event_id=project.id, name="population", pipeline="gwpopulation", status="wait", document={})
        session.add(population)
        session.flush()
        session.add(
            Need(analysis_id=population.id, position=0, condition="bilby", role="analyses", needed_id=rows["bilby-xphm"].id)
        )


def archive(ledger: Ledger, name: str) -> None:
    with ledger.change(who="alice@test") as change:
        change.event(name).active = False


def deface(ledger: Ledger) -> None:
    """People's words everywhere they can write them."""
    with ledger.change(who=HOSTILE, why=HOSTILE) as change:
        row = change.analysis("GW150914", "bilby-xphm")
        row.comment = row.reason = HOSTILE
        event = change.event("GW150914")
        event.document = {**event.document, "repository": "javascript:alert(1)"}
        event.alert = {"labels": [HOSTILE], "gracedb": "javascript:alert(1)"}
        change.session.add(Review(analysis_id=row.id, verdict="approved", person=HOSTILE, message=HOSTILE))
        for result in change.session.scalars(select(Result)):
            result.filename = HOSTILE
            run = {**SUMMARY["runs"][0], "label": HOSTILE, "parameters": {HOSTILE: {"median": 1.0, "low": 0.5, "high": 2.0}}}
            result.summary = {**SUMMARY, "runs": [run]}
        for need in change.session.scalars(select(Need)):
            need.condition = HOSTILE
        change.journal(HOSTILE, event="GW150914", analysis="bilby-xphm")

"""Superevents: groups of events that follow-up works on."""

from __future__ import annotations

import json
import string
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from gwfollow.sandbox.gracedb import query
from gwfollow.sandbox.gracedb.events import show_by_id as show_event
from gwfollow.sandbox.gracedb.listing import page
from gwfollow.sandbox.gracedb.store import Store, timestamp
from gwfollow.sandbox.gracedb.vocabulary import CATEGORIES, LABELS
from gwfollow.sandbox.gracedb.web import Problem, base, caller, find, number, store, text, texts, writer

router = APIRouter(prefix="/api/superevents")

#: category -> what stands before the S of the id and before the GW of a confirmed one
PREFIXES = {"Production": "", "Test": "T", "MDC": "M"}
NUMBERS = ("t_start", "t_0", "t_end", "time_coinc_far", "space_coinc_far")


def show(request: Request, name: str, document: dict[str, Any], gw_id: str | None, public: bool) -> dict[str, Any]:
    """The superevent as GraceDB shows it; somebody anonymous does not see its events."""
    link = f"{base(request)}superevents/{name}/"
    rest = ("events", "labels", "logs", "files", "voevents", "emobservations", "signoffs", "permissions")
    shown = {
        **document,
        "superevent_id": name,
        "gw_id": gw_id,
        "labels": store(request).labels(name),
        "links": {"self": link, **{part: f"{link}{part}/" for part in rest}},
    }
    if caller(request) is None:
        shown.pop("preferred_event")
        return shown
    members = [row["id"] for row in store(request).rows("SELECT id FROM objects WHERE parent = ? ORDER BY rowid", name)]
    preferred = show_event(request, document["preferred_event"])
    pipelines = store(request).rows("SELECT * FROM preferred WHERE superevent = ? ORDER BY rowid", name)
    return shown | {
        "far": preferred["far"],
        "gw_events": [member for member in members if not member.startswith("E")],
        "em_events": [member for member in members if member.startswith("E")],
        "preferred_event_data": preferred,
        "pipeline_preferred_events": {row["pipeline"]: show_event(request, row["graceid"]) for row in pipelines},
        "public": public,
    }


def _shown(request: Request, name: str) -> dict[str, Any]:
    row = store(request).object("superevent", name)
    assert row is not None
    return show(request, row["id"], json.loads(row["document"]), row["gw_id"], bool(row["public"]))


# ---- finding -----------------------------------------------------------------------------------------------------------
@router.get("/")
async def search(request: Request) -> JSONResponse:
    test = query.parse(request.query_params.get("query", ""), kind="superevent", labels=frozenset(LABELS))
    rows = store(request).rows("SELECT * FROM objects WHERE kind = 'superevent' ORDER BY rowid DESC")
    seen = [row for row in rows if row["public"] or caller(request)]
    shown = [show(request, r["id"], json.loads(r["document"]), r["gw_id"], bool(r["public"])) for r in seen]
    return JSONResponse(page(request, "superevents", [document for document in shown if test({"public": True, **document})]))


@router.get("/{graceid}/")
async def one(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    return JSONResponse(_shown(request, name))


# ---- making and changing -----------------------------------------------------------------------------------------------
@router.post("/")
async def create(request: Request) -> JSONResponse:
    submitter = writer(request)
    form = await request.form()
    category = CATEGORIES.get(text(form, "category", "P"))
    if category is None:
        raise Problem(400, f"category: must be one of {', '.join(CATEGORIES)}")
    document: dict[str, Any] = {
        "category": category,
        "created": timestamp(),
        "submitter": submitter,
        "em_type": None,
        "t_start": number(form, "t_start"),
        "t_0": number(form, "t_0"),
        "t_end": number(form, "t_end"),
        "far": None,
        "time_coinc_far": None,
        "space_coinc_far": None,
        "preferred_event": text(form, "preferred_event"),
    }
    labels = texts(form, "labels")
    if unknown := sorted(set(labels) - set(LABELS)):
        raise Problem(400, f"Label '{unknown[0]}' does not exist in the database")
    with store(request).transaction():
        name = _next_id(store(request), document["t_0"], PREFIXES[category])
        store(request).add_object("superevent", name, document)
        for graceid in [document["preferred_event"], *texts(form, "events")]:
            _add_member(store(request), name, graceid)
        for label in labels:
            store(request).add_label(name, label, submitter)
    return JSONResponse(_shown(request, name), 201)


@router.patch("/{graceid}/")
async def update(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, document = find(request, "superevent", graceid)
    form = await request.form()
    changes = _changes(form, document)
    if not changes:
        raise Problem(400, "Request would not modify the superevent")
    with store(request).transaction():
        preferred = changes.get("preferred_event")
        if preferred is not None and not _is_member(store(request), name, preferred):
            _add_member(store(request), name, preferred)
        store(request).set_document(name, document | changes)
    return JSONResponse(_shown(request, name))


def _changes(form: FormData, document: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {key: number(form, key) for key in NUMBERS if key in form}
    asked |= {key: text(form, key) for key in ("preferred_event", "em_type") if key in form}
    return {key: value for key, value in asked.items() if document[key] != value}


@router.post("/{graceid}/confirm-as-gw/")
async def confirm(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, document = find(request, "superevent", graceid)
    row = store(request).object("superevent", name)
    if row is not None and row["gw_id"]:
        raise Problem(400, "Superevent is already confirmed as a GW")
    prefix = PREFIXES[document["category"]]
    gw_id = text(await request.form(), "gw_id") or f"{prefix}GW{name.removeprefix(prefix)[1:]}"
    store(request).run("UPDATE objects SET gw_id = ? WHERE id = ?", gw_id, name)
    return JSONResponse(_shown(request, name))


# ---- its events --------------------------------------------------------------------------------------------------------
def _is_member(events: Store, name: str, graceid: str) -> bool:
    return events.row("SELECT 1 FROM objects WHERE id = ? AND parent = ?", graceid, name) is not None


def _add_member(events: Store, name: str, graceid: str) -> None:
    row = events.object("event", graceid)
    if row is None:
        raise Problem(400, f"Event {graceid} does not exist")
    if row["parent"]:
        raise Problem(400, f"Event {graceid} is already assigned to superevent {row['parent']}")
    events.run("UPDATE objects SET parent = ? WHERE id = ?", name, graceid)


@router.get("/{graceid}/events/")
async def list_events(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    rows = store(request).rows("SELECT id FROM objects WHERE parent = ? ORDER BY rowid", name)
    return JSONResponse({"events": [show_event(request, row["id"]) for row in rows]})


@router.post("/{graceid}/events/")
async def add_event(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    event = text(await request.form(), "event")
    with store(request).transaction():
        _add_member(store(request), name, event)
    return JSONResponse(show_event(request, event), 201)


@router.delete("/{graceid}/events/{event}/")
async def remove_event(request: Request, graceid: str, event: str) -> Response:
    writer(request)
    name, document = find(request, "superevent", graceid)
    if not _is_member(store(request), name, event):
        raise Problem(404, "Event not found", detail=True)
    if document["preferred_event"] == event:
        raise Problem(400, "Event can't be removed from its superevent because it is the preferred event")
    with store(request).transaction():
        store(request).run("UPDATE objects SET parent = NULL WHERE id = ?", event)
        store(request).run("DELETE FROM preferred WHERE superevent = ? AND graceid = ?", name, event)
    return Response(status_code=204)


@router.post("/{graceid}/pipeline-preferred-events/")
async def add_pipeline_preferred(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    event = text(await request.form(), "event")
    if not _is_member(store(request), name, event):
        raise Problem(400, f"Event {event} is not part of superevent {name}")
    shown = show_event(request, event)
    store(request).run("INSERT OR REPLACE INTO preferred VALUES (?, ?, ?)", name, shown["pipeline"], event)
    return JSONResponse(shown, 201)


@router.delete("/{graceid}/pipeline-preferred-events/{event}/")
async def remove_pipeline_preferred(request: Request, graceid: str, event: str) -> Response:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    if not store(request).run("DELETE FROM preferred WHERE superevent = ? AND graceid = ?", name, event):
        raise Problem(404, "Event not found", detail=True)
    return Response(status_code=204)


# ---- who sees it -------------------------------------------------------------------------------------------------------
@router.get("/{graceid}/permissions/")
async def permissions(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    return JSONResponse(_permissions(request, name))


@router.post("/{graceid}/permissions/modify/")
async def modify_permissions(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    action = text(await request.form(), "action")
    if action not in ("expose", "hide"):
        raise Problem(400, "action: must be expose or hide")
    store(request).run("UPDATE objects SET public = ? WHERE id = ?", int(action == "expose"), name)
    return JSONResponse(_permissions(request, name))


def _permissions(request: Request, name: str) -> list[dict[str, str]]:
    row = store(request).object("superevent", name)
    if row is None or not row["public"]:
        return []
    groups = (("public_users", "view_superevent"), ("em_observers", "annotate_superevent"), ("em_observers", "view_superevent"))
    return [{"group": group, "permission": permission} for group, permission in groups]


# ---- ids ---------------------------------------------------------------------------------------------------------------
def _next_id(superevents: Store, gps: float, prefix: str) -> str:
    """``S`` + UTC date + a letter (a to z, aa, ab, ...), the first that is free."""
    stem = f"{prefix}S{_utc(gps):%y%m%d}"
    taken = {row["id"] for row in superevents.rows("SELECT id FROM objects WHERE id LIKE ?", stem + "%")}
    n = 0
    while stem + _letters(n) in taken:
        n += 1
    return stem + _letters(n)


def _letters(n: int) -> str:
    letters = ""
    n += 1
    while n:
        n, rest = divmod(n - 1, 26)
        letters = string.ascii_lowercase[rest] + letters
    return letters


def _utc(gps: float) -> datetime:
    from astropy.time import Time

    utc: datetime = Time(gps, format="gps").utc.to_datetime()
    return utc

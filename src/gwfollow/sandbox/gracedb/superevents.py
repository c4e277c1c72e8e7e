"""Superevents: groups of events that follow-up works on."""

from __future__ import annotations

import string
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from gwfollow.errors import InputError
from gwfollow.sandbox.gracedb import query, shown
from gwfollow.sandbox.gracedb.alerts import change
from gwfollow.sandbox.gracedb.listing import page
from gwfollow.sandbox.gracedb.logs import label_entry
from gwfollow.sandbox.gracedb.store import Store, timestamp
from gwfollow.sandbox.gracedb.vocabulary import CATEGORIES, LABELS, PROTECTED_LABELS
from gwfollow.sandbox.gracedb.web import Problem, caller, find, number, store, text, texts, writer
from gwfollow.times import gps_to_utc

router = APIRouter(prefix="/api/superevents")

#: category -> what stands before the S of the id and before the GW of a confirmed one
PREFIXES = {"Production": "", "Test": "T", "MDC": "M"}
NUMBERS = ("t_start", "t_0", "t_end", "time_coinc_far", "space_coinc_far")


# ---- finding -----------------------------------------------------------------------------------------------------------
@router.get("/")
async def search(request: Request) -> JSONResponse:
    test = query.parse(request.query_params.get("query", ""), kind="superevent", labels=frozenset(LABELS))
    rows = store(request).rows("SELECT * FROM objects WHERE kind = 'superevent' ORDER BY rowid DESC")
    found = [shown.superevent_row(request, row) for row in rows if row["public"] or caller(request)]
    return JSONResponse(page(request, "superevents", [document for document in found if test({"public": True, **document})]))


@router.get("/{graceid}/")
async def one(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    return JSONResponse(shown.superevent(request, name))


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
    labels, events = _labels(form), texts(form, "events")
    with change(request) as tell:
        name = _next_id(store(request), document["t_0"], PREFIXES[category])
        store(request).add_object("superevent", name, document)
        for graceid in [document["preferred_event"], *events]:
            _add_member(store(request), name, graceid)
        tell("superevent", name, "new")
        tell("event", document["preferred_event"], "selected_as_preferred")
        for graceid in events:
            tell("event", graceid, "added_to_superevent")
        for label in labels:
            store(request).add_label(name, label, submitter)
            tell("superevent", name, "label_added", label_entry(request, "superevent", name, label))
    return JSONResponse(shown.superevent(request, name), 201)


def _labels(form: FormData) -> list[str]:
    labels = texts(form, "labels")
    if unknown := sorted(set(labels) - set(LABELS)):
        raise Problem(400, f"Label '{unknown[0]}' does not exist in the database")
    if protected := sorted(set(labels) & PROTECTED_LABELS):
        raise Problem(400, f"Labels managed by an automated process cannot be added: {', '.join(protected)}")
    return labels


@router.patch("/{graceid}/")
async def update(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, document = find(request, "superevent", graceid)
    form = await request.form()
    changes = _changes(form, document)
    if not changes:
        raise Problem(400, "Request would not modify the superevent")
    with change(request) as tell:
        preferred = changes.get("preferred_event")
        if preferred is not None and not _is_member(store(request), name, preferred):
            _add_member(store(request), name, preferred)
        store(request).set_document(name, document | changes)
        if preferred is not None:
            tell("event", document["preferred_event"], "removed_as_preferred")
            tell("event", preferred, "selected_as_preferred")
        tell("superevent", name, "update")
    return JSONResponse(shown.superevent(request, name))


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
    with change(request) as tell:
        store(request).run("UPDATE objects SET gw_id = ? WHERE id = ?", gw_id, name)
        tell("superevent", name, "confirmed_as_gw")
    return JSONResponse(shown.superevent(request, name))


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
    rows = store(request).rows("SELECT * FROM objects WHERE parent = ? ORDER BY rowid", name)
    return JSONResponse({"events": [shown.event_row(request, row) for row in rows]})


@router.post("/{graceid}/events/")
async def add_event(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    event = text(await request.form(), "event")
    with change(request) as tell:
        _add_member(store(request), name, event)
        tell("superevent", name, "event_added")
        tell("event", event, "added_to_superevent")
    return JSONResponse(shown.event(request, event), 201)


@router.delete("/{graceid}/events/{event}/")
async def remove_event(request: Request, graceid: str, event: str) -> Response:
    writer(request)
    name, document = find(request, "superevent", graceid)
    if not _is_member(store(request), name, event):
        raise Problem(404, "Event not found", detail=True)
    if document["preferred_event"] == event:
        raise Problem(400, "Event can't be removed from its superevent because it is the preferred event")
    with change(request) as tell:
        store(request).run("UPDATE objects SET parent = NULL WHERE id = ?", event)
        store(request).run("DELETE FROM preferred WHERE superevent = ? AND graceid = ?", name, event)
        tell("superevent", name, "event_removed")
        tell("event", event, "removed_from_superevent")
    return Response(status_code=204)


@router.post("/{graceid}/pipeline-preferred-events/")
async def add_pipeline_preferred(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    event = text(await request.form(), "event")
    if not _is_member(store(request), name, event):
        raise Problem(400, f"Event {event} is not part of superevent {name}")
    document = shown.event(request, event)
    _update(request, name, "INSERT OR REPLACE INTO preferred VALUES (?, ?, ?)", name, document["pipeline"], event)
    return JSONResponse(document, 201)


@router.delete("/{graceid}/pipeline-preferred-events/{event}/")
async def remove_pipeline_preferred(request: Request, graceid: str, event: str) -> Response:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    _update(request, name, "DELETE FROM preferred WHERE superevent = ? AND graceid = ?", name, event)
    return Response(status_code=204)


def _update(request: Request, name: str, statement: str, *values: Any) -> None:
    with change(request) as tell:
        if not store(request).run(statement, *values):
            raise Problem(404, "Event not found", detail=True)
        tell("superevent", name, "update")


# ---- who sees it -------------------------------------------------------------------------------------------------------
@router.get("/{graceid}/permissions/")
async def permissions(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    return JSONResponse(shown.permissions(request, name))


@router.post("/{graceid}/permissions/modify/")
async def modify_permissions(request: Request, graceid: str) -> JSONResponse:
    writer(request)
    name, _ = find(request, "superevent", graceid)
    action = text(await request.form(), "action")
    if action not in ("expose", "hide"):
        raise Problem(400, "action: must be expose or hide")
    with change(request) as tell:
        store(request).run("UPDATE objects SET public = ? WHERE id = ?", int(action == "expose"), name)
        tell("superevent", name, "exposed" if action == "expose" else "hidden", shown.permissions(request, name))
    return JSONResponse(shown.permissions(request, name))


# ---- ids ---------------------------------------------------------------------------------------------------------------
def _next_id(superevents: Store, gps: float, prefix: str) -> str:
    """``S`` + UTC date + a letter (a to z, aa, ab, ...), the first that is free."""
    try:
        stem = f"{prefix}S{gps_to_utc(gps):%y%m%d}"
    except InputError as error:
        raise Problem(400, f"t_0: {error}") from None
    taken = {row["id"] for row in superevents.rows("SELECT id FROM objects WHERE id LIKE ?", stem + "%")}
    n = 0
    while stem + letters(n) in taken:
        n += 1
    return stem + letters(n)


def letters(n: int) -> str:
    """a, b, ... z, aa, ab, ... for 0, 1, ..."""
    found = ""
    n += 1
    while n:
        n, rest = divmod(n - 1, 26)
        found = string.ascii_lowercase[rest] + found
    return found

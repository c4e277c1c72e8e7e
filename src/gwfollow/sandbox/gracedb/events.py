"""Events: what search pipelines upload."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from gwfollow.sandbox.gracedb import eventfiles, query, shown
from gwfollow.sandbox.gracedb.alerts import change
from gwfollow.sandbox.gracedb.listing import page
from gwfollow.sandbox.gracedb.store import Store, timestamp
from gwfollow.sandbox.gracedb.vocabulary import GROUPS, LABELS, PIPELINES, SEARCHES
from gwfollow.sandbox.gracedb.web import Problem, caller, find, store, text, texts, upload, writer
from gwfollow.times import utc_to_gps

router = APIRouter(prefix="/api/events")

#: which replay of old data an event is from
_REPLAY_ID = re.compile(r"[A-Za-z0-9._-]{1,30}")


@router.get("/")
async def search(request: Request) -> JSONResponse:
    if caller(request) is None:
        raise Problem(403, "Authentication credentials were not provided.", detail=True)
    test = query.parse(request.query_params.get("query", ""), kind="event", labels=frozenset(LABELS))
    rows = store(request).rows("SELECT * FROM objects WHERE kind = 'event' ORDER BY rowid DESC")
    found = [shown.event_row(request, row) for row in rows]
    return JSONResponse(page(request, "events", [document for document in found if test(document)]))


@router.post("/")
async def create(request: Request) -> JSONResponse:
    submitter = writer(request)
    form = await request.form()
    file = await upload(form, "eventFile")
    if file is None:
        raise Problem(400, "eventFile: this field is required")
    document, warnings = _document(form, submitter), []
    if (replay := text(form, "replay_id")) and not _REPLAY_ID.fullmatch(replay):
        warnings.append(f"malformed replay_id {replay[:40]!r} was left out")
        document["replay_id"] = None
    instruments = document["instruments"]
    document |= _read(document, file[1])
    if instruments:
        document["instruments"] = instruments
    labels = _labels(form)
    with change(request) as tell:
        graceid = _next_id(store(request), document)
        store(request).add_object("event", graceid, document)
        store(request).add_log(graceid, "Original Data", submitter, {}, file)
        for label in labels:
            store(request).add_label(graceid, label, submitter)
        tell("event", graceid, "new")
    made = shown.event(request, graceid) | {"warnings": warnings}
    return JSONResponse(made, 201, headers={"Location": made["links"]["self"]})


@router.get("/{graceid}")
async def one(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "event", graceid)
    return JSONResponse(shown.event(request, name))


@router.put("/{graceid}")
async def replace(request: Request, graceid: str) -> JSONResponse:
    submitter = writer(request)
    name, document = find(request, "event", graceid)
    file = await upload(await request.form(), "eventFile")
    if file is None:
        raise Problem(400, "eventFile: this field is required")
    document |= _read(document, file[1])
    with change(request) as tell:
        store(request).set_document(name, document)
        store(request).add_log(name, "Replaced data", submitter, {}, file)
        tell("event", name, "update")
    return JSONResponse({"warnings": []}, 202)


# ---- an id first, the data later (as pipelines do that send them over Kafka) ------------------------------------------
@router.post("/reserve/")
async def reserve(request: Request) -> JSONResponse:
    submitter = writer(request)
    form = await request.form()
    document = _document(form, submitter)
    if document["replay_id"] and not _REPLAY_ID.fullmatch(document["replay_id"]):
        raise Problem(400, "replay_id: 1 to 30 letters, digits and ._-")
    with store(request).transaction():
        graceid = _next_id(store(request), document)
        store(request).add_object("event", graceid, document)
    return JSONResponse(shown.event(request, graceid), 201)


@router.post("/{graceid}/upload/")
async def upload_reserved(request: Request, graceid: str) -> JSONResponse:
    submitter = writer(request)
    name, document = find(request, "event", graceid)
    form = await request.form()
    file = await upload(form, "eventFile")
    if file is None:
        raise Problem(400, "eventFile: this field is required")
    if store(request).rows("SELECT 1 FROM logs WHERE object = ?", name):
        raise Problem(400, f"Event {name} has its data already")
    document |= _read(document, file[1])
    labels = _labels(form)
    with change(request) as tell:
        store(request).set_document(name, document)
        store(request).add_log(name, "Original Data", submitter, {}, file)
        for label in labels:
            store(request).add_label(name, label, submitter)
        tell("event", name, "new")
    return JSONResponse(shown.event(request, name) | {"warnings": []}, 201)


# ---- what is in an event -----------------------------------------------------------------------------------------------
def _document(form: FormData, submitter: str) -> dict[str, Any]:
    group, pipeline, search_name = text(form, "group"), text(form, "pipeline"), text(form, "search")
    for field, value, allowed in (("group", group, GROUPS), ("pipeline", pipeline, PIPELINES), ("search", search_name, SEARCHES)):
        if value not in allowed and not (field == "search" and not value):
            raise Problem(400, f"{field}: {value!r} is not one of {', '.join(allowed)}")
    return {
        "submitter": submitter,
        "created": timestamp(),
        "group": group,
        "pipeline": pipeline,
        "search": search_name or None,
        "offline": text(form, "offline") == "True",
        "gpstime": None,
        "far": None,
        "far_is_upper_limit": False,
        "instruments": text(form, "instruments"),
        "nevents": None,
        "likelihood": None,
        "reporting_latency": None,
        "replay_id": text(form, "replay_id") or None,
        "extra_attributes": {},
    }


def _read(document: dict[str, Any], contents: bytes) -> dict[str, Any]:
    """What the file says, and how long after the event (s) it came."""
    try:
        found = eventfiles.read(document["pipeline"], contents)
    except ValueError as error:
        raise Problem(400, f"eventFile: {error}") from None
    if found.get("gpstime") is not None:
        found["reporting_latency"] = round(utc_to_gps(datetime.now(UTC)) - found["gpstime"], 6)
    return found


def _labels(form: FormData) -> list[str]:
    labels = texts(form, "labels")
    if unknown := sorted(set(labels) - set(LABELS)):
        raise Problem(400, f"Label '{unknown[0]}' does not exist in the database")
    return labels


def _next_id(events: Store, document: dict[str, Any]) -> str:
    """A letter for the kind of event, and a number."""
    letter = "G"
    if document["group"] == "Test":
        letter = "T"
    elif document["search"] == "MDC":
        letter = "M"
    elif document["group"] == "External":
        letter = "E"
    elif document["pipeline"] == "HardwareInjection":
        letter = "H"
    count = events.rows("SELECT COUNT(*) AS n FROM objects WHERE kind = 'event'")[0]["n"]
    return f"{letter}{count + 1:06d}"

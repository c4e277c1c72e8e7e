"""Events: what search pipelines upload."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from gwfollow.sandbox.gracedb import eventfiles, query
from gwfollow.sandbox.gracedb.listing import page
from gwfollow.sandbox.gracedb.store import Store, timestamp
from gwfollow.sandbox.gracedb.vocabulary import GROUPS, LABELS, PIPELINES, SEARCHES
from gwfollow.sandbox.gracedb.web import Problem, base, caller, find, store, text, texts, upload, writer

router = APIRouter(prefix="/api/events")


def show(request: Request, graceid: str, document: dict[str, Any], parent: str | None) -> dict[str, Any]:
    """The event as GraceDB shows it."""
    link = f"{base(request)}events/{graceid}"
    return {
        **document,
        "graceid": graceid,
        "labels": store(request).labels(graceid),
        "superevent": parent,
        "links": {
            "self": link,
            "log": f"{link}/log/",
            "files": f"{link}/files/",
            "labels": f"{link}/labels/",
            "filemeta": f"{link}/filemeta/",
        },
    }


def show_by_id(request: Request, graceid: str) -> dict[str, Any]:
    row = store(request).object("event", graceid)
    assert row is not None
    return show(request, row["id"], json.loads(row["document"]), row["parent"])


@router.get("/")
async def search(request: Request) -> JSONResponse:
    if caller(request) is None:
        raise Problem(403, "Authentication credentials were not provided.", detail=True)
    test = query.parse(request.query_params.get("query", ""), kind="event", labels=frozenset(LABELS))
    rows = store(request).rows("SELECT * FROM objects WHERE kind = 'event' ORDER BY rowid DESC")
    shown = [show(request, row["id"], json.loads(row["document"]), row["parent"]) for row in rows]
    return JSONResponse(page(request, "events", [document for document in shown if test(document)]))


@router.post("/")
async def create(request: Request) -> JSONResponse:
    submitter = writer(request)
    form = await request.form()
    file = await upload(form, "eventFile")
    if file is None:
        raise Problem(400, "eventFile: this field is required")
    document = _document(form, submitter, file[1])
    labels = texts(form, "labels")
    if unknown := sorted(set(labels) - set(LABELS)):
        raise Problem(400, f"Label '{unknown[0]}' does not exist in the database")
    with store(request).transaction():
        graceid = _next_id(store(request), document["group"])
        store(request).add_object("event", graceid, document)
        store(request).add_log(graceid, "Original Data", submitter, {}, file)
        for label in labels:
            store(request).add_label(graceid, label, submitter)
    shown = show_by_id(request, graceid) | {"warnings": []}
    return JSONResponse(shown, 201, headers={"Location": shown["links"]["self"]})


@router.get("/{graceid}")
async def one(request: Request, graceid: str) -> JSONResponse:
    find(request, "event", graceid)
    return JSONResponse(show_by_id(request, graceid))


@router.put("/{graceid}")
async def replace(request: Request, graceid: str) -> JSONResponse:
    submitter = writer(request)
    name, document = find(request, "event", graceid)
    file = await upload(await request.form(), "eventFile")
    if file is None:
        raise Problem(400, "eventFile: this field is required")
    document |= _read(document["pipeline"], file[1])
    with store(request).transaction():
        store(request).set_document(name, document)
        store(request).add_log(name, "Replaced data", submitter, {}, file)
    return JSONResponse({"warnings": []}, 202)


def _document(form: FormData, submitter: str, contents: bytes) -> dict[str, Any]:
    group, pipeline, search_name = text(form, "group"), text(form, "pipeline"), text(form, "search")
    for field, value, allowed in (("group", group, GROUPS), ("pipeline", pipeline, PIPELINES), ("search", search_name, SEARCHES)):
        if value not in allowed and not (field == "search" and not value):
            raise Problem(400, f"{field}: {value!r} is not one of {', '.join(allowed)}")
    document: dict[str, Any] = {
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
        "extra_attributes": {},
    }
    read = _read(pipeline, contents)
    if document["instruments"]:
        read.pop("instruments", None)
    return document | read


def _read(pipeline: str, contents: bytes) -> dict[str, Any]:
    try:
        return eventfiles.read(pipeline, contents)
    except ValueError as error:
        raise Problem(400, f"eventFile: {error}") from None


def _next_id(events: Store, group: str) -> str:
    letter = {"Test": "T", "External": "E"}.get(group, "G")
    count = events.rows("SELECT COUNT(*) AS n FROM objects WHERE kind = 'event'")[0]["n"]
    return f"{letter}{count + 1:06d}"

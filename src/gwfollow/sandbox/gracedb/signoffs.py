"""Sign-offs: what an advocate or an operator says of a superevent."""

from __future__ import annotations

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from gwfollow.sandbox.gracedb.alerts import Tell, change
from gwfollow.sandbox.gracedb.logs import label_entry
from gwfollow.sandbox.gracedb.vocabulary import SIGNOFF_STATUSES, SIGNOFF_TYPES
from gwfollow.sandbox.gracedb.web import Problem, base, find, store, text, writer

router = APIRouter(prefix="/api/superevents/{graceid}/signoffs")


def _show(request: Request, row: sqlite3.Row) -> dict[str, Any]:
    shown = {key: row[key] for key in ("instrument", "status", "comment", "submitter")}
    link = f"{base(request)}superevents/{row['object']}/signoffs/{row['type']}{row['instrument']}/"
    return shown | {"self": link, "signoff_type": row["type"]}


def _get(request: Request, name: str, typeinst: str) -> sqlite3.Row:
    row = store(request).row("SELECT * FROM signoffs WHERE object = ? AND type || instrument = ?", name, typeinst)
    if row is None:
        raise Problem(404, "Signoff not found", detail=True)
    return row


def _check_status(status: str) -> str:
    if status not in SIGNOFF_STATUSES:
        raise Problem(400, f"status: must be one of {', '.join(SIGNOFF_STATUSES)}")
    return status


def _label(kind: str, instrument: str, status: str) -> str:
    return f"{instrument if kind == 'OP' else 'ADV'}{status}"


@router.get("/")
async def every(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    rows = store(request).rows("SELECT * FROM signoffs WHERE object = ? ORDER BY rowid", name)
    return JSONResponse({"signoffs": [_show(request, row) for row in rows]})


@router.get("/{typeinst}/")
async def one(request: Request, graceid: str, typeinst: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    return JSONResponse(_show(request, _get(request, name, typeinst)))


@router.post("/")
async def create(request: Request, graceid: str) -> JSONResponse:
    person = writer(request)
    name, _ = find(request, "superevent", graceid)
    form = await request.form()
    kind, instrument = text(form, "signoff_type"), text(form, "instrument")
    if kind not in SIGNOFF_TYPES:
        raise Problem(400, f"signoff_type: must be one of {', '.join(SIGNOFF_TYPES)}")
    status = _check_status(text(form, "status"))
    asked = _request_label(kind, instrument)
    if asked not in store(request).labels(name):
        raise Problem(400, f"The superevent needs the label {asked} for this signoff")
    with change(request) as tell:
        values = (name, kind, instrument, status, text(form, "comment"), person)
        if not store(request).run("INSERT OR IGNORE INTO signoffs VALUES (?, ?, ?, ?, ?, ?)", *values):
            raise Problem(400, "This signoff exists already")
        store(request).remove_label(name, asked)
        _add_label(request, tell, name, _label(kind, instrument, status), person)
        made = _show(request, _get(request, name, kind + instrument))
        tell("superevent", name, "signoff_created", made)
    return JSONResponse(made, 201)


@router.patch("/{typeinst}/")
async def update(request: Request, graceid: str, typeinst: str) -> JSONResponse:
    person = writer(request)
    name, _ = find(request, "superevent", graceid)
    row = _get(request, name, typeinst)
    form = await request.form()
    status, comment = _check_status(text(form, "status", row["status"])), text(form, "comment", row["comment"])
    if (status, comment) == (row["status"], row["comment"]):
        raise Problem(400, "Request would not modify the signoff.")
    with change(request) as tell:
        store(request).run(
            "UPDATE signoffs SET status = ?, comment = ? WHERE object = ? AND type || instrument = ?",
            *(status, comment, name, typeinst),
        )
        if status != row["status"]:
            _remove_label(request, tell, name, _label(row["type"], row["instrument"], row["status"]))
            _add_label(request, tell, name, _label(row["type"], row["instrument"], status), person)
        made = _show(request, _get(request, name, typeinst))
        tell("superevent", name, "signoff_updated", made)
    return JSONResponse(made)


@router.delete("/{typeinst}/")
async def delete(request: Request, graceid: str, typeinst: str) -> Response:
    person = writer(request)
    name, _ = find(request, "superevent", graceid)
    row = _get(request, name, typeinst)
    with change(request) as tell:
        store(request).run("DELETE FROM signoffs WHERE object = ? AND type || instrument = ?", name, typeinst)
        _remove_label(request, tell, name, _label(row["type"], row["instrument"], row["status"]))
        _add_label(request, tell, name, _request_label(row["type"], row["instrument"]), person)
        tell("superevent", name, "signoff_deleted", _show(request, row))
    return Response(status_code=204)


def _request_label(kind: str, instrument: str) -> str:
    return "ADVREQ" if kind == "ADV" else f"{instrument}OPS"


def _add_label(request: Request, tell: Tell, name: str, label: str, person: str) -> None:
    if store(request).add_label(name, label, person):
        tell("superevent", name, "label_added", label_entry(request, "superevent", name, label))


def _remove_label(request: Request, tell: Tell, name: str, label: str) -> None:
    if label in store(request).labels(name):
        entry = label_entry(request, "superevent", name, label)
        store(request).remove_label(name, label)
        tell("superevent", name, "label_removed", entry)

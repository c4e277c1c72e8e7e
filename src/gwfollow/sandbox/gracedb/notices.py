"""Notices: the JSON documents that go to the public, kept with their superevent (API v2)."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gwfollow.sandbox.gracedb.store import timestamp
from gwfollow.sandbox.gracedb.vocabulary import NOTICE_TYPES
from gwfollow.sandbox.gracedb.web import Problem, base, find, store, upload, writer

router = APIRouter(prefix="/api/superevents/{graceid}/notices")

#: field of the record -> where the notice has it
PROBABILITIES = {
    "prob_has_ns": ("properties", "HasNS"),
    "prob_has_remnant": ("properties", "HasRemnant"),
    "prob_has_mass_gap": ("properties", "HasMassGap"),
    "prob_bns": ("classification", "BNS"),
    "prob_nsbh": ("classification", "NSBH"),
    "prob_bbh": ("classification", "BBH"),
    "prob_terrestrial": ("classification", "Terrestrial"),
}


@router.get("/")
async def every(request: Request, graceid: str) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    found = store(request).records("notice", name)
    return JSONResponse({"numRows": len(found), "notices": found})


@router.get("/{n}/")
async def one(request: Request, graceid: str, n: int) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    for found in store(request).records("notice", name):
        if found["N"] == n:
            return JSONResponse(found)
    raise Problem(404, "Notice not found", detail=True)


@router.post("/")
async def create(request: Request, graceid: str) -> JSONResponse:
    issuer = writer(request)
    name, _ = find(request, "superevent", graceid)
    file = await upload(await request.form(), "upload")
    if file is None:
        raise Problem(400, "upload: this field is required")
    notice = _notice(file[1], name)
    with store(request).transaction():
        number = store(request).next_number(name, "notice")
        filename = f"{name}-{number}-{notice['alert_type'].lower()}.json"
        n = store(request).add_log(name, "New notice", issuer, {"em_follow": ""}, (filename, file[1]))
        row = store(request).row("SELECT version FROM logs WHERE object = ? AND n = ?", name, n)
        assert row is not None
        link = f"{base(request)}superevents/{name}/"
        event = notice.get("event") or {}
        record = {
            "N": number,
            "notice_type": NOTICE_TYPES[notice["alert_type"]],
            "filename": filename,
            "file_version": row["version"],
            "created": timestamp(),
            "issuer": issuer,
            **{field: (event.get(part) or {}).get(key) for field, (part, key) in PROBABILITIES.items()},
            "links": {"self": f"{link}notices/{number}/", "file": f"{link}files/{filename},{row['version']}"},
        }
        store(request).add_record(name, "notice", record)
    return JSONResponse(record, 201)


def _notice(contents: bytes, name: str) -> dict[str, Any]:
    """The document, when it is a notice about this superevent."""
    try:
        notice = json.loads(contents)
    except ValueError as error:
        raise Problem(400, f"upload: not JSON ({error})") from None
    if not isinstance(notice, dict) or notice.get("alert_type") not in NOTICE_TYPES:
        raise Problem(400, f"alert_type: must be one of {', '.join(NOTICE_TYPES)}")
    if notice.get("superevent_id") != name:
        raise Problem(400, f"superevent_id: {notice.get('superevent_id')!r} is not {name}")
    if missing := sorted({"time_created", "urls", "event"} - set(notice)):
        raise Problem(400, f"{missing[0]}: this field is required")
    if not isinstance(notice["event"], dict | None):
        raise Problem(400, "event: must be an object or null")
    return notice

"""Catalogues (GWTC): which superevents a published catalogue has, numbered in versions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gwfollow.sandbox.gracedb.store import timestamp
from gwfollow.sandbox.gracedb.web import FILE_NAME, Problem, base, body, store, writer

router = APIRouter(prefix="/api/gwtc")


def _results(found: list[dict[str, Any]]) -> JSONResponse:
    return JSONResponse({"count": len(found), "next": None, "previous": None, "results": found})


@router.get("/")
async def every(request: Request) -> JSONResponse:
    return _results(store(request).records("gwtc"))


@router.get("/{number}/")
async def versions(request: Request, number: str) -> JSONResponse:
    return _results(store(request).records("gwtc", number))


@router.get("/{number}/{version}/")
async def one(request: Request, number: str, version: str) -> JSONResponse:
    found = store(request).records("gwtc", number)
    wanted = [catalogue for catalogue in found if str(catalogue["version"]) == version]
    if version == "latest":
        wanted = found[-1:]
    if not wanted:
        raise Problem(404, "No such version of this catalogue", detail=True)
    return JSONResponse(wanted[0])


@router.post("/")
async def create(request: Request) -> JSONResponse:
    submitter = writer(request)
    asked = await body(request)
    number, smap = asked.get("number"), asked.get("smap")
    if not isinstance(number, str) or not FILE_NAME.fullmatch(number):
        raise Problem(400, "number: must be a slug, for example 4 or 4a")
    if not isinstance(smap, dict) or not all(isinstance(entry, dict) for entry in smap.values()):
        raise Problem(400, "smap: must be an object with an object for each superevent")
    for name, entry in smap.items():
        wanted = [("superevent", name), *(("event", graceid) for graceid in (entry.get("pipelines") or {}).values())]
        for kind, graceid in wanted:
            if store(request).object(kind, str(graceid)) is None:
                raise Problem(400, f"smap: there is no {kind} {graceid}")
    with store(request).transaction():
        version = store(request).next_number(number, "gwtc")
        record = {
            "N": version,
            "number": number,
            "version": version,
            "created": timestamp(),
            "submitter": submitter,
            "comment": asked.get("comment"),
            "smap": smap,
            "links": {"self": f"{base(request)}gwtc/{number}/{version}/"},
        }
        store(request).add_record(number, "gwtc", record)
    return JSONResponse(record, 201)

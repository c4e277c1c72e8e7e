"""The root document, from which clients learn every other address; who one is; and what the real server has given up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from gwfollow.sandbox.gracedb import vocabulary as words
from gwfollow.sandbox.gracedb.web import Problem, base, caller, find

router = APIRouter(prefix="/api")

#: template -> address after /api/
EVENT_TEMPLATES = {
    "event-detail-template": "events/{graceid}",
    "event-log-template": "events/{graceid}/log/",
    "event-log-detail-template": "events/{graceid}/log/{N}",
    "event-label-template": "events/{graceid}/labels/{label}",
    "files-template": "events/{graceid}/files/{filename}",
    "taglist-template": "events/{graceid}/log/{N}/tag/",
    "tag-template": "events/{graceid}/log/{N}/tag/{tag_name}",
    "voevent-list-template": "events/{graceid}/voevent/",
    "voevent-detail-template": "events/{graceid}/voevent/{N}",
    "emobservation-list-template": "events/{graceid}/emobservation/",
    "emobservation-detail-template": "events/{graceid}/emobservation/{N}",
    "update-grbevent-template": "events/{graceid}/update/grbevent/",
}
#: X of superevent-X-template -> address after the superevent's
SUPEREVENT_TEMPLATES = {
    "detail": "",
    "event-list": "events/",
    "event-detail": "events/{graceid}/",
    "pipeline-preferred-event-list": "pipeline-preferred-events/",
    "pipeline-preferred-event-detail": "pipeline-preferred-events/{graceid}/",
    "label-list": "labels/",
    "label-detail": "labels/{label_name}/",
    "log-list": "logs/",
    "log-detail": "logs/{N}/",
    "log-tag-list": "logs/{N}/tags/",
    "log-tag-detail": "logs/{N}/tags/{tag_name}/",
    "file-list": "files/",
    "file-detail": "files/{file_name}",
    "voevent-list": "voevents/",
    "voevent-detail": "voevents/{N}/",
    "emobservation-list": "emobservations/",
    "emobservation-detail": "emobservations/{N}/",
    "confirm-as-gw": "confirm-as-gw/",
    "signoff-list": "signoffs/",
    "signoff-detail": "signoffs/{typeinst}/",
    "permission-list": "permissions/",
    "permission-modify": "permissions/modify/",
}


@router.get("/")
async def root(request: Request) -> JSONResponse:
    here = base(request)
    templates = {name: here + path for name, path in EVENT_TEMPLATES.items()}
    for name, path in SUPEREVENT_TEMPLATES.items():
        templates[f"superevent-{name}-template"] = f"{here}superevents/{{superevent_id}}/{path}"
    return JSONResponse(
        {
            "links": {
                "self": here,
                "events": f"{here}events/",
                "superevents": f"{here}superevents/",
                "user-info": f"{here}user-info",
            },
            "templates": templates,
            "groups": words.GROUPS,
            "pipelines": words.PIPELINES,
            "searches": words.SEARCHES,
            "labels": words.LABELS,
            "voevent-types": words.VOEVENT_TYPES,
            "superevent-categories": words.CATEGORIES,
            "signoff-types": words.SIGNOFF_TYPES,
            "signoff-statuses": words.SIGNOFF_STATUSES,
            "instruments": words.INSTRUMENTS,
            "api-versions": ["default", "v1"],
            "api-default": "v1",
            "API_VERSIONS": ["default", "v1"],
            "server-version": words.SERVER_VERSION,
        }
    )


@router.get("/user-info")
async def user_info(request: Request) -> JSONResponse:
    name = caller(request)
    return JSONResponse({"username": name, "is_internal_user": name is not None} if name else {})


# ---- what server 2.36 has given up -------------------------------------------------------------------------------------
async def gone(_: Request) -> Response:
    raise Problem(410, "This functionality has been deprecated and will not be re-implemented on GraceDB", detail=True)


for _path in (
    "/events/{graceid}/voevent/",
    "/events/{graceid}/voevent/{n}",
    "/events/{graceid}/emobservation/",
    "/events/{graceid}/emobservation/{n}",
    "/superevents/{graceid}/emobservations/",
    "/superevents/{graceid}/emobservations/{n}/",
    "/events/{graceid}/update/grbevent/",
):
    router.add_api_route(_path, gone, methods=["GET", "POST", "PATCH"])
router.add_api_route("/superevents/{graceid}/voevents/", gone, methods=["POST"])


@router.get("/superevents/{graceid}/voevents/")
async def voevents(request: Request, graceid: str) -> JSONResponse:
    """Old ones stay readable; here nobody ever made any."""
    find(request, "superevent", graceid)
    answer: dict[str, Any] = {"voevents": []}
    return JSONResponse(answer)

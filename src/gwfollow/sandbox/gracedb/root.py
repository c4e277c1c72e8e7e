"""The root document, from which clients learn every other address; and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gwfollow.sandbox.gracedb import vocabulary as words
from gwfollow.sandbox.gracedb.web import base, caller, version

router = APIRouter(prefix="/api")

#: template -> address after /api/
EVENT_TEMPLATES = {
    "event-reserve-template": "events/reserve/",
    "event-upload-template": "events/{graceid}/upload/",
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
    "notice-list": "notices/",
    "notice-detail": "notices/{N}/",
}
#: only in version 2 of the API
NEW_TEMPLATES = frozenset(
    {"event-reserve-template", "event-upload-template", "superevent-notice-list-template", "superevent-notice-detail-template"}
)


@router.get("/")
async def root(request: Request) -> JSONResponse:
    here = base(request)
    templates = {name: here + path for name, path in EVENT_TEMPLATES.items()}
    for name, path in SUPEREVENT_TEMPLATES.items():
        templates[f"superevent-{name}-template"] = f"{here}superevents/{{superevent_id}}/{path}"
    templates |= {"gwtc-number-list": f"{here}gwtc/{{number}}/", "gwtc-version-detail": f"{here}gwtc/{{number}}/{{version}}/"}
    old = request.app.state.old
    if old or version(request) == "v1":
        templates = {name: path for name, path in templates.items() if name not in NEW_TEMPLATES}
    versions = ["default", "v1"] if old else ["default", "v1", "v2"]
    return JSONResponse(
        {
            "links": {
                "self": here,
                "events": f"{here}events/",
                "superevents": f"{here}superevents/",
                "user-info": f"{here}user-info",
                "gwtc": f"{here}gwtc/",
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
            "em-groups": words.EM_GROUPS,
            "api-versions": versions,
            "api-default": "v1" if old else "v2",
            "API_VERSIONS": versions,
            "server-version": words.OLD_SERVER_VERSION if old else words.SERVER_VERSION,
        }
    )


@router.get("/user-info")
async def user_info(request: Request) -> JSONResponse:
    name = caller(request)
    return JSONResponse({"username": name, "is_internal_user": name is not None} if name else {})

"""VOEvents, EM observations and changes of GRB events: what servers before 2.36 did, and newer ones answer with 410 Gone."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from gwfollow.sandbox.gracedb import shown
from gwfollow.sandbox.gracedb.alerts import change
from gwfollow.sandbox.gracedb.store import timestamp
from gwfollow.sandbox.gracedb.vocabulary import EM_GROUPS, VOEVENT_TYPES
from gwfollow.sandbox.gracedb.web import Problem, base, body, find, number, store, text, writer

router = APIRouter(prefix="/api")

#: field of the form -> field of the record
PROBABILITIES = {
    "ProbHasNS": "prob_has_ns",
    "ProbHasRemnant": "prob_has_remnant",
    "BNS": "prob_bns",
    "NSBH": "prob_nsbh",
    "BBH": "prob_bbh",
    "Terrestrial": "prob_terrestrial",
    "HasMassGap": "prob_has_mass_gap",
}
FLAGS = {"internal": "internal", "open_alert": "open_alert", "hardware_inj": "hardware_inj", "CoincComment": "coinc_comment"}
#: key of the request -> key of a footprint
FOOTPRINT = {
    "ra_list": "ra",
    "ra_width_list": "raWidth",
    "dec_list": "dec",
    "dec_width_list": "decWidth",
    "start_time_list": "start_time",
    "duration_list": "exposure_time",
}
GRB_FIELDS = {"ra": "ra", "dec": "dec", "error_radius": "error_radius", "t90": "T90", "redshift": "redshift"}


def _only_old(request: Request) -> None:
    if not request.app.state.old:
        raise Problem(410, "This functionality has been deprecated and will not be re-implemented on GraceDB", detail=True)


# ---- VOEvents ----------------------------------------------------------------------------------------------------------
@router.api_route("/events/{graceid}/voevent/", methods=["GET", "POST"])
@router.get("/events/{graceid}/voevent/{n}")
async def event_voevents(_: Request, graceid: str) -> JSONResponse:
    raise Problem(410, f"VOEvents of events ({graceid}) have been deprecated; superevents have them", detail=True)


@router.get("/superevents/{graceid}/voevents/")
async def voevents(request: Request, graceid: str) -> JSONResponse:
    """Those that were made stay readable."""
    name, _ = find(request, "superevent", graceid)
    return JSONResponse({"voevents": store(request).records("voevent", name)})


@router.get("/superevents/{graceid}/voevents/{n}/")
async def voevent(request: Request, graceid: str, n: int) -> JSONResponse:
    name, _ = find(request, "superevent", graceid)
    for found in store(request).records("voevent", name):
        if found["N"] == n:
            return JSONResponse(found)
    raise Problem(404, "VOEvent not found", detail=True)


@router.post("/superevents/{graceid}/voevents/")
async def create_voevent(request: Request, graceid: str) -> JSONResponse:
    _only_old(request)
    issuer = writer(request)
    name, _ = find(request, "superevent", graceid)
    form = await request.form()
    kind, skymap = text(form, "voevent_type"), text(form, "skymap_filename")
    _check_voevent(request, name, form, kind, skymap)
    with change(request) as tell:
        earlier = store(request).records("voevent", name)
        n = store(request).next_number(name, "voevent")
        filename = f"{name}-{n}-{VOEVENT_TYPES[kind].capitalize()}.xml"
        record: dict[str, Any] = {
            "N": n,
            "voevent_type": kind,
            "ivorn": f"ivo://gwnet/LVC#{filename.removesuffix('.xml')}",
            "created": timestamp(),
            "issuer": issuer,
            "filename": filename,
            "file_version": 0,
            "skymap_type": text(form, "skymap_type") or None,
            "skymap_filename": skymap or None,
            **{field: text(form, key).lower() == "true" for key, field in FLAGS.items()},
            **{field: number(form, key) if key in form else None for key, field in PROBABILITIES.items()},
        }
        link = f"{base(request)}superevents/{name}/"
        record["links"] = {"self": f"{link}voevents/{n}/", "file": f"{link}files/{filename},0"}
        store(request).add_log(name, "New VOEvent", issuer, {"em_follow": ""}, (filename, _xml(record, name, earlier)))
        store(request).add_record(name, "voevent", record)
        tell("superevent", name, "voevent", record)
    return JSONResponse(record, 201)


def _check_voevent(request: Request, name: str, form: FormData, kind: str, skymap: str) -> None:
    if kind not in VOEVENT_TYPES:
        raise Problem(400, f"voevent_type: must be one of {', '.join(VOEVENT_TYPES)}")
    if kind in ("IN", "UP") and not skymap:
        raise Problem(400, "Skymap filename is required for initial and update VOEvents.")
    if skymap and not text(form, "skymap_type"):
        raise Problem(400, "Skymap type is required for VOEvents that include a skymap.")
    if skymap and not store(request).rows("SELECT 1 FROM logs WHERE object = ? AND filename = ?", name, skymap):
        raise Problem(400, f"Skymap file {skymap} not found for this superevent.")


def _xml(record: dict[str, Any], name: str, earlier: list[dict[str, Any]]) -> bytes:
    """The VOEvent as a file: who, what, and which earlier ones it replaces or takes back."""
    space = "http://www.ivoa.net/xml/VOEvent/v2.0"
    ElementTree.register_namespace("voe", space)
    role = "observation" if name.startswith("S") else "test"
    root = ElementTree.Element(f"{{{space}}}VOEvent", {"version": "2.0", "role": role, "ivorn": record["ivorn"]})
    who = ElementTree.SubElement(root, "Who")
    ElementTree.SubElement(who, "Date").text = record["created"].removesuffix(" UTC").replace(" ", "T")
    what = ElementTree.SubElement(root, "What")
    params = {"GraceID": name, "AlertType": VOEVENT_TYPES[record["voevent_type"]].capitalize(), "Pkt_Ser_Num": record["N"]}
    params |= {key: record[field] for key, field in PROBABILITIES.items() if record[field] is not None}
    for key, value in params.items():
        ElementTree.SubElement(what, "Param", {"name": key, "value": str(value)})
    if earlier:
        citations = ElementTree.SubElement(root, "Citations")
        cite = "retraction" if record["voevent_type"] == "RE" else "supersedes"
        for other in earlier:
            ElementTree.SubElement(citations, "EventIVORN", {"cite": cite}).text = other["ivorn"]
    text: bytes = ElementTree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text


# ---- EM observations ---------------------------------------------------------------------------------------------------
async def observations(request: Request) -> JSONResponse:
    _only_old(request)
    name, _ = find(request, _kind(request), request.path_params["graceid"])
    found = store(request).records("emobservation", name)
    if (n := request.path_params.get("n")) is None:
        return JSONResponse({"numRows": len(found), "observations": found})
    for one in found:
        if str(one["N"]) == n:
            return JSONResponse(one)
    raise Problem(404, "EM observation not found", detail=True)


async def observe(request: Request) -> JSONResponse:
    _only_old(request)
    submitter = writer(request)
    kind = _kind(request)
    name, _ = find(request, kind, request.path_params["graceid"])
    asked = await body(request)
    columns = [asked.get(key) for key in FOOTPRINT]
    if asked.get("group") not in EM_GROUPS:
        raise Problem(400, f"group: must be one of {', '.join(EM_GROUPS)}")
    if not all(isinstance(column, list) for column in columns) or len({len(column or []) for column in columns}) != 1:
        raise Problem(400, f"{', '.join(FOOTPRINT)} must be lists of the same length")
    rows = zip(*(column or [] for column in columns), strict=True)
    footprints = [{"N": i} | dict(zip(FOOTPRINT.values(), row, strict=True)) for i, row in enumerate(rows, 1)]
    with change(request) as tell:
        record = {
            "N": store(request).next_number(name, "emobservation"),
            "created": timestamp(),
            "submitter": submitter,
            "group": asked["group"],
            "comment": str(asked.get("comment") or ""),
            "footprint_count": len(footprints),
            "footprints": footprints,
        }
        store(request).add_record(name, "emobservation", record)
        tell(kind, name, "emobservation", record)
    return JSONResponse(record, 201)


def _kind(request: Request) -> str:
    return "superevent" if request.url.path.startswith("/api/superevents/") else "event"


for _path in ("/api/events/{graceid}/emobservation/", "/api/superevents/{graceid}/emobservations/"):
    router.add_route(_path, observations, methods=["GET"])
    router.add_route(_path, observe, methods=["POST"])
router.add_route("/api/events/{graceid}/emobservation/{n}", observations, methods=["GET"])
router.add_route("/api/superevents/{graceid}/emobservations/{n}/", observations, methods=["GET"])


# ---- GRB events --------------------------------------------------------------------------------------------------------
@router.patch("/events/{graceid}/update/grbevent/")
async def update_grb(request: Request, graceid: str) -> JSONResponse:
    _only_old(request)
    writer(request)
    name, document = find(request, "event", graceid)
    grb = document["extra_attributes"].get("GRB")
    if grb is None or document["search"] != "GRB":
        raise Problem(400, f"{name} is not a GRB event")
    form = await request.form()
    grb |= {field: number(form, key) for key, field in GRB_FIELDS.items() if key in form}
    if "designation" in form:
        grb["designation"] = text(form, "designation")
    with change(request) as tell:
        store(request).set_document(name, document)
        tell("event", name, "update")
    return JSONResponse(shown.event(request, name))

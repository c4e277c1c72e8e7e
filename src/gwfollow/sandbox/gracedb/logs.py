"""Log entries, tags, files and labels: the same for events and superevents but for their addresses."""

from __future__ import annotations

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from gwfollow.sandbox.gracedb.alerts import change
from gwfollow.sandbox.gracedb.vocabulary import ANSWERS, LABELS, PROTECTED_LABELS
from gwfollow.sandbox.gracedb.web import Problem, base, caller, find, store, text, texts, upload, version, writer

#: kind of object -> its addresses
ROOTS = {
    "event": {"object": "events/{graceid}", "log": "events/{graceid}/log"},
    "superevent": {"object": "superevents/{graceid}", "log": "superevents/{graceid}/logs"},
}
#: version of the API -> what it calls a list of log entries
LOG_KEYS = {"v1": ("log",), "v2": ("logs",), "": ("log", "logs")}
router = APIRouter()


def address(request: Request, kind: str, name: str, rest: str) -> str:
    return base(request) + ROOTS[kind]["object"].format(graceid=name) + "/" + rest


# ---- logs --------------------------------------------------------------------------------------------------------------
def log_entry(request: Request, kind: str, row: sqlite3.Row) -> dict[str, Any]:
    name, filename, file_version = row["object"], row["filename"], row["version"]
    tags = store(request).tags(name, row["n"])
    link = base(request) + ROOTS[kind]["log"].format(graceid=name) + f"/{row['n']}"
    return {
        "self": link,
        "N": row["n"],
        "comment": row["comment"],
        "created": row["created"],
        "issuer": row["issuer"],
        "filename": filename,
        "file_version": file_version,
        "tag_names": tags,
        "tags": f"{link}/tag/",
        "file": address(request, kind, name, f"files/{filename},{file_version}") if filename else None,
    }


def _visible_logs(request: Request, kind: str, name: str) -> list[dict[str, Any]]:
    rows = store(request).rows("SELECT * FROM logs WHERE object = ? ORDER BY n", name)
    entries = [log_entry(request, kind, row) for row in rows]
    # the public sees the entries that were tagged for it
    return entries if caller(request) else [entry for entry in entries if "public" in entry["tag_names"]]


async def list_logs(request: Request, kind: str, graceid: str) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    entries = _visible_logs(request, kind, name)
    link = str(request.url)
    answer = {"start": 0, "numRows": len(entries), "links": {"self": link, "first": link, "last": link}}
    # API v1 calls them log, v2 logs; at the default address come clients of both
    return JSONResponse(answer | dict.fromkeys(LOG_KEYS[version(request)], entries))


async def one_log(request: Request, kind: str, graceid: str, n: int) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    for entry in _visible_logs(request, kind, name):
        if entry["N"] == n:
            return JSONResponse(entry)
    raise Problem(404, "Log message not found", detail=True)


async def write_log(request: Request, kind: str, graceid: str) -> JSONResponse:
    issuer = writer(request)
    name, _ = find(request, kind, graceid)
    form = await request.form()
    comment, label = text(form, "comment"), text(form, "label")
    if not comment.strip():
        raise Problem(400, "comment: this field may not be blank")
    if label:
        _check_label(label)
    names, shown = texts(form, "tagname"), texts(form, "displayName")
    tags = dict(zip(names, [*shown, *[""] * len(names)], strict=False))
    file = await upload(form, "upload")
    with change(request) as tell:
        n = store(request).add_log(name, comment, issuer, tags, file)
        row = store(request).row("SELECT * FROM logs WHERE object = ? AND n = ?", name, n)
        assert row is not None
        entry = log_entry(request, kind, row)
        tell(kind, name, "log", entry)
        if label and store(request).add_label(name, label, issuer):
            tell(kind, name, "label_added", label_entry(request, kind, name, label))
    return JSONResponse(entry, 201)


# ---- tags --------------------------------------------------------------------------------------------------------------
async def list_tags(request: Request, kind: str, graceid: str, n: int) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    rows = store(request).rows("SELECT * FROM tags WHERE object = ? AND n = ? ORDER BY rowid", name, n)
    return JSONResponse({"tags": [{"name": row["name"], "displayName": row["display"]} for row in rows]})


async def add_tag(request: Request, kind: str, graceid: str, n: int, tag: str = "") -> JSONResponse:
    writer(request)
    name, _ = find(request, kind, graceid)
    form = await request.form()
    tag = tag or text(form, "name")
    if not tag:
        raise Problem(400, "name: this field is required")
    if store(request).row("SELECT 1 FROM logs WHERE object = ? AND n = ?", name, n) is None:
        raise Problem(404, "Log message not found", detail=True)
    store(request).run("INSERT OR IGNORE INTO tags VALUES (?, ?, ?, ?)", name, n, tag, text(form, "displayName"))
    return JSONResponse({"name": tag, "displayName": text(form, "displayName")}, 201)


async def remove_tag(request: Request, kind: str, graceid: str, n: int, tag: str) -> Response:
    writer(request)
    name, _ = find(request, kind, graceid)
    if not store(request).run("DELETE FROM tags WHERE object = ? AND n = ? AND name = ?", name, n, tag):
        raise Problem(404, "Tag not found", detail=True)
    return Response(status_code=204)


# ---- files -------------------------------------------------------------------------------------------------------------
async def list_files(request: Request, kind: str, graceid: str) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    names: set[str] = set()
    for entry in _visible_logs(request, kind, name):
        if entry["filename"]:
            names |= {entry["filename"], f"{entry['filename']},{entry['file_version']}"}
    return JSONResponse({file: address(request, kind, name, f"files/{file}") for file in sorted(names)})


async def one_file(request: Request, kind: str, graceid: str, filename: str) -> Response:
    name, _ = find(request, kind, graceid)
    plain, comma, wanted = filename.rpartition(",")
    if not comma:
        plain, wanted = filename, ""
    seen = [e for e in _visible_logs(request, kind, name) if e["filename"] == plain]
    if wanted:
        seen = [e for e in seen if str(e["file_version"]) == wanted]
    if not seen:
        raise Problem(404, "File not found", detail=True)
    path = store(request).file(name, plain, max(e["file_version"] for e in seen))
    # it knows ranges: a download can go on where it was cut
    return FileResponse(path, media_type="application/octet-stream")


# ---- labels ------------------------------------------------------------------------------------------------------------
def label_entry(request: Request, kind: str, name: str, label: str) -> dict[str, Any]:
    """A label that the object has; 404 where it has not."""
    row = store(request).row("SELECT * FROM labels WHERE object = ? AND name = ?", name, label)
    if row is None:
        raise Problem(404, "Label not found", detail=True)
    link = address(request, kind, name, f"labels/{label}")
    return {"name": label, "creator": row["creator"], "created": row["created"], "self": link}


def _check_label(label: str) -> None:
    if label not in LABELS:
        raise Problem(400, f"Label '{label}' does not exist in the database")


async def list_labels(request: Request, kind: str, graceid: str) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    entries = [label_entry(request, kind, name, label) for label in store(request).labels(name)]
    return JSONResponse({"labels": entries, "links": {"self": str(request.url), kind: address(request, kind, name, "")}})


async def one_label(request: Request, kind: str, graceid: str, label: str) -> JSONResponse:
    name, _ = find(request, kind, graceid)
    return JSONResponse(label_entry(request, kind, name, label))


async def add_label(request: Request, kind: str, graceid: str, label: str = "") -> JSONResponse:
    creator = writer(request)
    name, _ = find(request, kind, graceid)
    label = label or text(await request.form(), "name")
    _check_label(label)
    if label in PROTECTED_LABELS:
        raise Problem(400, f"The '{label}' label is managed by an automated process and cannot be applied manually")
    if set(store(request).labels(name)) & ANSWERS.get(label, frozenset()):
        raise Problem(400, f"The '{label}' label cannot be applied: the signoff that it asks for is there already")
    with change(request) as tell:
        new = store(request).add_label(name, label, creator)
        if new:
            tell(kind, name, "label_added", label_entry(request, kind, name, label))
    if kind == "event":
        return JSONResponse({}, 201 if new else 200)
    return JSONResponse(label_entry(request, kind, name, label), 201)


async def remove_label(request: Request, kind: str, graceid: str, label: str) -> Response:
    writer(request)
    name, _ = find(request, kind, graceid)
    with change(request) as tell:
        entry = label_entry(request, kind, name, label)
        store(request).remove_label(name, label)
        tell(kind, name, "label_removed", entry)
    return Response(status_code=204)


# ---- addresses ---------------------------------------------------------------------------------------------------------
# (method, address after /api/, function); a superevent's detail addresses end in a slash, an event's do not
ROUTES: dict[str, list[tuple[str, str, Any]]] = {
    "event": [
        ("GET", "log/", list_logs),
        ("POST", "log/", write_log),
        ("GET", "log/{n}", one_log),
        ("GET", "log/{n}/tag/", list_tags),
        ("PUT", "log/{n}/tag/{tag}", add_tag),
        ("DELETE", "log/{n}/tag/{tag}", remove_tag),
        ("GET", "files/", list_files),
        ("GET", "files/{filename}", one_file),
        ("GET", "labels/", list_labels),
        ("GET", "labels/{label}", one_label),
        ("PUT", "labels/{label}", add_label),
        ("DELETE", "labels/{label}", remove_label),
    ],
    "superevent": [
        ("GET", "logs/", list_logs),
        ("POST", "logs/", write_log),
        ("GET", "logs/{n}/", one_log),
        ("GET", "logs/{n}/tags/", list_tags),
        ("POST", "logs/{n}/tags/", add_tag),
        ("DELETE", "logs/{n}/tags/{tag}/", remove_tag),
        ("GET", "files/", list_files),
        ("GET", "files/{filename}", one_file),
        ("GET", "labels/", list_labels),
        ("POST", "labels/", add_label),
        ("GET", "labels/{label}/", one_label),
        ("DELETE", "labels/{label}/", remove_label),
    ],
}


def _route(kind: str, function: Any) -> Any:
    async def answer(request: Request) -> Response:
        values: dict[str, Any] = dict(request.path_params)
        if "n" in values:
            if not str(values["n"]).isdigit():
                raise Problem(404, "Log message not found", detail=True)
            values["n"] = int(values["n"])
        result: Response = await function(request, kind, **values)
        return result

    return answer


for _kind, _routes in ROUTES.items():
    for _method, _path, _function in _routes:
        _address = f"/api/{ROOTS[_kind]['object']}/{_path}"
        router.add_route(_address, _route(_kind, _function), methods=[_method])

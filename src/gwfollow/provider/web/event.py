"""The tab of an event's DAG: what the alerts said, what was done about it, how the analyses are, and where on the sky it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from gwfollow.alerts.history import State
from gwfollow.errors import InputError
from gwfollow.ledger.needs import unmet_in_event
from gwfollow.ledger.reviews import current_verdicts
from gwfollow.ledger.schema import Event
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.store import find_event, is_test
from gwfollow.naming import PROJECT, event_of_dag
from gwfollow.provider.web import queries, site
from gwfollow.provider.web.guards import ReadableEvent, User, guarded_router, may_edit_event, may_see
from gwfollow.provider.web.pictures import FOLDER, picture
from gwfollow.provider.web.rendering import page
from gwfollow.provider.web.scans import checks_of, scans_of
from gwfollow.provider.web.steer import shown
from gwfollow.provider.web.story import story
from gwfollow.repository.address import link_of

router = guarded_router()

_KEY = re.compile(r"[0-9a-f]{64}")
#: seconds between two looks of the page: while a picture is drawn, and otherwise
SOON, LATER = 2, 4


@router.get("/dag/{dag_id}", response_class=HTMLResponse)
def dag_tab(request: Request, user: User, dag_id: str) -> Response:
    """The tab: Airflow puts it on every DAG, also on those that are none of ours."""
    event = event_of_dag(dag_id)
    if not event:
        return page(request, "foreign.html", {"dag_id": dag_id})
    if not may_see(user, event):
        raise HTTPException(403, "not allowed to see this event")
    with site.ledger().read() as session:
        row = find_event(session, event)
        names = {name for name in (row.name, row.graceid) if name}
        alerts = queries.history(session, names)
        analyses = queries.analyses(session, row.id)
        verdicts = current_verdicts(session, row)
        waits = unmet_in_event(session, row)
        quality = {"checks": checks_of(session, row.id), "scans": scans_of(session, row.id)}
        facts = {"event": row, "test": is_test(row), "state": State.from_json(row.alert)}
    maps = _skymaps(row)
    drawn = picture(maps[0]) if maps else None
    poll = SOON if drawn and drawn.state == "drawing" else LATER
    return page(
        request,
        "event.html",
        {
            **facts,
            **quality,
            "story": story(alerts),
            "most": queries.HISTORY,
            "analyses": analyses,
            "verdicts": verdicts,
            "waits": {one.name: waits[one.name] for one in analyses if one.status in STARTABLE | {"wait"}},
            "project": row.kind == PROJECT,
            "steering": {one.id: shown(one, verdicts.get(one.id)) for one in analyses} if may_edit_event(user, event) else {},
            "dag_id": dag_id,
            "maps": maps,
            "picture": drawn,
            "poll": poll,
            "gracedb": _gracedb(row),
            "repository": link_of(row, site.settings()),
        },
    )


@router.get("/event/{event}/skymap/{key}.png")
def skymap_picture(event: ReadableEvent, key: str) -> Response:
    """A picture that was drawn; `key` is the SHA-256 of the sky map."""
    if _KEY.fullmatch(key):
        for folder in {file.parent for file in _skymaps(_event(event))}:
            file = (folder / FOLDER / f"{key}.png").resolve()
            if file.is_relative_to(folder.resolve()) and file.is_file():
                return FileResponse(file, media_type="image/png", headers={"cache-control": "private, max-age=86400, immutable"})
    raise HTTPException(404, "no such picture")


@router.get("/event/{event}/skymap/file/{name}")
def skymap_file(event: ReadableEvent, name: str) -> Response:
    """A sky map as it came, to keep."""
    for file in _skymaps(_event(event)):
        if file.name == name and file.resolve().is_relative_to(file.parent.resolve()) and file.is_file():
            return FileResponse(file, media_type="application/octet-stream", filename=name)
    raise HTTPException(404, "the event has no such sky map")


def _event(name: str) -> Event:
    with site.ledger().read() as session:
        return find_event(session, name)


def _skymaps(event: Event) -> list[Path]:
    """The event's sky maps, newest first; none for an event whose name is no folder's name."""
    from gwfollow.alerts.event_files import skymaps

    try:
        return list(reversed(skymaps(site.folders(), event.graceid or event.name)))
    except InputError:
        return []


def _gracedb(event: Event) -> Any:
    """The address of its page: as the alerts say, else at the GraceDB of the settings."""
    told = State.from_json(event.alert).gracedb
    server, api, _ = site.settings().gracedb_url.partition("/api")
    if told or not (event.graceid and api):
        return told
    return f"{server}/{'superevents' if 'S' in event.graceid[:2] else 'events'}/{event.graceid}/view/"

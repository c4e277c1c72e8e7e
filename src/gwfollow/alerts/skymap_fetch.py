"""Sky maps that an alert only names (GraceDB's log entries, VOEvents) are fetched from GraceDB and kept beside their event."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from gwfollow.alerts.alert import Skymap
from gwfollow.alerts.event_files import skymap_file
from gwfollow.alerts.folders import Folders, write_once
from gwfollow.errors import GWFollowError, TransientError
from gwfollow.ledger.schema import Event, now
from gwfollow.life import Site

log = logging.getLogger(__name__)

#: days after an event's last change for which its sky map is looked for
DAYS = 3.0


class GraceDB(Protocol):
    """What is asked of `gwfollow.gracedb.client.GraceDBClient`."""

    def download(self, graceid: str, name: str) -> bytes: ...


def fetch_skymaps(site: Site, client: GraceDB | None) -> list[Path]:
    """The newest sky map of every active event that has changed lately, where it is not here yet; those that were fetched.

    Never raises for what GraceDB does: a silent one is asked again at the next call, and a file that is refused or is no sky map is
    noted beside the event (``.<name>.refused``) and not asked for again.
    """
    fetched: list[Path] = []
    if client is None:
        return fetched
    folders = Folders(site.settings.data_folder)
    for event, skymap in _named(site):
        folder = folders.find(event) or folders.event(event)
        path = folder / skymap_file(skymap)
        note = folder / f".{path.name}.refused"
        if path.is_file() or note.is_file():
            continue
        try:
            write_once(path, _download(client, event, path.name))
        except TransientError as error:
            log.warning("GraceDB is asked for sky maps again later: %s", error)
            break
        except GWFollowError as error:
            log.warning("%s has no sky map %s: %s", event, path.name, error)
            write_once(note, f"{error}\n".encode())
        else:
            log.info("%s has the sky map %s", event, path.name)
            fetched.append(path)
    return fetched


def _download(client: GraceDB, event: str, name: str) -> bytes:
    from gwfollow.alerts.skymap_info import check_skymap

    contents = client.download(event, name)
    check_skymap(contents, f"{event}, {name}")
    return contents


def _named(site: Site) -> list[tuple[str, Skymap]]:
    """Events with the sky map that their alerts name last, where no alert brought it."""
    query = select(Event.graceid, Event.alert).where(
        Event.active, Event.source == "gracedb", Event.updated > now() - timedelta(days=DAYS), Event.graceid.is_not(None)
    )
    with site.ledger.read() as session:
        rows = [(str(graceid), (alert or {}).get("skymap") or {}) for graceid, alert in session.execute(query)]
    return [
        (graceid, Skymap(skymap["name"], skymap.get("version")))
        for graceid, skymap in rows
        if skymap.get("name") and not skymap.get("sha256")
    ]


__all__ = ["DAYS", "fetch_skymaps"]

"""Where every file about alerts and events lies: `Folders` decides, nothing else does.

<data>/current_run/<id>/            what is known of an event: alerts, sky maps, skymap_info.json
<data>/past_runs/<run>/<id>/        the same after the event was archived
<data>/gcn/YYYY-MM/DD/<key>.json    every message as it came, by the day it came
<data>/logs/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from gwfollow.errors import InputError

#: ids of GraceDB and names of events, runs and files: no separators, nothing hidden
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,+-]{0,99}")


class Folders:
    """All paths below one data folder; makes none of them."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def event(self, graceid: str, run: str | None = None) -> Path:
        """The event's folder, in the current run or in a past one.  Raises `InputError` for a name that is no plain file name."""
        if run is None:
            return self.top / "current_run" / _plain("event", graceid)
        return self.top / "past_runs" / _plain("run", run) / _plain("event", graceid)

    def archived_alert(self, received: datetime, key: str, suffix: str) -> Path:
        """The file of a message as it came, by the UTC day it came."""
        day = received.astimezone(UTC)
        return self.top / "gcn" / f"{day:%Y-%m}" / f"{day:%d}" / _plain("key", f"{key}{suffix}")

    @property
    def logs(self) -> Path:
        return self.top / "logs"


def _plain(what: str, name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise InputError(what, name, "letters, digits and _ . , + - only, and a letter or digit first")
    return name


__all__ = ["Folders"]

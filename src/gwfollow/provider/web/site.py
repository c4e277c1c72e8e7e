"""What the pages are about: the ledger and the folders of this site."""

from __future__ import annotations

from fastapi import HTTPException

from gwfollow.alerts.folders import Folders
from gwfollow.errors import GWFollowError, InputError, NotFound
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings

_opened: dict[str, Ledger] = {}


def ledger() -> Ledger:
    """The ledger, opened once for each address in this process (to open it costs more than most pages).  Raises `GWFollowError`."""
    from gwfollow.provider.site import open_ledger

    key = Settings.read().ledger
    if key not in _opened:
        _opened[key] = open_ledger("gwfollow_ledger")
    return _opened[key]


def settings() -> Settings:
    return Settings.read()


def folders() -> Folders:
    return Folders(settings().data_folder)


def as_http(error: GWFollowError) -> HTTPException:
    """What is not there is 404, what was asked wrongly 400; for the rest the site is to blame."""
    if isinstance(error, NotFound):
        return HTTPException(404, str(error))
    return HTTPException(400 if isinstance(error, InputError) else 503, str(error))

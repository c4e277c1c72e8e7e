"""Which repository an event has, and which addresses are allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gwfollow.errors import InputError
from gwfollow.ledger.merge import event_document
from gwfollow.ledger.schema import Event
from gwfollow.settings import Settings

#: ``git@git.ligo.org:pe/O4/S240101a.git``
_SCP = re.compile(r"(?P<user>[A-Za-z0-9][\w.-]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>(?!/?/)[^\s:]+)")
_EXPECTED = "an absolute folder, or a URL with https, ssh or file (git@host:path is ssh)"


def check_address(text: str, place: str) -> str:
    """The address, where git may go there.  Raises `InputError`; what could be a password is not repeated."""
    if not text or text.startswith("-") or any(not char.isprintable() or char == "\\" for char in text) or "::" in text:
        raise InputError(place, text[:60], _EXPECTED)
    if "://" in text:
        return _check_url(text, place)
    if text.startswith("/") or _SCP.fullmatch(text):
        return text
    raise InputError(place, text[:60], _EXPECTED)


def _check_url(text: str, place: str) -> str:
    try:
        parts = urlsplit(text)
        host, password, _ = parts.hostname or "", parts.password, parts.port
    except ValueError:
        raise InputError(place, "(not shown)", _EXPECTED) from None
    if password is not None or (parts.scheme == "https" and parts.username):
        raise InputError(
            place, "(not shown)", "a URL without a name or password: ssh's agent and git's credential helper have those"
        )
    if parts.scheme not in ("https", "ssh", "file") or (parts.scheme == "file") == bool(host) or host.startswith("-"):
        raise InputError(place, f"{parts.scheme}://...", _EXPECTED)
    if (parts.username or "").startswith("-") or parts.query or parts.fragment:
        raise InputError(place, "(not shown)", _EXPECTED)
    return text


def address_of(event: Event, settings: Settings) -> tuple[str, bool] | None:
    """Where the event's repository is, and whether it may be made there; None where it has none.

    The event's own key ``repository`` is somebody's; one that follows from ``GWFOLLOW_REPOSITORIES`` is made on demand.
    """
    own = event_document(event).get("repository")
    if own:
        return check_address(
            str(Path(own).expanduser()) if own.startswith("~") else own, f"event {event.name}, repository"
        ), False
    template = settings.repositories
    if not template:
        return None
    template = template if "{event}" in template else f"{template.rstrip('/')}/{{event}}.git"
    filled = template.replace("{event}", event.name)
    filled = str(Path(filled).expanduser()) if filled.startswith("~") else filled
    return check_address(filled, "GWFOLLOW_REPOSITORIES"), True


def local_path(address: str) -> Path | None:
    """The folder behind an address of this machine."""
    if address.startswith("file://"):
        return Path(urlsplit(address).path)
    return Path(address) if address.startswith("/") else None


def ssh_place(address: str) -> tuple[str, str] | None:
    """``user@host`` and the path of an address over ssh."""
    if address.startswith("ssh://"):
        parts = urlsplit(address)
        user = f"{parts.username}@" if parts.username else ""
        return (f"{user}{parts.hostname}", parts.path) if parts.port is None else None
    found = None if "://" in address or address.startswith("/") else _SCP.fullmatch(address)
    return (f"{found['user'] or ''}{found['host']}", found["path"]) if found else None


def web_address(address: str) -> str | None:
    """Where a person looks at it in a browser; None for a folder."""
    place = ssh_place(address)
    if place is not None:
        host, path = place
        return f"https://{host.rpartition('@')[2]}/{path.strip('/').removesuffix('.git')}"
    return address.removesuffix(".git") if address.startswith("https://") else None


def link_of(event: Event, settings: Settings) -> dict[str, Any] | None:
    """For `gwfollow show` and pages: the address, and the page where there is one."""
    try:
        found = address_of(event, settings)
    except InputError as error:
        return {"address": None, "page": None, "fault": str(error)}
    return {"address": found[0], "page": web_address(found[0])} if found else None


__all__ = ["address_of", "check_address", "link_of", "local_path", "ssh_place", "web_address"]

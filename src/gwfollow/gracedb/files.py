"""Files of an event, fetched from GraceDB into a folder: only what is not there yet, and going on where a download was cut.

A version of a file never changes in GraceDB, so what a folder has of version 3 stays good.  The folder's ``.gracedb.json`` says which
version each file is and what its checksum was; a file that is no longer what it says is fetched again.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.gracedb.client import GraceDBClient

MANIFEST = ".gracedb.json"
CHUNK = 1 << 18
#: seconds for one file; the next call goes on
FILE_SECONDS = 600.0
#: what may be a file name here: no path, nothing hidden
_NAME = re.compile(r"[A-Za-z0-9_+@=-][A-Za-z0-9._+@=-]{0,199}")


@dataclass(frozen=True)
class Fetched:
    """One file of a folder."""

    name: str
    version: int
    path: str
    size: int  # bytes
    sha256: str
    new: bool  # fetched now; False: it was there


def fetch(client: GraceDBClient, graceid: str, patterns: Iterable[str], folder: Path) -> list[Fetched]:
    """The newest version of every file whose name matches a shell pattern (``*.fits*``), or the one that ``name,version`` names.

    Raises
    ------
    RemoteSilent : what was received is kept, the next call goes on from there
    RemoteRefused : a name without wildcards that GraceDB does not have, or a name that is not safe here
    """
    addresses = client.files(graceid)
    folder.mkdir(parents=True, exist_ok=True)
    known = _manifest(folder)
    fetched = []
    for name, version in sorted(_wanted(addresses, list(patterns), graceid).items()):
        if not _NAME.fullmatch(name):
            raise RemoteRefused(f"{graceid}: the file name {name!r} is not safe on this machine")
        path, before = folder / name, known.get(name)
        new = before is None or before["version"] != version or not _is(path, before)
        if new:
            _download(client, addresses[f"{name},{version}"], folder, name, version)
            known[name] = {"version": version, "size": path.stat().st_size, "sha256": _sha256(path)}
            _write_manifest(folder, known)
        fetched.append(Fetched(name, version, str(path), known[name]["size"], known[name]["sha256"], new))
    return fetched


def as_xcom(files: Iterable[Fetched]) -> list[dict[str, Any]]:
    """Plain dictionaries: paths and checksums, no contents."""
    return [asdict(file) for file in files]


def _wanted(addresses: dict[str, str], patterns: list[str], graceid: str) -> dict[str, int]:
    """Name -> version."""
    versions: dict[str, list[int]] = {}
    for address in addresses:
        name, comma, version = address.rpartition(",")
        if comma and version.isdigit():
            versions.setdefault(name, []).append(int(version))
    wanted: dict[str, int] = {}
    for pattern in patterns:
        name, comma, version = pattern.rpartition(",")
        if comma and version.isdigit() and int(version) in versions.get(name, []):
            wanted[name] = int(version)
            continue
        matching = {name: max(found) for name, found in versions.items() if fnmatch.fnmatchcase(name, pattern)}
        if not matching and not set(pattern) & set("*?["):
            raise RemoteRefused(f"GraceDB has no file {pattern!r} with {graceid}", 404)
        wanted |= {name: found for name, found in matching.items() if name not in wanted}
    return wanted


def _download(client: GraceDBClient, address: str, folder: Path, name: str, version: int) -> None:
    """The file, whole or not at all; an unfinished one is kept beside it under a hidden name."""
    import requests
    import urllib3

    part = folder / f".{name},{version}.part"
    begun, end = part.stat().st_size if part.exists() else 0, time.monotonic() + FILE_SECONDS
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = client.session.get(address, headers=headers, stream=True)
    except RemoteRefused as error:
        if error.status != 416:
            raise
        part.unlink()  # more than there is: not a piece of this file
        raise RemoteSilent(f"{name}: what was kept of it was no piece of it; it is fetched anew at the next try") from None
    with response:
        whole = _size(response.headers, begun if response.status_code == 206 else 0)
        try:
            with part.open("ab" if response.status_code == 206 else "wb") as out:
                # read1 gives what has come; read would wait for a full buffer
                while chunk := response.raw.read1(CHUNK):
                    out.write(chunk)
                    if time.monotonic() > end:
                        raise requests.Timeout("it took too long")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise RemoteSilent(
                f"{name}: the download was cut ({type(error).__name__}); the next try goes on from there"
            ) from error
    received = part.stat().st_size
    if whole is not None and received != whole:
        if received > whole:
            part.unlink()
        raise RemoteSilent(f"{name}: {received} of {whole} bytes came")
    part.replace(folder / name)


def _size(headers: Any, begun: int) -> int | None:
    """Bytes of the whole file, as the server says."""
    length = headers.get("Content-Length", "")
    return begun + int(length) if length.isdigit() else None


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_manifest(folder: Path, known: dict[str, dict[str, Any]]) -> None:
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(known, indent=1, sort_keys=True))
    part.replace(folder / MANIFEST)


def _is(path: Path, known: dict[str, Any]) -> bool:
    """Whether the file is still what it was when it was fetched."""
    return path.is_file() and path.stat().st_size == known.get("size") and _sha256(path) == known.get("sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["Fetched", "as_xcom", "fetch"]

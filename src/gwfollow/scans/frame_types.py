"""Where the frames of each type are looked for: the mapping ``frame types`` of a channel set, and gwdetchar's ``source``.

frame types:
  H1_R:
    look up:
      - folder: /archive/*/H1_R              # a folder, or a pattern of folders; files by their T050017 names
      - datafind: datafind.example.org:443   # or null: GWDATAFIND_SERVER
        url type: file
      - gwosc: true                          # or an address
    timeout: 600                             # s after the end of the stretch until which data may still come
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gwfollow.data.lookup import GWOSC, Datafind, Folder, LookUp, Way
from gwfollow.data.names import FrameFile, parse
from gwfollow.errors import InputError
from gwfollow.scans import fields

_KEYS = ("look up", "timeout")
_WAYS = {
    "folder": ("folder", "frame type"),
    "datafind": ("datafind", "url type", "frame type"),
    "gwosc": ("gwosc", "sample rate"),
}
_HOST = fields.text
_timeout = fields.number("s", least=0, most=30 * 86400)
_SUFFIXES = {".gwf", ".hdf5", ".h5", ".hdf"}


def read(value: object, ifo: str, place: str) -> dict[str, LookUp]:
    """The look-up of each frame type.  Raises `InputError`."""
    found: dict[str, LookUp] = {}
    for frame_type, written in _mapping(value, place, "frame types: H1_R: {look up: [...], timeout: ...}").items():
        here = f"{place}.{frame_type}"
        fields.frame_type(frame_type, here)
        document = _mapping(written, here, "look up: [...] and timeout: ...")
        fields.refuse_unknown(document, _KEYS, here)
        ways = document.get("look up")
        if not isinstance(ways, list) or not ways:
            raise InputError(f"{here}.look up", ways, "a list of ways: [{folder: ...}, {datafind: HOST}, {gwosc: true}]")
        found[frame_type] = LookUp(
            ifo=ifo,
            frame_type=frame_type,
            ways=tuple(_way(way, f"{here}.look up[{number}]") for number, way in enumerate(ways)),
            timeout=_timeout(document.get("timeout", 60.0), f"{here}.timeout"),
        )
    return found


def _mapping(value: object, place: str, expected: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(place, value, expected)
    return value


def _way(value: object, place: str) -> Way:
    if isinstance(value, str) and value in ("datafind", "gwosc"):
        value = {value: None}
    expected = f"one of {', '.join(_WAYS)}, as a mapping: {{folder: /dev/shm/kafka/H1}}"
    document = _mapping(value, place, expected)
    named = [name for name in _WAYS if name in document]
    if len(named) != 1:
        fields.refuse_unknown(document, _WAYS, place)
        raise InputError(place, dict(document), expected)
    way = named[0]
    fields.refuse_unknown(document, _WAYS[way], place)
    makers: dict[str, Callable[[Mapping[str, Any], str], Way]] = {"folder": _folder, "datafind": _datafind, "gwosc": _gwosc}
    return makers[way](document, place)


def _type(document: Mapping[str, Any], place: str) -> str | None:
    """Another name of the same data there: H1_HOFT_C00 in the archive for H1_llhoft in shared memory."""
    if document.get("frame type") is None:
        return None
    return str(fields.frame_type(document["frame type"], f"{place}.frame type"))


def _folder(document: Mapping[str, Any], place: str) -> Folder:
    path = fields.text(document["folder"], f"{place}.folder")
    if not path.startswith("/"):
        raise InputError(f"{place}.folder", path, "an absolute path, or a pattern of one")
    return Folder(path=path, frame_type=_type(document, place))


def _datafind(document: Mapping[str, Any], place: str) -> Datafind:
    host = document["datafind"]
    return Datafind(
        host=None if host in (None, True) else fields.text(host, f"{place}.datafind"),
        urltype=fields.text(document.get("url type", "file"), f"{place}.url type"),
        frame_type=_type(document, place),
    )


def _gwosc(document: Mapping[str, Any], place: str) -> GWOSC:
    host = document["gwosc"]
    rate = document.get("sample rate", 4096)
    if rate not in (4096, 16384):
        raise InputError(f"{place}.sample rate", rate, "4096 or 16384 (Hz)")
    return GWOSC(host=None if host in (None, True) else fields.text(host, f"{place}.gwosc"), sample_rate=rate)


def by_datafind(ifo: str, frame_type: str) -> LookUp:
    """Of a configuration that says nothing of frames: GWDATAFIND_SERVER is asked."""
    return LookUp(ifo=ifo, frame_type=frame_type, ways=(Datafind(host=None, frame_type=None),), timeout=60.0)


def of_source(source: str, ifo: str, place: str) -> LookUp:
    """gwdetchar's ``source``: a LAL cache, a frame file or a folder of them, of one frame type."""
    path = Path(source)
    files = [file for file in _of_source(path, source, place) if file.belongs_to(ifo)]
    types = sorted({file.description for file in files})
    if len(types) != 1:
        raise InputError(place, types or source, f"frame files of {ifo} of one type, named as frames are (LIGO-T050017)")
    elsewhere = next((file.url for file in files if file.path is None), None)
    if elsewhere is not None:
        raise InputError(place, elsewhere, "files on this machine")
    folders = dict.fromkeys(str(file.path.absolute().parent) for file in files if file.path)
    return LookUp(
        ifo=ifo, frame_type=types[0], ways=tuple(Folder(path=folder, frame_type=None) for folder in folders), timeout=0.0
    )


def _of_source(path: Path, source: str, place: str) -> Iterable[FrameFile]:
    try:
        if path.is_dir():
            urls = [str(one) for one in sorted(path.iterdir())]
        elif path.suffix in _SUFFIXES:
            urls = [source]
        else:
            # H H1_R 1000000000 64 file://localhost/...: the address stands last; some caches have nothing else
            urls = [line.split()[-1] for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            place, source, f"a LAL cache, a frame file or a folder ({getattr(error, 'strerror', None) or error})"
        ) from None
    return [file for file in map(parse, urls) if file is not None]


__all__ = ["by_datafind", "of_source", "read"]

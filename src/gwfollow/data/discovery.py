"""Where frame files are found: a folder on this machine, a gwdatafind server, GWOSC.

Each function gives what is known for a stretch of time, with gaps or without (see `coverage`).  A server that does not answer is
`RemoteSilent`: what it has is unknown, which is not a gap.  The clients are imported where they are used; none of them is needed for a folder.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gwfollow.data.names import FrameFile, parse
from gwfollow.data.segments import Segment, overlaps
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent

#: names that are looked at in a folder before a server is the better way
MOST_FILES = 200_000
#: seconds to connect to a server, and between two bytes of its answer
TIMEOUT = (10.0, 60.0)


def in_folder(folder: Path, ifo: str, wanted: Segment, frame_type: str | None = None) -> list[FrameFile]:
    """Files below `folder` with names of frames, of one detector and (if given) one type, that share time with `wanted`.

    Raises `InputError` for a folder that is not there or too full, and where several types fit and none is asked for.
    """
    if not folder.is_dir():
        raise InputError(f"frames of {ifo}", str(folder), "a folder that is there")
    found = []
    for path in _files(folder):
        file = parse(path)
        if file is None or not file.belongs_to(ifo) or not overlaps(file.segment, wanted):
            continue
        if frame_type is None or file.description == frame_type:
            found.append(file)
    types = sorted({file.description for file in found})
    if len(types) > 1:
        raise InputError(f"frames of {ifo} in {folder}", types, f"one of them as `frame types` for {ifo}")
    return found


def from_datafind(
    host: str | None,
    ifo: str,
    frame_type: str,
    wanted: Segment,
    urltype: str | None = "file",
    *,
    timeout: tuple[float, float] = TIMEOUT,
) -> list[FrameFile]:
    """What a gwdatafind server knows; `host` None takes GWDATAFIND_SERVER.

    Raises
    ------
    InputError : no server is known
    RemoteSilent : no answer, or one that asks to come back
    RemoteRefused : the server says no (no credential, no such type)
    """
    import requests
    from gwdatafind import find_urls
    from igwn_auth_utils import IgwnAuthError

    what = f"gwdatafind server {host or 'of GWDATAFIND_SERVER'}"
    try:
        urls = find_urls(
            ifo[0],
            frame_type,
            math.floor(wanted[0]),
            math.ceil(wanted[1]),
            host=host,
            urltype=urltype,
            on_gaps="ignore",
            timeout=timeout,
        )
    except requests.RequestException as error:
        if _knows_nothing(error.response):
            return []
        raise translated(what, error) from error
    except IgwnAuthError as error:
        raise RemoteRefused(f"{what}: {error}") from error
    except ValueError as error:
        if host is None:
            raise InputError(
                "GWDATAFIND_SERVER", None, "the address of a gwdatafind server, or `locations: {datafind server: ...}`"
            ) from error
        raise RemoteRefused(f"{what}: its answer is no list of URLs ({error})") from error
    return _named(urls, what)


def from_gwosc(
    ifo: str, wanted: Segment, *, sample_rate: int = 4096, extension: str = "hdf5", host: str | None = None
) -> list[FrameFile]:
    """The public files of GWOSC: those of an event where one holds the stretch, else those of an observing run; empty where it has none.

    `sample_rate` is 4096 or 16384 (Hz), `extension` hdf5 or gwf.  Raises `RemoteSilent` and `RemoteRefused` as `from_datafind`.
    """
    import requests
    from gwosc.api import DEFAULT_URL
    from gwosc.locate import get_urls

    server = host or DEFAULT_URL
    try:
        urls = get_urls(ifo, math.floor(wanted[0]), math.ceil(wanted[1]), sample_rate=sample_rate, format=extension, host=server)
    except requests.RequestException as error:
        raise translated(f"GWOSC ({server})", error) from error
    except ValueError as error:
        if "Cannot find a GWOSC dataset" in str(error):
            return []
        raise RemoteRefused(f"GWOSC ({server}): {error}") from error
    return _named(urls, f"GWOSC ({server})")


def _files(folder: Path) -> Iterator[Path]:
    every = (path for path in folder.rglob("*-*-*-*.*") if path.is_file())
    for number, path in enumerate(itertools.islice(every, MOST_FILES + 1)):
        if number == MOST_FILES:
            raise InputError(
                str(folder), f"more than {MOST_FILES} files", "a smaller folder, or a gwdatafind server that knows it"
            )
        yield path


def _named(urls: list[str], what: str) -> list[FrameFile]:
    found = [(url, parse(url)) for url in urls]
    strange = [url for url, file in found if file is None]
    if strange:
        raise RemoteRefused(f"{what} gives {strange[0]!r}, which is not named as frames are (LIGO-T050017)")
    return [file for _, file in found if file is not None]


def _knows_nothing(response: Any) -> bool:
    """gwdatafind's own way to say that it has nothing of that type (yet): 404 in JSON; any other web server says it in HTML."""
    return response is not None and response.status_code == 404 and "json" in response.headers.get("Content-Type", "")


def translated(what: str, error: Exception) -> RemoteSilent | RemoteRefused:
    """Whether asking again can help."""
    from gwfollow.http_answers import detail, retry_after

    response = getattr(error, "response", None)
    if response is None:
        return RemoteSilent(f"{what} does not answer: {type(error).__name__}: {error}")
    text = f"{what} answers {response.status_code}: {detail(response)}"
    if response.status_code >= 500 or response.status_code in {408, 429}:
        return RemoteSilent(text, retry_after(response))
    return RemoteRefused(text, response.status_code)

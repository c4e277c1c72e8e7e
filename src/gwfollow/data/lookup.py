"""Where frames of one type are looked for, and until when: what a site says of a frame type.

The ways are asked in their order until the stretch is covered; what several know of counts once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gwfollow.data import discovery, folders
from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment
from gwfollow.errors import GWFollowError, InputError, RemoteRefused, RemoteSilent

log = logging.getLogger(__name__)

#: seconds to connect to a server, and between two bytes of its answer: data of the last minute are not worth a longer silence
TIMEOUT = (5.0, 15.0)


class Folder(BaseModel):
    """Files on this machine by their T050017 names: shared memory, a local archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    way: Literal["folder"] = "folder"
    path: str = Field(description="a folder, or a glob pattern of folders: /dev/shm/kafka/H1, /archive/*/H1_R")
    frame_type: str | None = Field(None, description="the same data under another name there; None: the look-up's own")


class Datafind(BaseModel):
    """A gwdatafind server."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    way: Literal["datafind"] = "datafind"
    host: str | None = Field(None, description="None: GWDATAFIND_SERVER")
    urltype: str = "file"
    frame_type: str | None = Field(None, description="the same data under another name there; None: the look-up's own")


class GWOSC(BaseModel):
    """Public data."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    way: Literal["gwosc"] = "gwosc"
    host: str | None = None
    sample_rate: int = 4096


Way = Annotated[Folder | Datafind | GWOSC, Field(discriminator="way")]


class LookUp(BaseModel):
    """One frame type."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    ifo: str
    frame_type: str
    ways: tuple[Way, ...] = Field(min_length=1)
    timeout: float = Field(60.0, ge=0, description="s after the end of the stretch until which data may still come")


def ask(way: Folder | Datafind | GWOSC, ifo: str, frame_type: str, wanted: Segment) -> list[FrameFile]:
    """What one way knows for `wanted`, with gaps or without.

    Raises
    ------
    RemoteSilent : no answer, or none that its client understands: what it has is unknown
    RemoteRefused, InputError : it says no (no credential, no such folder, no server named)
    """
    try:
        return _ask(way, ifo, frame_type, wanted)
    except GWFollowError:
        raise
    except Exception as error:
        log.exception("a look for frames failed")
        raise RemoteSilent(f"a look for {frame_type} failed: {type(error).__name__}: {error}") from error


def _ask(way: Folder | Datafind | GWOSC, ifo: str, frame_type: str, wanted: Segment) -> list[FrameFile]:
    if isinstance(way, Folder):
        kind = folders.Kind(ifo, way.frame_type or frame_type, wanted)
        return folders.look(way.path, [kind])[kind]
    if isinstance(way, Datafind):
        return discovery.from_datafind(way.host, ifo, way.frame_type or frame_type, wanted, way.urltype, timeout=TIMEOUT)
    return discovery.from_gwosc(ifo, wanted, sample_rate=way.sample_rate, extension="gwf", host=way.host)


def find(look_up: LookUp, wanted: Segment) -> Coverage:
    """The frames of `look_up` for `wanted`: its ways are asked in their order until it is covered.

    A way that does not answer or says no leaves it to the others; the result has its words.

    Raises
    ------
    RemoteSilent : nobody answered, so that nothing is known
    RemoteRefused, InputError : every way says no
    """
    found: list[FrameFile] = []
    failed: list[GWFollowError] = []
    for way in look_up.ways:
        try:
            found += ask(way, look_up.ifo, look_up.frame_type, wanted)
        except (RemoteSilent, RemoteRefused, InputError) as error:
            failed.append(error)
            continue
        if cover(found, wanted).complete:
            break
    silent = [error for error in failed if isinstance(error, RemoteSilent)]
    if len(failed) == len(look_up.ways):
        raise (silent or failed)[0]
    return replace(
        cover(found, wanted),
        silent=tuple(str(error) for error in silent),
        refused=tuple(str(error) for error in failed if error not in silent),
    )

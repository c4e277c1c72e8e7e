"""Where frames of one type are looked for, and until when: what a site says of a frame type.

The ways are asked in their order until the stretch is covered; what several know of counts once.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Folder(BaseModel):
    """Files on this machine by their T050017 names: shared memory, a local archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    way: Literal["folder"] = "folder"
    path: str = Field(description="a folder, or a glob pattern of folders: /dev/shm/kafka/H1, /archive/*/H1_R")


class Datafind(BaseModel):
    """A gwdatafind server."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    way: Literal["datafind"] = "datafind"
    host: str | None = Field(None, description="None: GWDATAFIND_SERVER")
    urltype: str = "file"


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

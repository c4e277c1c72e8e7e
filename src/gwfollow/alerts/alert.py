"""One alert, whatever form it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: what an alert may be about.  ``new``, ``update`` and ``snapshot`` (the superevent as a query of GraceDB shows it) speak of the whole
#: superevent; ``earlywarning``, ``preliminary``, ``initial`` and ``retraction`` are the public notices
KINDS = frozenset(
    {
        "new", "update", "snapshot",
        "earlywarning", "preliminary", "initial", "retraction",
        "event_added", "event_removed", "confirmed_as_gw", "exposed", "hidden",
        "label_added", "label_removed", "signoff", "log", "voevent", "emobservation", "other",
    }
)  # fmt: skip

CATEGORIES = ("Production", "Test", "MDC")


@dataclass(frozen=True)
class Skymap:
    """A sky map that came inside an alert, or the name of one that GraceDB has."""

    name: str  # file name, without version
    version: int | None = None
    sha256: str = ""  # of the FITS file; empty where only its name is known
    size: int = 0  # bytes
    contents: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Alert:
    """What one message says; what it does not say is None or missing.

    `facts` holds, as far as the message says them: t_0, t_start, t_end (GPS s), far (Hz), significant (bool), group, pipeline, search,
    instruments (list), classification and properties (name -> probability), duration (s), central_frequency (Hz), preferred_event,
    gw_events (list), gracedb (address of its page), external (a coincidence with another observatory), comment, filename, tags,
    ivorn (name of a VOEvent); member and member_alert (id of the superevent's event that the message is about, and what was told of it);
    skymap_problem, voevent_problem (why a part could not be read).
    """

    form: str  # public, igwn-alert, voevent, snapshot
    event: str  # superevent id; GraceDB id of an event that belongs to none
    superevent: bool
    kind: str  # one of KINDS
    issued: datetime | None = None  # aware UTC; when the sender says that it happened
    role: str = "observation"  # or test
    category: str = "Production"
    facts: Mapping[str, Any] = field(default_factory=dict)
    labels: frozenset[str] | None = None  # all labels at that moment, where the message states them
    label: str | None = None  # of label_added and label_removed
    signoff: Mapping[str, Any] | None = None  # type, instrument, status (OK, NO, deleted), comment
    retracted: bool | None = None  # True: withdrawn
    skymap: Skymap | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)  # the message as JSON, long parts replaced by their checksums

    @property
    def test(self) -> bool:
        """Whether nothing of it may be published: a mock, a test, or of a category other than Production."""
        from gwfollow.naming import is_mock

        return self.role == "test" or self.category != "Production" or is_mock(self.event)


__all__ = ["CATEGORIES", "KINDS", "Alert", "Skymap"]

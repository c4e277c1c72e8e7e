"""Whether a data-quality flag was active, asked of the segment database: without an answer nothing is known, and unknown is not active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gwfollow.data.crew import Report
from gwfollow.data.segments import Segment, missing, told

#: s to connect, and between two bytes of the answer
TIMEOUT = (5.0, 20.0)


@dataclass(frozen=True)
class FlagState:
    """`active` None: nobody knows.  `message` for people."""

    flag: str
    active: bool | None
    message: str


def state(flag: str, wanted: Segment, host: str | None = None) -> FlagState:
    """Asks the database of `host` (None: DEFAULT_SEGMENT_SERVER, else IGWN's).  Never raises: what went wrong is the message."""
    from dqsegdb2.query import query_segments

    try:
        answer: Any = query_segments(flag, *wanted, host=host, timeout=TIMEOUT)
        known, active = ([(float(one[0]), float(one[1])) for one in answer[kind]] for kind in ("known", "active"))
    except Exception as error:  # requests, credentials, a flag's name that is none: all leave it unknown
        said = str(error).splitlines()[0][:200] if str(error) else ""
        return FlagState(flag, None, f"whether {flag} was active is unknown: {type(error).__name__}: {said}")
    if unknown := missing(wanted, known):
        return FlagState(flag, None, f"whether {flag} was active is unknown in {told(unknown, 3)}")
    if off := missing(wanted, active):
        return FlagState(flag, False, f"{flag} was not active in {told(off, 3)}")
    return FlagState(flag, True, "")


@dataclass
class FlagJob:
    """The question in a process of its own: the scan goes on with what no flag decides."""

    flag: str
    wanted: Segment

    def run(self, report: Report) -> None:
        report(state(self.flag, self.wanted))


__all__ = ["FlagJob", "FlagState", "state"]

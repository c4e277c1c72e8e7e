"""The frames of the types that are asked about: waited for until their deadlines, and who was silent or said no."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gwfollow.data import lookup
from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.lookup import LookUp
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.times import utc_to_gps

#: s between two looks for frames that have not come yet
PAUSE = 2.0
#: s after its deadline that a look-up that does not answer is asked again
PATIENCE = 60.0


@dataclass(frozen=True)
class Found:
    """The frames of one type; `coverage` is None where nobody answered."""

    look_up: LookUp
    coverage: Coverage | None
    said: tuple[str, ...] = ()  # who is silent or says no

    @property
    def files(self) -> Sequence[FrameFile]:
        return self.coverage.files if self.coverage else ()

    @property
    def gaps(self) -> Sequence[Segment]:
        return self.coverage.gaps if self.coverage else ()


def frames(
    look_ups: Iterable[LookUp],
    wanted: Segment,
    *,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[tuple[str, str], Found]:
    """The frames of each detector and type, all waited for at once, each until its own deadline (GPS s by `clock`)."""
    now = clock or (lambda: utc_to_gps(datetime.now(UTC)))
    waiting, begun = list(look_ups), now()
    found: dict[tuple[str, str], Found] = {}
    while True:
        for look_up in list(waiting):
            asked, one = now(), _look(look_up, wanted)
            found[look_up.ifo, look_up.frame_type] = one
            if _settled(one, asked, wanted[1] + look_up.timeout, begun):
                waiting.remove(look_up)
        if not waiting:
            return found
        sleep(PAUSE)


def _look(look_up: LookUp, wanted: Segment) -> Found:
    try:
        coverage = lookup.find(look_up, wanted)
    except RemoteSilent as error:
        return Found(look_up, None, (str(error),))
    except (RemoteRefused, InputError) as error:
        return Found(look_up, cover((), wanted), (str(error),))
    return Found(look_up, coverage, (*coverage.silent, *coverage.refused))


def _settled(found: Found, now: float, deadline: float, begun: float) -> bool:
    if found.coverage is not None and found.coverage.complete:
        return True
    silent = found.coverage is None or bool(found.coverage.silent)
    return now >= (max(deadline, begun) + PATIENCE if silent else deadline)


__all__ = ["Found", "frames"]

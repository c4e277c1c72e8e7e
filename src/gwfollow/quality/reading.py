"""The samples of one channel from the frames that were found, with everything that a person should know of what was not read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gwfollow.data import lookup
from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.frame_files import Damaged, DataFile, open_file
from gwfollow.data.lookup import LookUp
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, livetime, told
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.quality.public_masks import PublicMasks
from gwfollow.quality.vectors import Piece
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
    def gaps(self) -> Sequence[Segment]:
        return self.coverage.gaps if self.coverage else ()


@dataclass(frozen=True)
class Samples:
    """What was read of a channel: nothing, and `absent`, where none of the frames that are there has it."""

    frame_type: str
    pieces: tuple[Piece, ...]
    absent: bool
    notes: tuple[str, ...] = ()


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


@dataclass
class Reader:
    """Opens each file once for all channels."""

    found: Mapping[tuple[str, str], Found]
    opened: dict[str, DataFile | Damaged] = field(default_factory=dict)

    def samples(self, channel: str, frame_types: Sequence[str]) -> Samples:
        """From the first type that has the channel; of those types the ones that lack least come first."""
        every = [self.found[channel.partition(":")[0], name] for name in frame_types]
        tried = [self._read(channel, one) for one in sorted(every, key=_lack)]
        return next((one for one in tried if one.pieces), tried[0])

    def _read(self, channel: str, found: Found) -> Samples:
        frame_type, notes = found.look_up.frame_type, list(found.said)
        if found.coverage is None or found.gaps:
            notes.insert(
                0, f"{frame_type}: no frames for {told(found.gaps)}" if found.coverage else f"{frame_type}: nobody answered"
            )
        pieces: list[Piece] = []
        without = damaged = False
        files = list(found.coverage.files) if found.coverage else []
        spare = list(found.coverage.spare) if found.coverage else []
        while files:
            file = files.pop(0)
            try:
                opened = self._open(file, found.look_up.ifo)
                if channel in opened.channels:
                    assert found.coverage is not None
                    read = opened.pieces(channel, found.coverage.wanted)
                    pieces += [Piece(each.start, each.rate, each.values) for each in read]
                else:
                    without = True
                    notes.append(f"{channel} is not in {file.name}")
            except Damaged as error:
                damaged = True
                notes.append(f"{file.name}: {error}")
                files, spare = files + spare, []
        absent = without and not (pieces or damaged)
        return Samples(frame_type, tuple(pieces), absent, tuple(notes))

    def _open(self, file: FrameFile, ifo: str) -> DataFile:
        if file.url not in self.opened:
            try:
                if file.extension == "gwf" or file.path is None:
                    self.opened[file.url] = open_file(file, ifo)
                else:
                    self.opened[file.url] = PublicMasks(file.path, ifo)
            except Damaged as error:
                self.opened[file.url] = error
        opened = self.opened[file.url]
        if isinstance(opened, Damaged):
            raise opened
        return opened


def _lack(found: Found) -> float:
    return float("inf") if found.coverage is None else livetime(found.gaps)


__all__ = ["Found", "Reader", "Samples", "frames"]

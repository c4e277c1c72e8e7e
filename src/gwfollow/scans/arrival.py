"""The frame types of a scan: what of each is there, until when the rest may come, and in the end what is missing and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.crew import Report
from gwfollow.data.fetch import fetch
from gwfollow.data.lookup import LookUp, find
from gwfollow.data.names import FrameFile, parse
from gwfollow.data.segments import Segment, told
from gwfollow.errors import GWFollowError, InputError, RemoteRefused, RemoteSilent
from gwfollow.scans.channel_sets import PAD, stretch
from gwfollow.scans.model import MissingData, ScanConfig

#: s from the first question on that a look-up which does not answer is asked again, though its frames' deadline has passed
SILENCE = 60.0
FRAMES = "frames"


@dataclass
class FrameType:
    """One type; `coverage` is what is known of it."""

    look_up: LookUp
    wanted: Segment
    first_asked: float  # GPS s
    coverage: Coverage
    settled: bool = False
    local: bool = False  # settled, and every file lies on this machine
    fetching: bool = False
    said: str = ""  # by a look-up that did not answer, or said no

    @property
    def name(self) -> str:
        return self.look_up.frame_type

    @property
    def deadline(self) -> float:
        """GPS s."""
        return self.wanted[1] + self.look_up.timeout

    def look(self, now: float) -> bool:
        """Ask once more, at the GPS time `now`; whether the last word is spoken."""
        silent = False
        try:
            self.coverage, self.said = find(self.look_up, self.wanted), ""
        except RemoteSilent as error:
            self.said, silent = str(error), True
        except (RemoteRefused, InputError) as error:
            self.said = str(error)
        silent = silent or bool(self.coverage.silent)
        late = now >= (max(self.deadline, self.first_asked + SILENCE) if silent else self.deadline)
        self.settled = self.coverage.complete or late
        self.local = self.settled and all(file.path is not None for file in self.coverage.files)
        return self.settled

    def missing(self, bad: Mapping[str, str]) -> MissingData | None:
        """What nobody has, without the files that cannot be read."""
        known = [*self.coverage.files, *self.coverage.spare]
        gaps = cover((file for file in known if file.url not in bad), self.wanted).gaps
        if not gaps:
            return None
        why = [self.said, *self.coverage.silent, *self.coverage.refused]
        why += [f"{file.name}: {bad[file.url]}" for file in known if file.url in bad]
        return MissingData(frame_type=self.name, segments=tuple(gaps), message="; ".join(dict.fromkeys(filter(None, why))))

    def sentence(self) -> str:
        gaps = self.coverage.gaps
        return f"{self.name}: {f'missing {told(gaps, 3)}' if gaps else 'complete'}"


def types_of(config: ScanConfig, now: float) -> dict[str, FrameType]:
    """Those that a channel of the scan is read from.  Raises `InputError` where nobody said how one is looked up."""
    longest: dict[str, float] = {}
    read = [(block.frame_type, block.duration) for block in config.blocks]
    if config.primary:
        read.insert(0, (config.primary.frame_type, config.primary.duration))
    for name, duration in read:
        longest[name] = max(duration, longest.get(name, 0.0))
    look_ups = {each.frame_type: each for each in config.look_ups}
    made = {}
    for name, duration in longest.items():
        if name not in look_ups:
            raise InputError("scan, look_ups", sorted(look_ups), f"how frames of type {name} are looked up")
        # gwdetchar-omega cuts to the sample what it reads, and so may need a second more
        wanted = _floats(stretch(config.gps, duration)) if config.engine == "gwdetchar" else window(config.gps, duration)
        made[name] = FrameType(look_ups[name], wanted, now, cover((), wanted))
    return made


def _floats(segment: tuple[int, int]) -> Segment:
    return (float(segment[0]), float(segment[1]))


def window(gps: float, duration: float) -> Segment:
    """The GPS time that is read for `duration` s around `gps`: whole seconds, within what the scan's analysis waits for.

    As long for every `gps` of one duration, so that one tiling serves them, and a length that the FFT likes stays one.
    """
    begin, _ = stretch(gps, duration)
    return (float(begin), float(begin + math.ceil(duration + 2 * PAD)))


@dataclass
class FetchJob:
    """The files of a type that lie elsewhere, into the scan's folder; reports the coverage with those that came."""

    frame_type: str
    coverage: Coverage
    folder: Path

    def run(self, report: Report) -> None:
        files: list[FrameFile] = []
        failed = []
        for file in self.coverage.files:
            try:
                here = file if file.path is not None else parse(fetch(file.url, self.folder / FRAMES, name=file.name))
            except (GWFollowError, OSError) as error:
                failed.append(str(error))
                continue
            files += [here] if here else []
        known = [*files, *(file for file in self.coverage.spare if file.path is not None)]
        report(replace(cover(known, self.coverage.wanted), refused=(*self.coverage.refused, *failed)))


__all__ = ["FRAMES", "FetchJob", "FrameType", "types_of", "window"]

"""What gwdetchar-omega can be asked for: the channels that the frames hold over the whole stretch, and why the others are left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gwfollow.data.blame import Blame
from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.crew import Crew, Report
from gwfollow.data.segments import Segment
from gwfollow.scans import frames
from gwfollow.scans.arrival import FetchJob, types_of
from gwfollow.scans.channel_sets import stretch
from gwfollow.scans.flags import state as flag_state
from gwfollow.scans.frames import READING, Series
from gwfollow.scans.memory import MOST_CHANNELS
from gwfollow.scans.model import Block, ChannelResult, ChannelState, Primary, ScanConfig

#: s between two looks for frames that have not come
POLL = 1.0
#: rates (Hz) of the channels that can be scanned, and the ends of the others
Seen = tuple[dict[str, float], list[ChannelResult]]


@dataclass
class LookJob:
    """What the frames hold of channels of a block, in a process that a damaged file may end.

    Reports each file before it is opened, in the end `Seen` with the files that are damaged.
    """

    config: ScanConfig
    block: Block
    channels: Sequence[str]
    coverage: Coverage
    bad: dict[str, str] = field(default_factory=dict)  # URL of a file that cannot be read -> why

    def run(self, report: Report) -> None:
        begin, end = stretch(self.config.gps, self.block.duration)
        own = cover((*self.coverage.files, *self.coverage.spare), (float(begin), float(end)))
        half = self.block.search / 2
        found = frames.read(
            own,
            self.channels,
            ifo=self.config.ifo,
            around=(self.config.gps - half, self.config.gps + half),
            shortest=float(end - begin),
            bad=self.bad,
            opening=lambda file: report(("opening", file.url)),
        )
        unfit = _unfit(readable(own, self.bad))
        rates, ends = {}, []
        for name, one in found.items():
            if not isinstance(one, Series):
                ends.append(ended(self.block, name, one.state, one.message))
            elif unfit:
                ends.append(ended(self.block, name, "failed", unfit))
            else:
                rates[name] = one.rate
        report(((rates, ends), self.bad))


def readable(coverage: Coverage, bad: Mapping[str, str]) -> Coverage:
    """The same stretch without the files that cannot be read: gwdetchar-omega would end at the first of them."""
    known = (*coverage.files, *coverage.spare)
    return cover((file for file in known if file.url not in bad), coverage.wanted)


def _unfit(coverage: Coverage) -> str:
    """Why gwdetchar-omega could not read what we can."""
    if coverage.overlapping:
        one, other = coverage.overlapping[0]
        return f"gwdetchar-omega cannot read frames that overlap: {one.name} and {other.name}"
    other_kind = next((file.name for file in coverage.files if file.extension != "gwf"), None)
    return f"gwdetchar-omega reads frames (.gwf), not {other_kind}" if other_kind else ""


@dataclass
class Inputs:
    """`over` says whether there is time left; `final` takes channels that have their end before the scan; `idle` is called while one waits."""

    config: ScanConfig
    folder: Path
    say: Callable[[str], None]
    over: Callable[[], bool]
    final: Callable[[Sequence[ChannelResult]], None]
    idle: Callable[[], None]
    bad: dict[str, str]
    rates: dict[str, float] = field(default_factory=dict)  # Hz, of the channels that can be scanned
    primary: ChannelResult | None = None

    def __post_init__(self) -> None:
        self.types = types_of(self.config, _gps_now())
        for name, kind in self.types.items():  # it reads to the end of the second that ours leaves out
            kind.wanted = _wanted(self.config, name)
            kind.coverage = cover((), kind.wanted)
        self.crew = Crew(1)
        self.blame = Blame(self.crew, READING)

    def gather(self) -> None:
        self._await_frames()
        if self.config.primary is not None:
            self._look_at_primary(self.config.primary)
        for block in self.config.blocks:
            names = list(dict.fromkeys(block.channels))
            for first in range(0, len(names), MOST_CHANNELS):
                if self.over():
                    return
                rates, ends = self._look(block, names[first : first + MOST_CHANNELS])  # their samples are not kept
                self.rates |= rates
                self.final(ends)
        self._check_flags()

    def _await_frames(self) -> None:
        while not self.over() and (waiting := [kind for kind in self.types.values() if not kind.settled]):
            for kind in waiting:
                kind.look(_gps_now())
                if kind.settled:
                    self.say(kind.sentence())
            self.idle()
            if not all(kind.settled for kind in waiting):
                time.sleep(POLL)
        for kind in self.types.values():
            if kind.settled and not kind.local:
                reports, went_wrong = self._work(FetchJob(kind.name, kind.coverage, self.folder))
                kind.coverage = reports[-1] if reports else replace(kind.coverage, refused=(went_wrong,))
                self.say(kind.sentence())

    def _look_at_primary(self, primary: Primary) -> None:
        like = {"key": "primary", "name": "primary", "channels": (primary.channel,), "frame_type": primary.frame_type}
        block = Block.model_validate({**like, "duration": primary.duration, "fftlength": primary.fftlength})
        rates, ends = self._look(block, [primary.channel])
        scanned = ended(block, primary.channel, "scanned", "the others are correlated with it", rates.get(primary.channel))
        self.primary = ends[0] if ends else scanned

    def _look(self, block: Block, names: list[str]) -> Seen:
        job = LookJob(self.config, block, names, self.types[block.frame_type].coverage, dict(self.bad))
        reports, went_wrong = self._work(job)
        if not reports:
            why = "not reached" if self.over() else "failed"
            return {}, [ended(block, name, why, f"the process that read it {went_wrong}") for name in names]  # type: ignore[arg-type]
        (rates, ends), bad = reports[-1]
        self.bad.update(bad)
        return rates, ends

    def _work(self, job: LookJob | FetchJob) -> tuple[list[Any], str]:
        """What one job of the crew has reported, and how it went wrong; a file that ends it is left out the next time."""
        reports: list[Any] = []
        self.crew.give(job)
        while self.crew.unfinished:
            if self.over():
                return reports, "had no time left"
            for event in self.crew.events(POLL):
                match event.kind, event.content:
                    case "reported", ("opening", str(url)):
                        self.blame.opening(job, url)
                    case "reported", content:
                        reports.append(content)
                    case _:
                        fault = self.blame.ended(event)
                        if event.kind != "done" and not self._again(job, fault):
                            return reports, str(event.content)
            self.blame.end_endless()
        return reports, ""

    def _again(self, job: LookJob | FetchJob, fault: Mapping[str, str]) -> bool:
        """Once more without the file, if one is to blame."""
        if not fault or not isinstance(job, LookJob):
            return False
        for url, why in fault.items():
            self.say(f"{url}: {why}; it is not opened again")
        self.bad.update(fault)
        job.bad.update(fault)
        self.crew.give(job)
        return True

    def _check_flags(self) -> None:
        """Asked here, once for each flag: gwdetchar-omega would end without an answer."""
        flagged = [block for block in self.config.blocks if block.state_flag and not self.config.ignore_state_flags]
        wanted: dict[str, Segment] = {}
        for block in flagged:
            flag, (begin, end) = block.state_flag or "", self.types[block.frame_type].wanted
            before = wanted.get(flag, (begin, end))
            wanted[flag] = (min(begin, before[0]), max(end, before[1]))
        states = {flag: flag_state(flag, whole) for flag, whole in wanted.items()}
        for block in flagged:
            state = states[block.state_flag or ""]
            if not state.active:
                word: ChannelState = "state off" if state.active is False else "failed"
                names = [name for name in dict.fromkeys(block.channels) if self.rates.pop(name, None)]
                self.final([ended(block, name, word, state.message) for name in names])


def ended(block: Block, channel: str, state: ChannelState, message: str, rate: float | None = None) -> ChannelResult:
    """A channel without a peak."""
    return ChannelResult(
        channel=channel, block=block.key, frame_type=block.frame_type, state=state, message=message, sample_rate=rate
    )


def _wanted(config: ScanConfig, frame_type: str) -> Segment:
    read: list[Block | Primary] = [*config.blocks, *([config.primary] if config.primary else [])]
    begin, end = stretch(config.gps, max(one.duration for one in read if one.frame_type == frame_type))
    return (float(begin), float(end))


def _gps_now() -> float:
    from lal import GPSTimeNow

    return float(GPSTimeNow())


__all__ = ["Inputs", "LookJob", "ended", "readable"]

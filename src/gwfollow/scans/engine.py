"""gwfollow's own scan: the order of the work, and what becomes of it when something goes wrong.

The process that runs this reads no frames and transforms nothing: its crew does (`chunk`), so that a damaged file, a lack of memory or a
fault in one channel is a sentence in the result.  A frame type is scanned as soon as all of it is there, or its deadline has passed; the
primary channel goes first.  Channels that were scanned before the primary channel came are correlated with it afterwards.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gwfollow.data.blame import Blame
from gwfollow.data.crew import Crew, Event
from gwfollow.scans.arrival import FetchJob, FrameType, types_of
from gwfollow.scans.chunk import ChunkJob, PrimaryJob, plan_ahead
from gwfollow.scans.correlation import Template
from gwfollow.scans.drafts import NotWritten
from gwfollow.scans.flags import FlagJob, FlagState
from gwfollow.scans.frames import READING
from gwfollow.scans.interrupt import told_to_stop
from gwfollow.scans.memory import Share
from gwfollow.scans.model import Block, ChannelResult, ScanConfig, ScanResult
from gwfollow.scans.outcome import Outcome
from gwfollow.scans.record import Record, key

#: s between two questions of who has the frames
POLL = 2.0
#: s the loop waits at most before it looks at the clock
TICK = 0.25
Say = Callable[[str], None]


def scan(config: ScanConfig, folder: Path, say: Say = print) -> ScanResult:
    """Scan what `config` asks for into `folder`; what an earlier scan of the same configuration found there is taken up.

    Raises
    ------
    InputError : a configuration that contradicts itself
    NotWritten : the disk is full; what was written stays
    """
    from lal import GPSTimeNow

    work = _Scan(config, folder, say, lambda: float(GPSTimeNow()))
    try:
        with told_to_stop(work.stop):
            work.run()
    finally:
        work.crew.close()
    return work.outcome.write(final=True)


class _Scan:
    def __init__(self, config: ScanConfig, folder: Path, say: Say, gps_now: Callable[[], float]) -> None:
        self.config, self.folder, self.say, self.gps_now = config, folder, say, gps_now
        self.share = Share.of(config)
        self.crew = Crew(self.share.processes)
        self.blame = Blame(self.crew, READING)
        self.types = types_of(config, gps_now())
        self.record = Record(folder, config)
        self.outcome = Outcome(config, folder, self.types, self.record.found)
        self.bad = self.outcome.bad
        self.flags: dict[str, FlagState] = {}
        self.flags_asked: set[str] = set()
        self.blocks = list(config.blocks)  # not begun
        self.template: Template | None = None
        self.primary = "none" if config.primary is None else "awaited"
        self.ends = time.monotonic() + config.time_limit
        self.asked = -POLL
        self.stopped = ""

    def stop(self, why: str) -> None:
        self.stopped = why

    # ---- the loop ----------------------------------------------------------------------------------------------------
    def run(self) -> None:
        if self.record.found:
            self.say(f"{len(self.record.found)} channels were scanned before, and are not scanned again")
        plan_ahead(self.config)
        while not self._over():
            self._look()
            self._begin()
            for event in self.crew.events(TICK):
                self._hear(event)
            self.blame.end_endless()
            self.outcome.write_now_and_then()

    def _over(self) -> bool:
        if time.monotonic() > self.ends:
            self.stop(f"the time limit of {self.config.time_limit:g} s is over")
        if self.stopped:
            self.outcome.stopped = self.stopped
            return True
        waiting = self.blocks or self.primary in ("awaited", "running") or self.crew.unfinished
        return not waiting

    def _look(self) -> None:
        """Ask for the frames that are not there yet, and have those brought that lie elsewhere."""
        if time.monotonic() < self.asked + POLL:
            return
        for kind in self.types.values():
            if not kind.settled and kind.look(self.gps_now()):
                self.say(kind.sentence())
            if kind.settled and not kind.local and not kind.fetching:
                kind.fetching = True
                self.crew.give(FetchJob(kind.name, kind.coverage, self.folder))
        self.asked = time.monotonic()

    def _begin(self) -> None:
        """Hand out what has its data."""
        primary = self.config.primary
        if primary is not None and self.primary == "awaited" and self.types[primary.frame_type].local:
            self.primary = "running"
            self.crew.give(
                PrimaryJob(self.config, self.types[primary.frame_type].coverage, self.folder, dict(self.bad)), first=True
            )
        if self.primary == "running":
            return  # a moment: what comes now is correlated at once
        for block in [block for block in self.blocks if self.types[block.frame_type].local]:
            flag = self._flag_of(block)
            if flag is not None and flag not in self.flags:
                self._ask(flag)
                continue
            self.blocks.remove(block)
            if flag is not None and not self.flags[flag].active:
                self._end_block(block, self.flags[flag])
                continue
            self._give(block, [name for name in dict.fromkeys(block.channels) if (block.key, name) not in self.record.found])

    def _give(self, block: Block, channels: list[str]) -> None:
        size = self.share.channels(block, len(channels))
        for first in range(0, len(channels), size):
            part = channels[first : first + size]
            coverage = self.types[block.frame_type].coverage
            self.crew.give(
                ChunkJob(self.config, block, part, coverage, self.folder, self.share.bytes, dict(self.bad), self.template)
            )

    # ---- flags -------------------------------------------------------------------------------------------------------
    def _flag_of(self, block: Block) -> str | None:
        return None if self.config.ignore_state_flags else block.state_flag

    def _ask(self, flag: str) -> None:
        """Once, when the data are there: the database learns of flags later than the detector's frames come."""
        if flag in self.flags_asked:
            return
        self.flags_asked.add(flag)
        wanted = [self.types[block.frame_type].wanted for block in self.blocks if self._flag_of(block) == flag]
        self.crew.give(FlagJob(flag, (min(begin for begin, _ in wanted), max(end for _, end in wanted))))

    def _end_block(self, block: Block, flag: FlagState) -> None:
        cure = "" if flag.active is False else "; `ignore_state_flags` scans without the answer"
        state: Any = "state off" if flag.active is False else "failed"
        self._final([self._unscanned(block, name, state, f"{flag.message}{cure}") for name in dict.fromkeys(block.channels)])

    # ---- what the crew says ------------------------------------------------------------------------------------------
    def _hear(self, event: Event) -> None:
        job = event.job
        if event.kind == "reported":
            self._reported(job, event.content)
            return
        fault = self.blame.ended(event)
        if isinstance(event.content, NotWritten):
            raise event.content
        for file, why in fault.items():
            self.say(f"{file}: {why}; it is not opened again")
        self._avoid(fault)
        if isinstance(job, ChunkJob):
            self._chunk_ended(job, event, bool(fault))
        elif isinstance(job, PrimaryJob):
            self._primary_ended(event, bool(fault))
        elif isinstance(job, FlagJob) and job.flag not in self.flags:
            self.flags[job.flag] = FlagState(job.flag, None, f"whether {job.flag} was active is unknown: {event.content}")
        elif isinstance(job, FetchJob):
            self._fetched(self.types[job.frame_type], event)

    def _reported(self, job: Any, content: Any) -> None:
        match content:
            case ("opening", str(url)):
                self.blame.opening(job, url)
            case ("read", dict(bad)):
                self.blame.left(job)
                self._avoid(bad)
            case ("peaks", list(results)):
                self.outcome.provisional(results)
            case ("final", list(results)):
                self._final(results)
            case ("primary", ChannelResult() as result, template):
                self.outcome.primary, self.template = result, template
            case FlagState():
                self.flags[content.flag] = content
            case coverage:
                self.types[job.frame_type].coverage = coverage

    def _avoid(self, bad: dict[str, str]) -> None:
        """Later jobs, and those that wait, do not open these files again."""
        self.bad.update(bad)
        for job in self.crew.jobs:
            if isinstance(job, ChunkJob | PrimaryJob):
                job.bad.update(bad)

    def _chunk_ended(self, job: ChunkJob, event: Event, in_a_file: bool) -> None:
        rest = [name for name in job.channels if (job.block.key, name) in job.open]
        if not rest:
            return
        if in_a_file or (event.kind == "died" and len(rest) > 1):
            size = len(rest) if in_a_file else -(-len(rest) // 2)  # whose fault was it?
            for first in range(0, len(rest), size):
                self.crew.give(job.of(rest[first : first + size], self.bad), first=True)
            return
        why = f"the process that scanned it {event.content}" if event.kind == "died" else str(event.content)
        self._final([self._unscanned(job.block, name, "failed", why) for name in rest])

    def _primary_ended(self, event: Event, in_a_file: bool) -> None:
        if in_a_file:
            self.primary = "awaited"  # once more, without the file
            return
        self.primary = "done"
        if self.outcome.primary is None:
            self.outcome.no_primary(f"the process that read it {event.content}" if event.kind == "died" else str(event.content))
        if self.template is not None and self.config.correlate:
            self._correlate_late()

    def _correlate_late(self) -> None:
        late = [result for result in self.record.found.values() if result.significant and result.correlation is None]
        for block in self.config.blocks:
            if block not in self.blocks and (names := [result.channel for result in late if result.block == block.key]):
                self._give(block, names)

    def _fetched(self, kind: FrameType, event: Event) -> None:
        kind.local = True
        if event.kind != "done":
            kind.said = str(event.content)
        self.say(kind.sentence())

    # ---- ends --------------------------------------------------------------------------------------------------------
    def _unscanned(self, block: Block, channel: str, state: Any, message: str) -> ChannelResult:
        return ChannelResult(channel=channel, block=block.key, frame_type=block.frame_type, state=state, message=message)

    def _final(self, ended: list[ChannelResult]) -> None:
        # a second look, for the correlation, takes away nothing that the first found
        results = [one for one in ended if one.state == "scanned" or key(one) not in self.record.found]
        if not results:
            return
        self.record.add(results)
        self.outcome.final(results)
        for job in self.crew.jobs:
            if isinstance(job, ChunkJob):
                job.open -= {key(result) for result in ended}
        counted = Counter(result.state for result in self.record.found.values())
        self.say(
            f"{len(self.record.found)} of {self.outcome.asked} channels: " + ", ".join(f"{n} {s}" for s, n in counted.items())
        )


__all__ = ["scan"]

"""The samples of the channels that are asked about, from the frames that were found, with everything that a person should know of what
was not read.

Frames are read in processes of their own, one for each frame type of a detector.  A file that ends its reader, or holds it for too long,
is named and not opened again; a spare is read in its place, and whatever the other files hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gwfollow.data.blame import Blame
from gwfollow.data.crew import Crew, Event, Report
from gwfollow.data.fetch import fetch
from gwfollow.data.frame_files import Damaged, DataFile, open_file
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, livetime, missing, told
from gwfollow.errors import GWFollowError
from gwfollow.quality.bits import Question
from gwfollow.quality.public_masks import PublicMasks
from gwfollow.quality.reading import Found
from gwfollow.quality.vectors import Piece

#: s for one channel in one file, and for all reading: the job comes to its end whatever the files do
READING, LIMIT = 60.0, 600.0
#: s between two looks at the clock
TICK = 0.25


@dataclass(frozen=True)
class Samples:
    """What was read of a channel: nothing, and `absent`, where none of the frames that are there has it."""

    frame_type: str
    pieces: tuple[Piece, ...]
    absent: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """All that was read, by frame type and channel."""

    found: Mapping[tuple[str, str], Found]
    by_type: Mapping[tuple[str, str], Samples]

    def samples(self, channel: str, frame_types: Sequence[str]) -> Samples:
        """From the first type that has the channel; of those types the ones that lack least come first."""
        every = [self.found[channel.partition(":")[0], name] for name in frame_types]
        tried = [self.by_type[one.look_up.frame_type, channel] for one in sorted(every, key=_lack)]
        return next((one for one in tried if one.pieces), tried[0])


def read(found: Mapping[tuple[str, str], Found], questions: Iterable[Question], say: Callable[[str], None] = print) -> Read:
    """Every channel of every question, from each of the types that may hold it."""
    channels: dict[tuple[str, str], dict[str, None]] = {}
    for question in questions:
        for name in question.frame_types:
            own = channels.setdefault((question.ifo, name), {})
            own |= dict.fromkeys([question.channel, *([question.ok] if question.ok else [])])
    if any(file.extension == "gwf" for key in channels for file in found[key].files):
        import lalframe  # type: ignore[import-untyped,unused-ignore]  # noqa: F401 - once, for every process of the crew
    with TemporaryDirectory(prefix="gwfollow-frames-") as downloads:
        work = _Work([ReadJob(found[key], tuple(names), Path(downloads)) for key, names in channels.items()], say)
        try:
            work.run()
        finally:
            work.crew.close()
    return Read(found, work.read)


@dataclass
class ReadJob:
    """Channels of one frame type; reports each file before it is opened or read, and in the end the samples of all."""

    found: Found
    channels: tuple[str, ...]
    downloads: Path  # for files that do not lie on this machine
    bad: dict[str, str] = field(default_factory=dict)  # URL of a file that must not be opened -> why

    def run(self, report: Report) -> None:
        opened: dict[str, DataFile | Damaged] = {url: Damaged(why) for url, why in self.bad.items()}
        report(("read", {channel: self._channel(channel, opened, report) for channel in self.channels}))

    def nothing(self, why: str) -> dict[str, Samples]:
        return {channel: Samples(self.found.look_up.frame_type, (), False, (why, *self._missing())) for channel in self.channels}

    def _missing(self) -> list[str]:
        """What is to be said of all channels."""
        frame_type, said = self.found.look_up.frame_type, list(self.found.said)
        if self.found.coverage is None:
            return [f"{frame_type}: nobody answered", *said]
        return [f"{frame_type}: no frames for {told(self.found.gaps)}", *said] if self.found.gaps else said

    def _channel(self, channel: str, opened: dict[str, DataFile | Damaged], report: Report) -> Samples:
        notes = self._missing()
        pieces: list[Piece] = []
        without: list[Segment] = []
        damaged = False
        files = list(self.found.files)
        spare = list(self.found.coverage.spare) if self.found.coverage else []
        while files:
            file = files.pop(0)
            try:
                has = self._pieces(channel, self._open(file, opened, report))
            except Exception as error:  # whatever a library raises over a damaged file is that file's
                damaged = True
                notes.append(f"{file.name}: {error if isinstance(error, Damaged) else f'{type(error).__name__}: {error}'}")
                files, spare = files + spare, []
                continue
            if has is None:
                without.append(file.segment)
                notes.append(f"{channel} is not in {file.name}")
            else:
                pieces += has
        # a damaged file may have had it, unless others say of all the time that they have not
        everywhere = self.found.coverage is not None and not missing(self.found.coverage.wanted, without)
        absent = bool(without) and not pieces and (everywhere or not damaged)
        return Samples(self.found.look_up.frame_type, tuple(pieces), absent, tuple(notes))

    def _pieces(self, channel: str, opened: DataFile) -> list[Piece] | None:
        """None where the file has no such channel.  Raises `Damaged`."""
        if channel not in opened.channels:
            return None
        assert self.found.coverage is not None
        return [Piece(each.start, each.rate, each.values) for each in opened.pieces(channel, self.found.coverage.wanted)]

    def _open(self, file: FrameFile, opened: dict[str, DataFile | Damaged], report: Report) -> DataFile:
        """Once for all channels; told each time, for reading a channel can end this process too.  Raises `Damaged`."""
        if file.url not in opened:
            try:
                here = self._here(file, report)
                report(("opening", file.url))
                opened[file.url] = _opened(here, self.found.look_up.ifo)
            except Damaged as error:
                opened[file.url] = error
        one = opened[file.url]
        if isinstance(one, Damaged):
            raise one
        report(("opening", file.url))
        return one

    def _here(self, file: FrameFile, report: Report) -> FrameFile:
        """On this machine.  Raises `Damaged`."""
        if file.path is not None:
            return file
        report("fetching")
        try:
            return replace(file, url=str(fetch(file.url, self.downloads, name=file.name)))
        except (GWFollowError, OSError) as error:
            raise Damaged(str(error)) from error


def _opened(file: FrameFile, ifo: str) -> DataFile:
    return open_file(file, ifo) if file.extension == "gwf" or file.path is None else PublicMasks(file.path, ifo)


class _Work:
    """Every job, until the last has come to its end or the time is over."""

    def __init__(self, jobs: Sequence[ReadJob], say: Callable[[str], None]) -> None:
        self.jobs, self.say = jobs, say
        self.crew = Crew(len(jobs))
        self.blame = Blame(self.crew, READING)
        self.read: dict[tuple[str, str], Samples] = {}

    def run(self) -> None:
        ends = time.monotonic() + LIMIT
        for job in self.jobs:
            self.crew.give(job)
        while self.crew.unfinished and time.monotonic() < ends:
            for event in self.crew.events(TICK):
                assert isinstance(event.job, ReadJob)
                self._hear(event.job, event)
            self.blame.end_endless()
        for job in self.jobs:
            if (job.found.look_up.frame_type, job.channels[0]) not in self.read:
                self._keep(
                    job,
                    job.nothing(f"{job.found.look_up.frame_type}: not read within {LIMIT:g} s {self.blame.file(job)}".strip()),
                )

    def _hear(self, job: ReadJob, event: Event) -> None:
        match event.kind, event.content:
            case "reported", ("opening", str(url)):
                self.blame.opening(job, url)
            case "reported", "fetching":
                self.blame.left(job)  # however long that takes
            case "reported", ("read", dict(samples)):
                self.blame.left(job)
                self._keep(job, samples)
            case "done", _:
                self.blame.ended(event)
            case _:
                self._went_wrong(job, event)

    def _went_wrong(self, job: ReadJob, event: Event) -> None:
        fault = self.blame.ended(event)
        if not fault:
            how = "the process that read them " if event.kind == "died" else f"{type(event.content).__name__}: "
            self._keep(job, job.nothing(f"{how}{event.content}"))
            return
        for url, why in fault.items():
            self.say(f"{url}: {why}; it is not opened again")
        job.bad |= fault
        self.crew.give(job, first=True)

    def _keep(self, job: ReadJob, samples: Mapping[str, Samples]) -> None:
        self.read |= {(job.found.look_up.frame_type, channel): one for channel, one in samples.items()}


def _lack(found: Found) -> float:
    return float("inf") if found.coverage is None else livetime(found.gaps)


__all__ = ["Read", "ReadJob", "Samples", "read"]

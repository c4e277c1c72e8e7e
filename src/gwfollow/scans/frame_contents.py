"""What the frames at a time hold: which types a folder has, which channels they have and how fast those are sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gwfollow.data import frame_files
from gwfollow.data.blame import Blame
from gwfollow.data.coverage import Coverage
from gwfollow.data.crew import Crew, Report
from gwfollow.data.fetch import fetch
from gwfollow.data.lookup import Folder, LookUp, find
from gwfollow.data.names import FrameFile, parse
from gwfollow.data.segments import Segment, coalesced, missing, overlaps, told
from gwfollow.errors import GWFollowError, InputError
from gwfollow.scans.channel_sets import stretch

#: s around the time that are looked at
LONGEST = 256.0
#: s for one file
READING = 60.0


@dataclass(frozen=True)
class Held:
    """What the frames of one type have at a time."""

    look_up: LookUp
    span: Segment  # without gaps, around the time
    names: frozenset[str]
    opened: frame_files.DataFile

    def rate(self, channel: str, gps: float) -> float:
        """Hz; 0 where the channel cannot be read (the scan itself says why)."""
        try:
            piece = next(iter(self.opened.pieces(channel, (gps, gps + 1))), None)
        except frame_files.Damaged:
            return 0.0
        return piece.rate if piece is not None else 0.0


def in_folder(folder: Path, ifo: str, gps: float) -> list[LookUp]:
    """A look-up for each frame type of the detector in a folder (and those below) around a time.  Raises `InputError` where there is none."""
    if not folder.is_dir():
        raise InputError("--frames", str(folder), "a folder that is there")
    every = [file for path in folder.rglob("*-*-*-*.*") if (file := parse(path)) is not None and file.belongs_to(ifo)]
    near = [file for file in every if overlaps(file.segment, (gps, gps + 1e-6))]
    if not near:
        has = told(coalesced(file.segment for file in every), most=3) if every else f"no frames of {ifo}"
        raise InputError(f"--frames {folder}", has, f"frames of {ifo} that hold GPS {gps:.3f}")
    way = Folder(path=str(folder.absolute()), frame_type=None)
    types = dict.fromkeys(file.description for file in near)
    return [LookUp(ifo=ifo, frame_type=kind, ways=(way,), timeout=0.0) for kind in sorted(types)]


def contents(
    ifo: str,
    gps: float,
    look_ups: Iterable[LookUp],
    *,
    downloads: Path | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> list[Held]:
    """What the frames that hold `gps` have, of each look-up that finds any; one that lies elsewhere is fetched into `downloads`.

    Raises the first error of a look-up where none finds any, and `InputError` where there was none.
    """
    held: list[Held] = []
    failed: list[GWFollowError] = []
    for look_up in look_ups:
        start, end = stretch(gps, LONGEST)
        try:
            found = find(look_up, (float(start), float(end)))
            held.append(held_by(ifo, gps, look_up, found, downloads))
        except GWFollowError as error:
            failed.append(error)
    for why in failed if held else []:
        warn(str(why))
    if not held:
        raise failed[0] if failed else InputError(f"frames of {ifo}", "none", "a folder, or a server, that has some")
    return held


def held_by(ifo: str, gps: float, look_up: LookUp, found: Coverage, downloads: Path | None = None) -> Held:
    """Raises `InputError` where no file holds `gps`, or the one that does cannot be read, and what a download raises."""
    here = next((file for file in found.files if overlaps(file.segment, (gps, gps + 1e-6))), None)
    if here is None:
        has = told(coalesced(file.segment for file in found.files), most=3) or "none"
        raise InputError(f"frames {look_up.frame_type} of {ifo}", has, f"frames that hold GPS {gps:.3f}")
    if here.path is None and downloads is not None:
        here = replace(here, url=str(fetch(here.url, downloads, name=here.name)))
    try:
        opened = frame_files.open_file(here, ifo)
    except frame_files.Damaged as error:
        raise InputError(f"{here.name}: {error}") from None
    around = missing(found.wanted, found.gaps)
    names = frozenset(opened.channels)
    if here.extension != "gwf":  # GWOSC's HDF5 has one series, without a name
        names = frozenset({f"{ifo}:GWOSC-STRAIN"}) if names else names
    return Held(look_up, next(span for span in around if overlaps(span, (gps, gps + 1e-6))), names, opened)


@dataclass
class _LackJob:
    """What one file lacks, in a process that the file may end."""

    file: FrameFile
    wanted: Sequence[str]
    ifo: str

    def run(self, report: Report) -> None:
        report(("opening", self.file.url))
        try:
            has = frame_files.open_file(self.file, self.ifo).channels
        except frame_files.Damaged as error:
            report([f"{self.file.name}: {error}"])
            return
        report([f"{self.file.name} lacks {name}" for name in dict.fromkeys(self.wanted) if name not in has])


def lacking(asked: Iterable[tuple[FrameFile, Sequence[str]]], ifo: str) -> list[str]:
    """For people: which of the channels that are asked of a file it has not, or why it cannot be read."""
    lines: list[str] = []
    crew = Crew(1)
    blame = Blame(crew, READING)
    try:
        for file, wanted in asked:
            crew.give(_LackJob(file, wanted, ifo))
        while crew.unfinished:
            for event in crew.events(1.0):
                match event.kind, event.content:
                    case "reported", ("opening", str(url)):
                        blame.opening(event.job, url)
                    case "reported", list(found):
                        lines += found
                    case "done", _:
                        blame.ended(event)
                    case _, content:
                        assert isinstance(event.job, _LackJob)
                        why = blame.ended(event).get(event.job.file.url, str(content))
                        lines.append(f"{event.job.file.name}: {why}")
            blame.end_endless()
    finally:
        crew.close()
    return lines


__all__ = ["LONGEST", "Held", "contents", "held_by", "in_folder", "lacking"]

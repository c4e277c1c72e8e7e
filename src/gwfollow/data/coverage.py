"""Which of the files that were found are needed for a stretch of time, and what of it nobody has.

A file that was found twice (two copies in an archive, one URL from two servers) counts once, and so does time that two files cover:
as few files are chosen as cover it, the ones that reach furthest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, missing, overlaps


@dataclass(frozen=True)
class Coverage:
    """`files` in order of time cover `wanted` but for `gaps`; `spare` were found too and are not needed.

    A gap is what nobody who answered has.  Where some did not answer (`silent`) or said no (`refused`), their words are here: while
    somebody is silent a gap is only not known to be filled.
    """

    wanted: Segment
    files: tuple[FrameFile, ...]
    gaps: tuple[Segment, ...]
    spare: tuple[FrameFile, ...] = ()
    silent: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.gaps

    @property
    def overlapping(self) -> list[tuple[FrameFile, FrameFile]]:
        """Neighbours that share time: some readers refuse to join such files."""
        return [
            (one, other) for one, other in zip(self.files, self.files[1:], strict=False) if overlaps(one.segment, other.segment)
        ]


def cover(found: Iterable[FrameFile], wanted: Segment) -> Coverage:
    """Choose from `found` what `wanted` needs."""
    every = list(found)
    # of two copies the one that lies on this machine; the name decides between equals, so that every run chooses alike
    once: dict[str, FrameFile] = {}
    for file in sorted(every, key=lambda file: (file.path is None, file.url)):
        once.setdefault(file.name, file)
    useful = [file for file in once.values() if overlaps(file.segment, wanted)]
    chosen = _fewest(useful, wanted)
    spare = tuple(file for file in every if file not in chosen)
    return Coverage(wanted, tuple(chosen), tuple(missing(wanted, (file.segment for file in chosen))), spare)


def _fewest(files: list[FrameFile], wanted: Segment) -> list[FrameFile]:
    """The usual greedy cover of an interval: from where it is covered to, the file that reaches furthest."""
    chosen: list[FrameFile] = []
    at, end = wanted
    rest = sorted(files, key=lambda file: (file.segment[0], -file.segment[1], file.name))
    best: FrameFile | None = None
    number = 0
    while at < end and number < len(rest):
        while number < len(rest) and rest[number].segment[0] <= at:
            if best is None or rest[number].segment[1] > best.segment[1]:
                best = rest[number]
            number += 1
        if best is not None and best.segment[1] > at:
            chosen.append(best)
            at = best.segment[1]
        elif number < len(rest):
            at = rest[number].segment[0]  # a gap
        best = None
    return chosen

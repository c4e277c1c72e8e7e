"""One file of data opened: which channels it has, and their samples piece by piece.

Frames (.gwf, LIGO-T970130) are read by lalframe at the level of channels: one look at the table of contents and one decompression for
each channel and frame, a quarter of the processor time that gwpy's reader takes (it looks for every channel from the beginning of the
stream).  Each structure's checksum is verified there.  A damaged table of contents can end the process: see `data.crew`.
GWOSC's HDF5 files hold one channel, the strain.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, overlaps


class Damaged(Exception):
    """The file, or this channel of it, cannot be read; the text says why."""


@dataclass(frozen=True)
class Piece:
    """Samples without a gap."""

    start: float  # GPS s
    rate: float  # Hz
    values: np.ndarray[Any, Any]  # [n], as they are recorded: float, double, integers


class DataFile(Protocol):
    @property
    def channels(self) -> Collection[str]: ...

    def pieces(self, channel: str, wanted: Segment) -> Iterator[Piece]:
        """What the file has of a channel in a stretch of time, and perhaps more around it.  Raises `Damaged`."""


def open_file(file: FrameFile, ifo: str) -> DataFile:
    """Raises `Damaged` for a file that is not there, empty, cut off, or none of its kind."""
    path = file.path
    if path is None:
        raise Damaged("it does not lie on this machine")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Damaged(str(error.strerror)) from error
    if not size:
        raise Damaged("it is empty")
    return Frames(path) if file.extension == "gwf" else PublicStrain(path, ifo)


class Frames:
    """A .gwf file."""

    def __init__(self, path: Path) -> None:
        import lal
        import lalframe  # type: ignore[import-untyped,unused-ignore]

        lal.ClobberDebugLevel(0)  # what it would print is raised as well
        self._path, self._lib = path, lalframe
        self._file, contents = self._open()
        self._frames = [
            (sum(lalframe.FrameUFrTOCQueryGTimeModf(contents, number)), float(lalframe.FrameUFrTOCQueryDt(contents, number)))
            for number in range(lalframe.FrameUFrTOCQueryNFrame(contents))
        ]
        if not self._frames:
            raise Damaged("it holds no frame")
        self.channels = _names(lalframe, contents)

    def pieces(self, channel: str, wanted: Segment) -> Iterator[Piece]:
        for number, (start, length) in enumerate(self._frames):
            if overlaps((start, start + length), wanted):
                yield self._piece(channel, number, start)

    def _open(self) -> tuple[Any, Any]:
        try:
            file = self._lib.FrameUFrFileOpen(str(self._path), "r")
            contents = self._lib.FrameUFrTOCRead(file)
        except (RuntimeError, MemoryError):
            contents = None
        if contents is None:  # whoever asks it for anything now dies
            raise Damaged("it is no frame file, or cut off (its table of contents cannot be read)")
        return file, contents

    def _piece(self, channel: str, number: int, start: float) -> Piece:
        lib = self._lib
        try:
            series = lib.FrameUFrChanRead(self._file, channel, number)
            failed = lib.FrameUFrChanVectorExpand(series)
        except (RuntimeError, MemoryError) as error:
            self._file, _ = self._open()  # after a fault this library reads nothing more from the file
            raise Damaged(f"{channel} in it is damaged") from error
        if failed:
            raise Damaged(f"{channel} in it cannot be decompressed")
        kind = _TYPES.get(lib.FrameUFrChanVectorQueryType(series))
        step = float(lib.FrameUFrChanVectorQueryDx(series, 0))
        if kind is None or lib.FrameUFrChanVectorQueryNDim(series) != 1 or step <= 0:
            raise Damaged(f"{channel} in it is no series of real numbers in time")
        values = _copied(lib.FrameUFrChanVectorQueryData(series), int(lib.FrameUFrChanVectorQueryNData(series)), kind)
        return Piece(start + float(lib.FrameUFrChanQueryTimeOffset(series)), 1 / step, values)


class PublicStrain:
    """A file of strain as GWOSC publishes it: the channel's name is not in it, any name of the detector's strain is meant."""

    def __init__(self, path: Path, ifo: str) -> None:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                strain = file["strain/Strain"]
                step = float(strain.attrs["Xspacing"])
                self._piece = Piece(float(file["meta/GPSstart"][()]), 1 / step, np.asarray(strain[()]))
                detector = file["meta/Detector"][()]
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise Damaged(f"it is no file of strain as GWOSC's, or cut off ({error})") from error
        own = detector.decode() if isinstance(detector, bytes) else str(detector)
        self.channels: Collection[str] = _Strain(own) if own == ifo else ()

    def pieces(self, channel: str, wanted: Segment) -> Iterator[Piece]:
        yield self._piece


class _Strain(frozenset[str]):
    """Holds every name that can be the detector's strain."""

    def __new__(cls, ifo: str) -> _Strain:
        return super().__new__(cls, [ifo])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(name.startswith(f"{ifo}:") for ifo in self) and "STRAIN" in name.upper()


def _names(lib: Any, contents: Any) -> frozenset[str]:
    return frozenset(
        str(getattr(lib, f"FrameUFrTOCQuery{kind}Name")(contents, number))
        for kind in ("Adc", "Proc", "Sim")
        for number in range(getattr(lib, f"FrameUFrTOCQuery{kind}N")(contents))
    )


def _copied(pointer: Any, count: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The library frees its own memory with the series."""
    address = int(pointer)
    pointer.disown()  # it is the library's: without this the bindings complain on stderr
    return np.frombuffer(ctypes.string_at(address, count * kind.itemsize), dtype=kind)


#: types of vectors in frames, by the numbers of LIGO-T970130, table 4 (`lalframe.FRAMEU_FR_VECT_*`)
_TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("i1"),
    1: np.dtype("i2"),
    2: np.dtype("f8"),
    3: np.dtype("f4"),
    4: np.dtype("i4"),
    5: np.dtype("i8"),
    9: np.dtype("u2"),
    10: np.dtype("u4"),
    11: np.dtype("u8"),
    12: np.dtype("u1"),
}

__all__ = ["Damaged", "DataFile", "Piece", "open_file"]

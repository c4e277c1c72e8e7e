"""The masks of data quality and of injections in GWOSC's HDF5 files, by the names that they have in GWOSC's frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from gwfollow.data.frame_files import Damaged, Piece
from gwfollow.data.segments import Segment

#: end of the channel's name in frames -> where the HDF5 files have it
_PLACES = {"_DQMASK": "quality/simple/DQmask", "_INJMASK": "quality/injections/Injmask"}


class PublicMasks:
    """Any channel of the detector whose name ends in ``_DQMASK`` or ``_INJMASK`` is meant: the names differ from release to release."""

    def __init__(self, path: Path, ifo: str) -> None:
        import h5py

        self._pieces: dict[str, Piece] = {}
        try:
            with h5py.File(path, "r") as file:
                start, found = float(file["meta/GPSstart"][()]), file["meta/Detector"][()]
                for ending, place in _PLACES.items():
                    if place in file:
                        mask = file[place]
                        step = float(mask.attrs.get("Xspacing", 1.0))
                        self._pieces[ending] = Piece(start, 1 / step, mask[()])
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise Damaged(f"it is no file of GWOSC's, or cut off ({error})") from error
        own = found.decode() if isinstance(found, bytes) else str(found)
        self.channels: Collection[str] = _Named(ifo, self._pieces) if own == ifo else ()

    def pieces(self, channel: str, wanted: Segment) -> Iterator[Piece]:
        yield self._pieces[_ending(channel)]


class _Named(frozenset[str]):
    """Holds every name of the detector that ends as one of its own."""

    def __new__(cls, ifo: str, endings: Any) -> _Named:
        found = super().__new__(cls, endings)
        found._ifo = ifo
        return found

    _ifo: str

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(f"{self._ifo}:") and frozenset.__contains__(self, _ending(name))


def _ending(name: str) -> str:
    return f"_{name.rpartition('_')[2]}"


__all__ = ["PublicMasks"]

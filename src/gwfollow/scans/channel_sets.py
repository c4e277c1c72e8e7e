"""Channel sets: which channels of a detector are scanned, how, and where their frames are looked for.

A set is a YAML file in ``include/configs/channel_sets``.  Its channels stand in it (``blocks``) or in a file beside it (``config``): an INI of
gwdetchar-omega, or a scan file of the older Omega pipeline.  Such a file alone is a set too, of which GWDATAFIND_SERVER has the frames.
What an analysis says under ``scan`` is merged over the set, key by key (``docs/scans.md`` has every key).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.suggest import nearly

if TYPE_CHECKING:
    from gwfollow.data.lookup import LookUp
    from gwfollow.scans.model import Block, Primary, ScanConfig
    from gwfollow.scans.set_reader import Checked

FOLDER = "channel_sets"
#: data read on each side beyond those that are transformed, s (as gwdetchar-omega), so that no filter's edge is looked at
PAD = 1.0
#: key of an analysis' `scan` that names the set
NAMED = "channel set"

_PATHS = frozenset({".yaml", ".yml", ".ini", ".cfg", ".conf", ".txt"})


@dataclass(frozen=True)
class ChannelSet:
    """A set that has been checked; `document` is its YAML as merged, `options` what `ScanConfig` is given, `warnings` are for a person."""

    name: str
    path: Path | None
    ifo: str
    document: Mapping[str, Any]
    blocks: tuple[Block, ...]
    primary: Primary | None
    look_ups: tuple[LookUp, ...]
    options: Mapping[str, Any]
    scheduler: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return str(self.document.get("description") or "")

    @property
    def channels(self) -> list[str]:
        return [name for block in self.blocks for name in block.channels]

    @property
    def files(self) -> list[Path]:
        """The set's own: its YAML, and the file of channels beside it."""
        if self.path is None:
            return []
        config = self.document.get("config")
        beside = [self.path.parent / config] if config and self.path.name != config else []
        return [path for path in (self.path, *beside) if path.is_file()]

    def overridden(self, overrides: Mapping[str, Any] | None, place: str = "scan") -> ChannelSet:
        """The set with what an analysis says of it.  Raises `InputError` with `place` and the path of what cannot be."""
        from gwfollow.scans.set_reader import Reader

        changes = {key: value for key, value in (overrides or {}).items() if key != NAMED}
        if not changes:
            return self
        reader = Reader(self.name, self.path, str(self.path or self.name))
        return _made(self.name, self.path, reader.read(self.document, changes, place))

    def window(self, gps: float, frame_type: str | None = None) -> tuple[int, int]:
        """GPS s, whole seconds: the data that a scan at `gps` reads (of one frame type), with what whitening and transform need."""
        durations = [block.duration for block in self.blocks if frame_type in (None, block.frame_type)]
        if self.primary is not None and frame_type in (None, self.primary.frame_type):
            durations.append(self.primary.duration)
        return stretch(gps, max(durations, default=0.0))

    def searched(self, gps: float, frame_type: str) -> tuple[float, float] | None:
        """GPS s: the least that a block of this frame type searches, without which none of its channels can be scanned."""
        windows = [block.search for block in self.blocks if block.frame_type == frame_type]
        return (gps - min(windows) / 2, gps + min(windows) / 2) if windows else None

    def scan_config(
        self, *, gps: float, title: str, overrides: Mapping[str, Any] | None = None, place: str = "scan"
    ) -> ScanConfig:
        """What the worker reads.  Raises `InputError` as `overridden`."""
        from gwfollow.scans.model import ScanConfig

        if overrides:
            return self.overridden(overrides, place).scan_config(gps=gps, title=title, place=place)
        return ScanConfig(
            title=title,
            gps=check_gps(gps, f"{place}, gps"),
            ifo=self.ifo,
            channel_set=self.name,
            blocks=self.blocks,
            primary=self.primary,
            look_ups=self.look_ups,
            **self.options,
        )


def check_gps(gps: float, place: str) -> float:
    if not math.isfinite(gps) or not 0 < gps < 1e10:
        raise InputError(place, gps, "a GPS time in s")
    return gps


def stretch(gps: float, duration: float) -> tuple[int, int]:
    """Whole GPS seconds around `gps` that hold `duration` and `PAD` on each side."""
    return math.floor(gps - duration / 2 - PAD), math.ceil(gps + duration / 2 + PAD)


def names(configs: Path) -> list[str]:
    """The sets of a site."""
    return sorted(path.stem for path in (configs / FOLDER).glob("*.yaml"))


def load(name_or_path: str | Path, configs: Path, place: str = NAMED) -> ChannelSet:
    """A set by its name, or from a file.  Raises `InputError` that names the file, the line or path, what was found and what was expected.

    `place` is where the name stands.
    """
    from gwfollow.scans.set_reader import YAML, Reader, read_text

    path = find(name_or_path, configs, place)
    text = read_text(path)
    document = _document(text, str(path)) if path.suffix in YAML else {"ifo": _detector(text, path), "config": path.name}
    return _made(path.stem, path, Reader(path.stem, path, str(path)).read(document))


def from_document(document: Mapping[str, Any] | None, configs: Path, place: str = "scan") -> ChannelSet:
    """The set of an analysis' `scan`: what ``channel set`` names (a name or a path) with the rest merged over it; without it, the rest alone.

    Raises `InputError`.
    """
    from gwfollow.scans.set_reader import Reader

    if not isinstance(document, Mapping) or not document:
        raise InputError(place, document, "a mapping: {channel set: H1_strain}")
    named = document.get(NAMED)
    if named is None:
        return _made(
            "on request", None, Reader("on request", None, place).read({k: v for k, v in document.items() if k != NAMED})
        )
    if not isinstance(named, str):
        raise InputError(f"{place}, {NAMED}", named, "the name of a channel set, or the path of its file")
    return load(named, configs, f"{place}, {NAMED}").overridden(document, place)


def find(name_or_path: str | Path, configs: Path, place: str = NAMED) -> Path:
    """The file of a set, whose name stands at `place`.  Raises `NotFound`."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or Path(text).suffix in _PATHS:
        path = Path(text).expanduser()
        if not path.is_file():
            raise NotFound(place, text, "a file that is there")
        return path
    known = names(configs)
    if text not in known:
        raise NotFound(
            place, text, f"one of {', '.join(known) or '(none)'} in {configs / FOLDER}, or a path{nearly(text, known)}"
        )
    return configs / FOLDER / f"{text}.yaml"


def _made(name: str, path: Path | None, checked: Checked) -> ChannelSet:
    return ChannelSet(name=name, path=path, **{one.name: getattr(checked, one.name) for one in fields(checked)})


def _document(text: str, place: str) -> Mapping[str, Any]:
    from gwfollow.ledger.yamlfile import read_documents

    documents = list(read_documents(text, place))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise InputError(
            place, f"{len(documents)} documents" if len(documents) != 1 else documents[0], "one mapping: ifo, config, ..."
        )
    return documents[0]


def _detector(text: str, path: Path) -> str:
    """Of a file that says it by the prefix of its channels alone; where they are ``%(IFO)s``, by its name."""
    found = re.search(r"(?:^|[\s='\"])([A-Z][1-9]):[A-Z]", text) or re.search(r"(?:^|[-_.])([A-Z][1-9])(?=[-_.])", path.name)
    if found is None:
        raise InputError(
            str(path), "no channel with the prefix of a detector", "H1:..., L1:..., or a set in YAML that says `ifo`"
        )
    return found[1]


__all__ = ["ChannelSet", "check_gps", "find", "from_document", "load", "names", "stretch"]

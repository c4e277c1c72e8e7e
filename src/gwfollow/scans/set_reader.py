"""A channel set read: its YAML, the file of channels beside it, and what an analysis says over both, checked together.

Every refusal names the file and the line, or the path of the key, what was found and what was expected.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.data.lookup import LookUp
from gwfollow.errors import InputError
from gwfollow.ledger.fields import check_plain
from gwfollow.ledger.merge import deep_merge
from gwfollow.ledger.suggest import nearly
from gwfollow.scans import fields, frame_types, old_scan_file, omega_ini
from gwfollow.scans.fields import Check
from gwfollow.scans.model import Block, Primary
from gwfollow.scans.sections import PRIMARY, Section, make_block, make_primary

#: key -> attribute of `ScanConfig` and check
OPTIONS: dict[str, tuple[str, Check]] = {
    "engine": ("engine", fields.one_of("gwfollow", "gwdetchar")),
    "incomplete": ("incomplete", fields.one_of("scan", "skip")),
    "far threshold": ("far_threshold", fields.number("Hz", above=0)),
    "correlate": ("correlate", fields.truth),
    "ignore state flags": ("ignore_state_flags", fields.truth),
    "colormap": ("colormap", fields.colormap),
    "workers": ("workers", fields.whole(least=0)),
    "memory": ("memory_mb", fields.megabytes),
    "time limit": ("time_limit", fields.number("s", above=0)),
}
#: what makes the channels, and what the ledger reads
OTHER = ("ifo", "description", "config", "blocks", PRIMARY, "channels", "frame types", "scheduler")
YAML = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class Checked:
    """What a set says, all of it checked."""

    ifo: str
    document: Mapping[str, Any]
    blocks: tuple[Block, ...]
    primary: Primary | None
    look_ups: tuple[LookUp, ...]
    options: Mapping[str, Any]
    scheduler: Mapping[str, Any]
    warnings: tuple[str, ...]


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "bytes that are no text", "text in UTF-8") from None


@dataclass
class Reader:
    """One reading of one set; `path` is its file (None: it stands in an analysis' document), `place` what messages call it."""

    name: str
    path: Path | None
    place: str
    warnings: list[str] = field(default_factory=list)
    _far: float | None = None

    def read(self, document: Mapping[str, Any], overrides: Mapping[str, Any] | None = None, over: str = "") -> Checked:
        """`overrides` are merged over `document`; messages call them `over`."""
        overrides = overrides or {}
        for written, place in ((document, self.place), (overrides, over)):
            check_plain(written, place)
            fields.refuse_unknown(written, (*OPTIONS, *OTHER), place)
        whole = deep_merge(document, overrides)

        def at(key: str) -> str:
            return f"{over if key in overrides else self.place}, {key}"

        ifo = fields.ifo(whole.get("ifo"), at("ifo"))
        look_ups = frame_types.read(whole.get("frame types") or {}, ifo, at("frame types"))
        sections = self._sections(whole, ifo)
        for key in ("blocks", PRIMARY):
            _override(sections, key, document.get(key), self.place)
            _override(sections, key, overrides.get(key), over)
        self._frames(sections, ifo, look_ups)
        primary = sections.pop(PRIMARY, None)
        blocks = _once([make_block(section, ifo, self.warnings) for section in sections.values()], self.warnings, self.name)
        if "channels" in whole and (whole.get("config") or whole.get("blocks")):
            blocks = _chosen(blocks, whole["channels"], at("channels"))
        if not blocks:
            raise InputError(f"{self.place}, blocks", None, "a `config`, or `blocks` with channels")
        made = make_primary(primary, ifo) if primary is not None else None
        used = {block.frame_type for block in blocks} | ({made.frame_type} if made else set())
        options = {
            attribute: check(whole[key], at(key)) for key, (attribute, check) in OPTIONS.items() if whole.get(key) is not None
        }
        if self._far is not None:
            options.setdefault("far_threshold", self._far)
        return Checked(
            ifo=ifo,
            document=whole,
            blocks=tuple(blocks),
            primary=made,
            look_ups=tuple(look_up for kind, look_up in look_ups.items() if kind in used),
            options=options,
            scheduler=self._scheduler(whole.get("scheduler"), at("scheduler")),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    def _sections(self, whole: Mapping[str, Any], ifo: str) -> dict[str, Section]:
        """Those of the file beside it; without one, a section of all `channels` where no blocks are written."""
        config = whole.get("config")
        if config is not None:
            found: dict[str, Section] = {}
            for section in self._config(fields.text(config, f"{self.place}, config"), ifo):
                while section.key in found:  # [A B] and [A-B]
                    section.key += "-2"
                found[section.key] = section
            return found
        if whole.get("blocks") or "channels" not in whole:
            return {}
        kinds = list(whole.get("frame types") or {})
        if len(kinds) != 1:
            raise InputError(f"{self.place}, frame types", kinds, "one frame type, where channels are named without blocks")
        section = Section("Channels", f"{self.place}")
        for key, value in {"channels": whole["channels"], "frame type": kinds[0], "duration": 64, "fftlength": 8}.items():
            section.put(key, value, f"{self.place}, {key}")
        return {section.key: section}

    def _config(self, config: str, ifo: str) -> list[Section]:
        path = (self.path.parent if self.path else Path()) / config
        if not path.is_absolute() and self.path is None:
            raise InputError(f"{self.place}, config", config, "an absolute path, where no channel set is named")
        text = read_text(path)
        if old_scan_file.looks_like(text):
            old = old_scan_file.read(text, str(path))
            self.warnings += old.warnings
            self._far = old.far_threshold
            return old.sections
        sections, warnings = omega_ini.read(text, str(path), ifo)
        self.warnings += warnings
        return sections

    def _frames(self, sections: dict[str, Section], ifo: str, look_ups: dict[str, LookUp]) -> None:
        """Every section's frame type has a look-up; `source` brings its own; of a file that is no YAML gwdatafind is asked."""
        alone = self.path is not None and self.path.suffix not in YAML
        for section in sections.values():
            source = section.values.get("source")
            if source is not None:
                place = section.where("source")
                found = frame_types.of_source(fields.text(source, place), ifo, place)
                section.put("frame type", found.frame_type, place)
                look_ups.setdefault(found.frame_type, found)
            kind = section.values.get("frame type")
            if not isinstance(kind, str) or kind in look_ups:
                continue
            if not alone:
                raise InputError(
                    section.where("frame type"), kind, f"a frame type with a look-up under `frame types`{nearly(kind, look_ups)}"
                )
            look_ups[kind] = frame_types.by_datafind(ifo, fields.frame_type(kind, section.where("frame type")))

    def _scheduler(self, value: object, place: str) -> Mapping[str, Any]:
        if value is None:
            return {}
        from gwfollow.ledger.documents import Scheduler, validate

        if not isinstance(value, Mapping):
            raise InputError(place, value, "a mapping: accounting group, request memory, ...")
        found, warnings = validate(Scheduler, value, place)
        self.warnings += warnings
        return found


def _override(sections: dict[str, Section], key: str, value: object, place: str) -> None:
    """What is written in YAML over the sections that are there; null takes one away."""
    if value is None:
        return
    here = f"{place}, {key}"
    if not isinstance(value, Mapping):
        raise InputError(here, value, "a mapping")
    for name, inner in (value if key == "blocks" else {PRIMARY: value}).items():
        where = f"{here}.{name}" if key == "blocks" else here
        if inner is None:
            sections.pop("-".join(name.split()), None)
            continue
        if not isinstance(inner, Mapping):
            raise InputError(where, inner, "a mapping: channels, frame type, duration, ...")
        own = "-".join(name.split())
        sections[own] = (sections.get(own) or Section(own, where)).with_values(inner, where)


def _once(blocks: Iterable[Block], warnings: list[str], name: str) -> list[Block]:
    """A channel that stands twice is scanned as it stands first."""
    seen: dict[str, str] = {}
    kept = []
    for block in blocks:
        own = []
        for channel in block.channels:
            if channel in seen:
                warnings.append(f"{name}, {block.key}: {channel} stands in {seen[channel]} already and is scanned once, as there")
            else:
                seen[channel] = block.key
                own.append(channel)
        if own:
            kept.append(block if len(own) == len(block.channels) else block.model_copy(update={"channels": tuple(own)}))
    return kept


def _chosen(blocks: list[Block], wanted: object, place: str) -> list[Block]:
    """Of the set's channels those that are named; ``*`` and ``?`` are patterns."""
    patterns = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns) or not patterns:
        raise InputError(place, wanted, "names of channels, or patterns such as H1:PEM-*")
    every = [name for block in blocks for name in block.channels]
    for pattern in patterns:
        if not fnmatch.filter(every, pattern):
            raise InputError(place, pattern, f"a channel of the set, or a pattern of some{nearly(pattern, every)}")
    chosen = []
    for block in blocks:
        own = tuple(name for name in block.channels if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))
        if own:
            chosen.append(block.model_copy(update={"channels": own}))
    return chosen


__all__ = ["OPTIONS", "OTHER", "YAML", "Checked", "Reader", "read_text"]

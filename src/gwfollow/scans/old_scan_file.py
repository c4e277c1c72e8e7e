"""The scan files of the older Omega pipeline (``wscan``, ``qscan``), which OmegaScan_scheduler was given: headings and a block a channel.

    [Gravitational,Gravitational wave data]
    {
      channelName:           'H1:GDS-CALIB_STRAIN'
      frameType:             'H1_HOFT_C00'
      sampleFrequency:       4096
      searchTimeRange:       64
      ...
    }

Channels of one heading that are transformed alike make one section.  The old pipeline whitened by linear prediction and names no length
for a PSD: an eighth of the data is taken, at most 64 s.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.suggest import nearly
from gwfollow.scans import fields
from gwfollow.scans.sections import Section

#: the old key -> ours; None: drawn otherwise here
_KEYS: dict[str, str | None] = {
    "channelName": "channels",
    "frameType": "frame type",
    "sampleFrequency": "resample",
    "searchTimeRange": "duration",
    "searchFrequencyRange": "frequency range",
    "searchQRange": "q range",
    "searchMaximumEnergyLoss": "max mismatch",
    "searchWindowDuration": "search",
    "plotTimeRanges": "plot time durations",
    "alwaysPlotFlag": "always plot",
    "whiteNoiseFalseRate": None,
    "plotFrequencyRange": None,
    "plotNormalizedEnergyRange": None,
    "plotMaximumEnergyLoss": None,
    "plotDurationRange": None,
}
_NEEDED = ("channelName", "frameType", "searchTimeRange")
LONGEST_PSD = 64.0

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f]+)|(?P<line>\n)|(?P<comment>[#%][^\n]*)|(?P<open>\{)|(?P<close>\})
    |(?P<key>[A-Za-z_][A-Za-z0-9_]*)[ \t]*:
    |(?P<text>'[^'\n]*'|"[^"\n]*")
    |(?P<list>\[[^\]\n]*\])
    |(?P<word>[^\s{}\[\]'"\#%]+)""",
    re.VERBOSE,
)


@dataclass
class _Written:
    """A block between braces."""

    line: int
    heading: str
    values: dict[str, tuple[Any, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class OldFile:
    sections: list[Section]
    warnings: list[str]
    far_threshold: float | None  # Hz


def looks_like(text: str) -> bool:
    """Whether this is such a file and not an INI: it has a brace on a line of its own, or before a key."""
    return re.search(r"^\s*\{\s*(?:$|channelName)", text, re.MULTILINE) is not None


def read(text: str, name: str) -> OldFile:
    """Raises `InputError` with the file's name, the line, what was found and what was expected."""
    warnings: list[str] = []
    written = list(_blocks(text, name))
    if not written:
        raise InputError(name, text[:60], "blocks of channels: { channelName: 'H1:...' frameType: ... }")
    sections: dict[tuple[str, str], Section] = {}
    taken: dict[str, int] = {}
    for one in written:
        section = _section(one, name, warnings)
        alike = (one.heading, repr([(key, value) for key, value in section.values.items() if key != "channels"]))
        if alike in sections:
            sections[alike].values["channels"] += section.values["channels"]
            continue
        number = taken[section.key] = taken.get(section.key, 0) + 1
        section.key += f"-{number}" if number > 1 else ""
        sections[alike] = section
    return OldFile(list(sections.values()), warnings, _threshold(written, name, warnings))


def _tokens(text: str, name: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and line, without space and comments."""
    line, at = 1, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at : at + 40].partition("\n")[0]
            raise InputError(f"{name}, line {line}", rest, "key: value, a heading [A,B] or a comment (#)")
        kind, at = str(found.lastgroup), found.end()
        if kind == "line":
            line += 1
        elif kind not in ("space", "comment"):
            yield kind, found[kind], line


def _blocks(text: str, name: str) -> Iterator[_Written]:
    heading, key = "Channels", ""
    inside: _Written | None = None
    for kind, token, line in _tokens(text, name):
        if inside is None and kind == "list":
            heading = _heading(token)
        elif inside is None and kind == "open":
            inside = _Written(line, heading)
        elif inside is not None and key and kind in ("text", "list", "word"):
            inside.values[key] = (_value(token, kind), line)
            key = ""
        elif inside is not None and not key and kind == "key":
            key = _once(token, inside, name, line)
        elif inside is not None and not key and kind == "close":
            yield inside
            inside = None
        else:
            raise InputError(f"{name}, line {line}", token, _expected(inside, key))
    if inside is not None:
        raise InputError(f"{name}, line {inside.line}", "a block without its end", "} after the last key")


def _expected(inside: _Written | None, key: str) -> str:
    if inside is None:
        return "a heading [A,B] or a block { ... }"
    return f"a value for {key}" if key else "key: value, or } at the end of the block"


def _once(key: str, inside: _Written, name: str, line: int) -> str:
    if key in inside.values:
        raise InputError(f"{name}, line {line}", f"a second {key}", "each key once in a block")
    return key


def _heading(found: str) -> str:
    """``[Gravitational,Gravitational wave data]``: the short name, then the one for people."""
    parts = [part.strip() for part in found[1:-1].split(",", 1)]
    return parts[-1] or parts[0] or "Channels"


def _value(found: str, kind: str) -> Any:
    if kind == "text":
        return found[1:-1].strip()
    if kind == "list":
        return [part for part in re.split(r"[,\s]+", found[1:-1].strip()) if part]
    return found


def _section(one: _Written, name: str, warnings: list[str]) -> Section:
    for key in _NEEDED:
        if key not in one.values:
            raise InputError(f"{name}, line {one.line}", f"a block without {key}", f"{key}: ...")
    section = Section(re.sub(r"[^A-Za-z0-9_.()+-]+", "-", one.heading).strip("-") or "Channels", f"{name}, line {one.line}")
    section.put("name", one.heading, f"{name}, line {one.line}")
    for key, (value, line) in one.values.items():
        place = f"{name}, line {line}, {key}"
        if key not in _KEYS:
            warnings.append(f"{place}: nothing reads it{nearly(key, _KEYS)}")
        elif canonical := _KEYS[key]:
            section.put(canonical, [value] if canonical == "channels" else value, place)
    duration = fields.number("s", above=0)(section.values["duration"], section.where("duration"))
    section.put("fftlength", min(LONGEST_PSD, 2.0 ** math.floor(math.log2(duration / 8))), section.where("duration"))
    return section


def _threshold(written: list[_Written], name: str, warnings: list[str]) -> float | None:
    """A scan has one threshold: the lowest rate of all blocks."""
    check = fields.number("Hz", above=0)
    rates = {
        check(one.values[key][0], f"{name}, line {one.values[key][1]}, {key}")
        for one in written
        for key in ("whiteNoiseFalseRate",)
        if key in one.values
    }
    if len(rates) > 1:
        told = ", ".join(f"{rate:g}" for rate in sorted(rates))
        warnings.append(f"{name}, whiteNoiseFalseRate: {told} Hz; the lowest is taken for all")
    return min(rates, default=None)


__all__ = ["OldFile", "looks_like", "read"]

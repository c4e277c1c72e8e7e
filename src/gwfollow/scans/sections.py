"""A section of a scan's configuration, wherever it was read from, and the block or the primary channel that it makes.

Keys are those of gwdetchar-omega's INI with spaces (``q range``, ``frame type``).  Every value keeps the place where it stands, for the person
who has to mend it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gwfollow.errors import InputError
from gwfollow.scans import fields
from gwfollow.scans.fields import Check
from gwfollow.scans.model import Block, Primary

PRIMARY = "primary"

_seconds = fields.number("s", above=0, most=65536)

#: key -> check.  What a block may say; those without an attribute of `Block` are read and used otherwise
BLOCK: dict[str, Check] = {
    "name": fields.text,
    "parent": fields.text,
    "channels": fields.channels,
    "frame type": fields.frame_type,
    "source": fields.text,
    "state flag": fields.flag,
    "duration": _seconds,
    "fftlength": _seconds,
    "resample": fields.power_of_two,
    "frequency range": fields.frequency_range,
    "q range": fields.q_range,
    "max mismatch": fields.number(above=0, below=1),
    "search": _seconds,
    "snr threshold": fields.number(least=0),
    "dt": _seconds,
    "always plot": fields.truth,
    "plot time durations": fields.durations,
}
PRIMARY_KEYS: dict[str, Check] = {
    "name": fields.text,
    "channel": fields.channel,
    "frame type": fields.frame_type,
    "source": fields.text,
    "f low": fields.number("Hz", above=0),
    "resample": fields.power_of_two,
    "duration": _seconds,
    "fftlength": _seconds,
    "matched filter length": _seconds,
}

#: what gwdetchar-omega and our model take where a section does not say
DURATION, FFTLENGTH, SEARCH, DT = 32.0, 2.0, 0.5, 0.1


@dataclass
class Section:
    """One section as it was written; `places` has the place of each key, `place` that of the section."""

    key: str
    place: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def where(self, key: str) -> str:
        return self.places.get(key, f"{self.place}.{key}")

    def put(self, key: str, value: Any, place: str) -> None:
        self.values[key] = value
        self.places[key] = place

    def with_values(self, values: Mapping[str, Any], place: str) -> Section:
        """The same section with some values replaced by ones that stand elsewhere; null takes one away."""
        new = Section(self.key, self.place, dict(self.values), dict(self.places))
        for key, value in values.items():
            if value is None:
                new.values.pop(key, None)
            else:
                new.put(key, value, f"{place}.{key}")
        return new

    def checked(self, known: Mapping[str, Check]) -> dict[str, Any]:
        """Raises `InputError` for a key that is not known or a value that cannot be."""
        fields.refuse_unknown(self.values, known, self.place)
        return {key: known[key](value, self.where(key)) for key, value in self.values.items()}


def make_block(section: Section, ifo: str, warnings: list[str]) -> Block:
    """The block of a section.

    A lower end of 0 Hz becomes the lowest frequency at which a tile of the lowest Q has its fifty turns in the data, as in gwpy:
    50 Q / (2 pi duration).
    """
    found = section.checked(BLOCK)
    _need(section, found, "channels", "frame type")
    duration = found.setdefault("duration", DURATION)
    _fitting(section, found, duration)
    _of_this(section, found["channels"], ifo)
    if found.get("dt", DT) != DT:
        warnings.append(f"{section.where('dt')}: delays up to {DT:g} s are looked at, whatever stands here")
    low, high = found.get("frequency range", (4.0, None))
    lowest_q = found.get("q range", (fields.LOWEST_Q, 150.0))[0]
    found["frequency range"] = (low or 50 * lowest_q / (2 * math.pi * duration), high)
    _plots(section, found, duration, warnings)
    return Block(
        key=section.key,
        name=found.get("name") or section.key,
        channels=tuple(found["channels"]),
        **{
            key.replace(" ", "_"): value
            for key, value in found.items()
            if key not in ("name", "parent", "channels", "source", "dt")
        },
    )


def make_primary(section: Section, ifo: str) -> Primary:
    found = section.checked(PRIMARY_KEYS)
    _need(section, found, "channel", "frame type")
    duration = found.setdefault("duration", DURATION)
    found.setdefault("matched filter length", 2.0)
    _fitting(section, found, duration)
    _of_this(section, [found["channel"]], ifo)
    # gwdetchar-omega high-passes at 4 Hz where the section does not say
    found.setdefault("f low", 4.0)
    return Primary(**{key.replace(" ", "_"): value for key, value in found.items() if key not in ("name", "source")})


def _need(section: Section, found: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        if key not in found:
            raise InputError(f"{section.place}, {key}", None, f"a value for `{key}`")


def _fitting(section: Section, found: dict[str, Any], duration: float) -> None:
    """What must fit into the data that are transformed."""
    found.setdefault("fftlength", min(FFTLENGTH, duration))
    for key in ("fftlength", "search", "matched filter length"):
        if found.get(key, 0.0) > duration:
            raise InputError(section.where(key), section.values[key], f"at most the duration of the data ({duration:g} s)")


def _of_this(section: Section, channels: list[str], ifo: str) -> None:
    for name in channels:
        if not fields.of_detector(name, ifo):
            place = section.where("channels" if "channels" in section.values else "channel")
            raise InputError(place, name, f"a channel of {ifo} ({ifo}:...)")


def _plots(section: Section, found: dict[str, Any], duration: float, warnings: list[str]) -> None:
    wanted = found.get("plot time durations", (1.0, 4.0, 16.0))
    fits = tuple(one for one in wanted if one <= duration) or (duration,)
    if fits != wanted and "plot time durations" in found:
        longer = ", ".join(f"{one:g}" for one in wanted if one > duration)
        warnings.append(f"{section.where('plot time durations')}: no plot of {longer} s can be drawn from {duration:g} s of data")
    found["plot time durations"] = fits


__all__ = ["BLOCK", "PRIMARY", "PRIMARY_KEYS", "Section", "make_block", "make_primary"]

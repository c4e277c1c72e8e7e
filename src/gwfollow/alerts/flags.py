"""What may be done with an event's results: `flags.json` beside the event.

    {"ROLE": "observation", "UPLOAD": true, ...}

ROLE            test or observation; nothing is published for a test
ONLINE          the event is followed as it comes, not looked at again later
VETOED          the event is set aside: nothing more is made for it
UPLOAD          results go to collaborators
ICECUBE_UPLOAD  results go to IceCube's collaborators
BLINDED_NEUTRINOS  neutrinos get random directions
MANUAL          a person has made the event, not an alert
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gwfollow.alerts.folders import write_once
from gwfollow.errors import InputError

FILE = "flags.json"
Flags = dict[str, str | bool]

_NONE: Flags = {
    "ROLE": "test",
    "ONLINE": True,
    "VETOED": False,
    "UPLOAD": False,
    "ICECUBE_UPLOAD": False,
    "BLINDED_NEUTRINOS": False,
    "MANUAL": False,
}
#: name -> all flags
PRESETS: Mapping[str, Flags] = {
    "DEFAULT": _NONE,
    "TRIGGERED_INTERNAL": {**_NONE, "ROLE": "observation", "UPLOAD": True},
    "TRIGGERED_PUBLIC": {**_NONE, "ROLE": "observation", "UPLOAD": True, "ICECUBE_UPLOAD": True},
    "TRIGGERED_TEST": {**_NONE, "BLINDED_NEUTRINOS": True},
    "RERUN": {**_NONE, "ROLE": "observation", "ONLINE": False},
    "MANUAL": {**_NONE, "ROLE": "observation", "UPLOAD": True, "ICECUBE_UPLOAD": True, "MANUAL": True},
}
_UPLOADS = ("UPLOAD", "ICECUBE_UPLOAD")


def parse(words: Sequence[str]) -> Flags:
    """The flags that presets and ``K=V`` set, later ones over earlier ones; only what they say.

    Raises `InputError` for other words.
    """
    said: Flags = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            if key.upper() not in PRESETS:
                raise InputError("--flags", word, f"a preset ({', '.join(PRESETS)}) or NAME=VALUE")
            said.update(PRESETS[key.upper()])
        elif key.upper() not in _NONE:
            raise InputError("--flags", word, f"one of {', '.join(_NONE)}")
        else:
            said[key.upper()] = _value(key.upper(), value)
    return said


def check(flags: Flags, event: str, *, mock: bool) -> None:
    """Raises `InputError` where a mock would become real, or a test would be published."""
    if mock and flags["ROLE"] == "observation":
        raise InputError(f"{event}: a mock or a test can never be ROLE=observation (its results would be published)")
    if flags["ROLE"] == "test" and (wrong := [name for name in _UPLOADS if flags[name]]):
        raise InputError(f"{event}: nothing is published for a test, so {' and '.join(wrong)} must be false where ROLE=test")


def read(folder: Path) -> Flags | None:
    """The flags beside an event; None where there are none.  Raises `InputError` for a file that is wrong."""
    path = folder / FILE
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{path}: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(str(path), found, "an object with flags")
    return {**_NONE, **{key: _stored(key, value, path) for key, value in found.items() if key in _NONE}}


def change(folder: Path, said: Flags, event: str, *, mock: bool) -> Flags:
    """Change the flags beside an event and give all of them; two who do so at once wait for each other.  Raises as `check` does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        flags = {**(read(folder) or _NONE), **said}
        check(flags, event, mock=mock)
        write_once(folder / FILE, json.dumps(flags, indent=2).encode() + b"\n")
    finally:
        os.close(descriptor)
    return flags


def _value(key: str, text: str) -> str | bool:
    text = text.strip().lower()
    if key == "ROLE":
        if text not in ("test", "observation"):
            raise InputError("--flags ROLE", text, "test or observation")
        return text
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise InputError(f"--flags {key}", text, "true or false")
    return text in ("true", "1", "yes")


def _stored(key: str, value: object, path: Path) -> str | bool:
    if isinstance(value, bool) and key != "ROLE":
        return value
    if not isinstance(value, str):
        raise InputError(f"{path}, {key}", value, "test or observation" if key == "ROLE" else "true or false")
    return _value(key, value)


__all__ = ["FILE", "PRESETS", "Flags", "change", "check", "parse", "read"]

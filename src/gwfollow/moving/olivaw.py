"""Event descriptions of the GitLab era: the text of an issue, or the YAML alone, or the issue as GitLab's API gives it (JSON).

    # Run information
    Some text.
    ---
    name: S200311bg
    repository: https://git.ligo.org/pe/O3/S200311bg
    productions:
        - Prod0:
            - status: Wait
            - pipeline: bayeswave
    ---

They become the same plain data as a ledger of asimov.  Keys that later versions put elsewhere are moved by the blueprint reader
(`gwfollow.ledger.forms.deprecated`); what only these descriptions have (names of priors, one frequency for all detectors) is moved here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError
from gwfollow.ledger.yamlfile import MAX_BYTES, read_documents
from gwfollow.moving.asimov_ledger import Contents, add_event

#: a placeholder such as {wd}; a mapping of YAML has a colon or a comma, or is empty
_PLACEHOLDER = re.compile(r"(?<![\w$])\{([A-Za-z_]\w*)\}")
_FENCE = re.compile(r"^---\s*$", re.MULTILINE)
_TABS = re.compile(r"^[ ]*\t[\t ]*", re.MULTILINE)
#: names of priors -> the parameters that asimov's later keys give them to
_PRIORS = {
    "chirp mass": ("chirp mass",),
    "component": ("mass 1", "mass 2"),
    "q": ("mass ratio",),
    "distance": ("luminosity distance",),
    "a1": ("spin 1",),
    "a2": ("spin 2",),
    "amp order": ("amplitude order",),
}
#: scoped labels of the issue, e.g. C01::Stuck
_STATES = ("Ready to Run", "Generating PSDs", "Productions running", "Runs complete", "Stuck")


def read(files: Sequence[str], values: Mapping[str, str], root: Path | None = None) -> Contents:
    """All of `files`; `values` fill placeholders such as ``{wd}``.  Raises `InputError`."""
    found = Contents(", ".join(Path(file).name for file in files), root)
    unused = set(values)
    for file in files:
        text, state = _description(file)
        text, used = _filled(text, values, f"event description {Path(file).name}")
        unused -= used
        _add(found, text, f"event description {Path(file).name}", state)
    if unused:
        raise InputError("--set", ", ".join(sorted(unused)), "names that stand in braces in one of the files")
    return found


def _description(file: str) -> tuple[str, str]:
    """The YAML of a file, and the event's state where the file tells it."""
    place = f"event description {Path(file).name}"
    try:
        with Path(file).open("rb") as stream:
            text = stream.read(MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            place, getattr(error, "strerror", None) or "not text in UTF-8", "a file with an event description"
        ) from None
    state = ""
    if text.lstrip().startswith("{") and '"description"' in text:
        try:
            issue = json.loads(text)
            text, labels = issue["description"], [str(label) for label in issue.get("labels") or []]
        except (ValueError, KeyError, TypeError):
            raise InputError(place, "other JSON", "an issue of GitLab's API, with its description") from None
        state = next((label.rpartition("::")[2] for label in labels if label.rpartition("::")[2] in _STATES), "")
    parts = _FENCE.split(text)
    if len(parts) >= 3:  # text --- YAML --- more text
        text = parts[1]
    elif len(parts) == 2:
        text = parts[1] if "name:" in parts[1] else parts[0]
    return text, state


def _filled(text: str, values: Mapping[str, str], place: str) -> tuple[str, set[str]]:
    wanted = set(_PLACEHOLDER.findall(text))
    missing = sorted(wanted - values.keys())
    if missing:
        given = " ".join(f"--set {name}=VALUE" for name in missing)
        raise InputError(place, f"{{{missing[0]}}}", f"a value for each name in braces: {given}")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text), wanted


def _add(found: Contents, text: str, place: str, state: str) -> None:
    if _TABS.search(text):
        # YAML has no tabs; olivaw's own documentation indents by them
        text = _TABS.sub(lambda match: match[0].replace("\t", "    "), text)
        found.notes.append(f"{place}: tabs at the beginning of lines were read as four spaces")
    documents = [one for one in read_documents(text, place) if one is not None]
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise InputError(place, f"{len(documents)} documents", "one mapping with name, repository and productions")
    event = {key.replace("-", " "): value for key, value in documents[0].items() if key != "kind"}
    if not isinstance(event.get("name"), str):
        raise InputError(f"{place}, name", event.get("name"), "the event's name")
    _priors(event, place, found.notes)
    _one_for_all(event, place)
    if state:
        found.notes.append(f"{event['name']}: its issue says {state!r}; here that follows from its analyses")
    add_event(found, event, place)


def _priors(event: dict[str, Any], place: str, notes: list[str]) -> None:
    priors = event.get("priors")
    if priors is None:
        return
    if not isinstance(priors, Mapping):
        raise InputError(f"{place}, priors", priors, "a mapping")
    moved: dict[str, Any] = {}
    for key, value in priors.items():
        names = _PRIORS.get(key.replace("-", " "), (key.replace("-", " "),))
        if names != (key,):
            notes.append(f"{event['name']}: priors.{key} is read as {' and '.join(names)}")
        bounds = isinstance(value, list) and len(value) == 2
        for name in names:
            moved[name] = {"minimum": value[0], "maximum": value[1]} if bounds else value
    event["priors"] = moved


def _one_for_all(event: dict[str, Any], place: str) -> None:
    """One number where the later keys have one for each detector."""
    quality = event.get("quality")
    if not isinstance(quality, Mapping):
        return
    detectors = event.get("interferometers")
    upper = any(key.replace("-", " ") == "upper frequency" for key in quality)
    spread = {}
    for key, value in quality.items():
        spaced = key.replace("-", " ")
        if spaced in ("lower frequency", "upper frequency") and isinstance(value, int | float):
            if not isinstance(detectors, list):
                expected = f"the detectors, since quality.{key} is one number for all"
                raise InputError(f"{place}, interferometers", detectors, expected)
            value = dict.fromkeys(detectors, value)
        # beside an upper frequency the high one is another thing, which nothing reads here
        spread["highest frequency" if upper and spaced == "high frequency" else key] = value
    event["quality"] = spread


__all__ = ["read"]

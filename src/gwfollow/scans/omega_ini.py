"""The INI files of gwdetchar-omega (its documentation: ``gwdetchar.omega.config``): a section for each block of channels, and ``[primary]``.

What gwdetchar ignores is told and ignored; what it would stumble over is refused.
"""

from __future__ import annotations

import re
from configparser import ConfigParser, DuplicateOptionError, DuplicateSectionError, InterpolationError, MissingSectionHeaderError
from configparser import Error as INIError

from gwfollow.errors import InputError
from gwfollow.ledger.suggest import nearly
from gwfollow.scans.sections import BLOCK, PRIMARY, PRIMARY_KEYS, Section

#: spellings that differ by more than hyphens for spaces
_OTHER = {"frametype": "frame type", "fft length": "fftlength", "f low": "f low"}
_OPTION = re.compile(r"([^\s=:#;\[][^=:]*?)\s*[=:]")


def read(text: str, name: str, ifo: str = "") -> tuple[list[Section], list[str]]:
    """The sections in the order of the file, and warnings for a person.  ``%(IFO)s`` stands for the detector.

    Raises `InputError` with the file's name, the line, what was found and what was expected.
    """
    parser = ConfigParser(defaults={"IFO": ifo} if ifo else None)
    try:
        parser.read_string(text, name)
        written = {key: dict(parser[key]) for key in parser.sections()}
    except INIError as error:
        raise _input_error(error, name) from None
    if not written:
        raise InputError(name, text[:60], "sections of channels: [GW], [PEM], ...")
    lines = _lines(text)
    warnings: list[str] = []
    sections = []
    for key, values in written.items():
        place = f"{name}, line {lines.get((key, ''), '?')}, [{key}]"
        section = Section("-".join(key.split()), place)
        known = PRIMARY_KEYS if key == PRIMARY else BLOCK
        for option, value in values.items():
            if option == "ifo":
                continue
            canonical = option.replace("-", " ").replace("_", " ")
            canonical = _OTHER.get(canonical, canonical)
            where = f"{name}, line {lines.get((key, option), lines.get((key, ''), '?'))}, [{key}] {option}"
            if canonical in known:
                section.put(canonical, value, where)
            else:
                meant = nearly(option, [one.replace(" ", "-") for one in known])
                warnings.append(f"{where}: nothing reads it, as in gwdetchar-omega{meant}")
        sections.append(section)
    _parents(sections, warnings)
    return sections, warnings


def _parents(sections: list[Section], warnings: list[str]) -> None:
    """A block with a parent stands under the parent's name, unless it has one of its own."""
    by_key = {section.key: section for section in sections}
    for section in sections:
        parent = section.values.get("parent")
        if parent is None:
            continue
        above = by_key.get("-".join(str(parent).split()))
        if above is None:
            warnings.append(f"{section.where('parent')}: there is no section {parent!r}{nearly(str(parent), by_key)}")
        elif "name" in above.values and "name" not in section.values:
            section.put("name", above.values["name"], above.where("name"))


def _lines(text: str) -> dict[tuple[str, str], int]:
    """(section, option) -> line; (section, "") is its heading.  configparser keeps none."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\[([^]]+)\]", line.strip()):
            section = heading[1]
            found.setdefault((section, ""), number)
        elif option := _OPTION.match(line):
            found.setdefault((section, option[1].lower().strip()), number)
    return found


def _input_error(error: INIError, name: str) -> InputError:
    if isinstance(error, DuplicateSectionError):
        return InputError(f"{name}, line {error.lineno}", f"a second [{error.section}]", "each section once")
    if isinstance(error, DuplicateOptionError):
        return InputError(f"{name}, line {error.lineno}, [{error.section}]", f"a second {error.option!r}", "each option once")
    if isinstance(error, MissingSectionHeaderError):
        return InputError(f"{name}, line {error.lineno}", str(error.line).strip(), "a section's heading before it: [GW]")
    if isinstance(error, InterpolationError):
        return InputError(
            f"{name}, [{error.section}] {error.option}",
            str(error).splitlines()[0],
            "%% for a percent sign, or %(IFO)s for the detector",
        )
    errors = getattr(error, "errors", None)
    if errors:
        line, found = errors[0]
        return InputError(f"{name}, line {line}", found.strip("'\"\\n"), "option = value, or a heading [SECTION]")
    return InputError(name, str(error).splitlines()[0], "an INI file of gwdetchar-omega")


__all__ = ["read"]

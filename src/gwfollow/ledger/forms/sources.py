"""Where blueprints are read from: a file, standard input, an address; and what stands beside them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from gwfollow.errors import InputError
from gwfollow.ledger.forms.fetch import fetch
from gwfollow.ledger.forms.hosts import is_url, joined, shown
from gwfollow.ledger.yamlfile import MAX_BYTES

#: files that one blueprint may lead to, and how far
MAX_FILES = 100
MAX_DEPTH = 5
#: where a reference by name is looked for, beside the file that has it (asimov's data has bundles/ and analyses/ side by side)
_PLACES = ("", "analyses/", "../analyses/")
_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Source:
    """A text with blueprints, and where it is from."""

    name: str  # begins every message
    text: str
    where: str | None = None  # path or address; None for a text without a place of its own
    hosts: Sequence[str] = ()
    chain: tuple[str, ...] = ()  # this one and those that led to it
    opened: list[str] = field(default_factory=list)  # of all that the first one led to

    def refer(self, reference: str, place: str) -> Source:
        """What `reference` in this one means: a file or an address relative to it.  Raises `InputError`."""
        if self.where is None:
            raise InputError(
                f"{place}: {reference!r} cannot be looked for, since this text is no file; write the analysis out here"
            )
        if len(self.chain) > MAX_DEPTH:
            raise InputError(f"{place}: bundles within bundles, more than {MAX_DEPTH} deep")
        on_the_web = is_url(reference) or is_url(self.where)
        where = _address(self.where, reference, place) if on_the_web else _file(self.where, reference, place)
        if where in self.chain:
            raise InputError(f"{place}: a circle of bundles: {' -> '.join(shown_name(name) for name in (*self.chain, where))}")
        if len(self.opened) >= MAX_FILES:
            raise InputError(f"{place}: more than {MAX_FILES} files")
        self.opened.append(where)
        found = _open(where, self.hosts)
        return replace(found, chain=(*self.chain, where), opened=self.opened)


def open_source(source: str, hosts: Sequence[str] = ()) -> Source:
    """A file, an address of one of `hosts`, or standard input where `source` is ``-``.  Raises `InputError`, `RemoteSilent`."""
    if source == "-":
        text = _decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
        return Source("standard input", text, str(Path.cwd() / "-"), hosts)
    found = _open(source, hosts)
    return replace(found, chain=(found.where or source,))


def _open(where: str, hosts: Sequence[str]) -> Source:
    name = f"blueprint {shown_name(where)}"
    if is_url(where):
        content, found = fetch(where, hosts, f"blueprint {shown(where)}")
        return Source(name, _decode(content, name), found, hosts)
    try:
        with Path(where).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise InputError(f"blueprint {where}: {getattr(error, 'strerror', None) or error}") from None
    return Source(name, _decode(content, name), str(Path(where).resolve()), hosts)


def shown_name(where: str) -> str:
    """The last part of a path or an address."""
    return Path(urlsplit(where).path if is_url(where) else where).name or shown(where)


def _address(base: str, reference: str, place: str) -> str:
    """An address; one that a bundle on the web names is relative to it, and never a file of this machine."""
    if is_url(reference):
        return reference
    return joined(base, reference if reference.endswith(_ENDINGS) else f"{reference}{_ENDINGS[0]}", place)


def _file(base: str, reference: str, place: str) -> str:
    folder = Path(base).parent
    names = [reference] if reference.endswith(_ENDINGS) else [f"{reference}{ending}" for ending in _ENDINGS]
    for beside in _PLACES:
        for name in names:
            try:
                found = (folder / beside / name).resolve()
                if found.is_file():
                    return str(found)
            except OSError as error:
                raise InputError(f"{place}: {reference[:100]}: {error.strerror}") from None
    raise InputError(place, reference, f"{' or '.join(names)} in {folder}, or in a folder analyses in or beside that one")


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: not text in UTF-8") from None

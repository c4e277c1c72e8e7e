"""Which addresses blueprints may come from: ``https://`` and hosts that the site lists, as HOST or HOST:PORT."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from gwfollow.errors import InputError

#: the usual port of each scheme that is read
PORTS = {"https": 443, "http": 80}

_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_AN_ADDRESS = "an address such as https://host/folder/blueprint.yaml"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_url(source: str) -> bool:
    """``https://...``; anything with ``://`` in it, so that ``ftp://`` is refused as an address and not looked for as a file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source) is not None


def shown(url: str) -> str:
    """The address as messages show it: without a login, and without what follows ``?``, which may be a token."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def joined(base: str, reference: str, place: str) -> str:
    """An address that may be relative to another one.  Raises `InputError`."""
    try:
        return urljoin(base, reference)
    except ValueError:
        raise InputError(place, reference, _AN_ADDRESS) from None


def allowed(url: str, hosts: Sequence[str], place: str) -> bool:
    """Whether an address of a private network is fine.  Raises `InputError` where the address itself is not."""
    parts, port = _parts(url, place)
    host = (parts.hostname or "").lower()
    listed = {entry.strip().lower() for entry in hosts}
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if named not in listed and not (host in listed and port == PORTS[parts.scheme]):
        known = ", ".join(hosts) or "none"
        raise InputError(f"{place}: {named} is not among the hosts of GWFOLLOW_BLUEPRINT_HOSTS ({known})")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InputError(place, "http://", "https://, since anybody on the way could change the file")
    return named in listed


def is_allowed(url: str, hosts: Sequence[str]) -> bool:
    try:
        allowed(url, hosts, "")
    except InputError:
        return False
    return True


def _parts(url: str, place: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError(place, shown(url), _AN_ADDRESS) from None
    if parts.scheme not in PORTS:
        raise InputError(place, f"{parts.scheme}://", "https://")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"{place}: an address with a user or a password in it is not taken: it would be seen by others")
    host = parts.netloc.rpartition(":")[0] if port else parts.netloc
    if not parts.hostname or not _HOST.fullmatch(host) or not url.isprintable():
        raise InputError(place, shown(url), _AN_ADDRESS)
    return parts, port or PORTS[parts.scheme]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the whole world; an IPv4 address within an IPv6 one (mapped, 6to4, NAT64) is looked at too."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.is_multicast:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None
        inner = found.ipv4_mapped or found.sixtofour or translated
        return inner.is_global if inner is not None else found.is_global
    return found.is_global

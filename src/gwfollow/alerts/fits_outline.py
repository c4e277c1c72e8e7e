"""Whether bytes are a whole FITS file, looked at before any library opens them.

Only the structure is read (FITS standard 4.0, sections 3 and 4): headers of 80-byte cards in blocks of 2880 bytes, and how long the
data behind each header must be.  So a header that promises an exabyte is refused here, whatever a library would do with it.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib

from gwfollow.errors import InputError

BLOCK = 2880
#: bytes, after gunzip: a flat map of nside 1024 with four columns has 4e8
LARGEST_FITS = 500_000_000
#: bytes that a compressed file may unfold to when it came inside a message
LARGEST_IN_ALERT = 200_000_000

#: keyword -> value, as text; of a keyword that stands twice, the first
Header = dict[str, str]

_CARD = re.compile(r"([A-Z0-9_-]{1,8}) *= +(?:'((?:[^']|'')*)'|([^/]*))")


def gunzip(contents: bytes, place: str, largest: int = LARGEST_FITS) -> bytes:
    """The contents, decompressed where they are gzip.  Raises `InputError` for more than `largest` bytes, and for broken gzip."""
    if contents[:2] != b"\x1f\x8b":
        return contents
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(contents)) as stream:
            unpacked = stream.read(largest + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{place}: broken gzip: {error}") from None
    if len(unpacked) > largest:
        raise InputError(f"{place}: more than {largest} bytes after gunzip")
    return unpacked


def outline(contents: bytes, place: str) -> list[Header]:
    """The headers of a FITS file in memory, one for each HDU.  Raises `InputError` unless all of it is there."""
    if not contents.startswith(b"SIMPLE  ="):
        raise InputError(place, contents[:16], "a FITS file (it begins with SIMPLE)")
    headers: list[Header] = []
    position = 0
    # what follows the last HDU in less than a header is padding
    while position < len(contents) and (not headers or contents[position : position + 8] == b"XTENSION"):
        header, position = _header(contents, position, place)
        length = _data_bytes(header, f"{place}, HDU {len(headers)}")
        if position + length > len(contents):
            raise InputError(
                f"{place}: truncated: HDU {len(headers)} ends at byte {position + length}, the file at {len(contents)}"
            )
        headers.append(header)
        if len(headers) > 20:
            raise InputError(f"{place}: more than 20 HDUs")
        position += length + (-length) % BLOCK
    return headers


def _header(contents: bytes, position: int, place: str) -> tuple[Header, int]:
    header: Header = {}
    for start in range(position, min(len(contents), position + 200 * BLOCK) - 79, 80):
        card = contents[start : start + 80].decode("ascii", errors="replace")
        if card.rstrip() == "END":
            return header, start + 80 + (-(start + 80 - position)) % BLOCK
        if match := _CARD.match(card):
            key, quoted, plain = match.groups()
            header.setdefault(key, (quoted if quoted is not None else plain).strip())
    raise InputError(f"{place}: truncated: the header that begins at byte {position} has no END")


def _data_bytes(header: Header, place: str) -> int:
    try:
        length = _data_length(header)
    except (KeyError, ValueError):
        raise InputError(f"{place}: a header without BITPIX and NAXIS") from None
    if not 0 <= length <= LARGEST_FITS:
        raise InputError(f"{place}, NAXIS", length, f"0 to {LARGEST_FITS} bytes of data")
    return length


def _data_length(header: Header) -> int:
    """|BITPIX|/8 * GCOUNT * (PCOUNT + NAXIS1 * ... * NAXISn), equation 2 of the standard."""
    axes = int(header["NAXIS"])
    if not 0 <= axes <= 999:
        raise ValueError(axes)
    if axes == 0:
        return 0
    product = 1
    for axis in range(1, axes + 1):
        size = int(header[f"NAXIS{axis}"])
        if not 0 <= size < 10**15:
            raise ValueError(size)
        product *= size
    return abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", "1")) * (int(header.get("PCOUNT", "0")) + product)


__all__ = ["BLOCK", "LARGEST_FITS", "LARGEST_IN_ALERT", "Header", "gunzip", "outline"]

"""SHA-256 of files, read in pieces; a folder's is that of its sorted listing of checksums."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, or of a folder's relative names and contents.  Raises `OSError`."""
    if path.is_dir():
        listing = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            listing.update(f"{file.relative_to(path)}\0{sha256_of(file)}\n".encode())
        return listing.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """`sha256_of` a file, read again in this process only when its size, time or inode is another one.  Raises `OSError`."""
    if path.is_dir():
        return sha256_of(path)
    status = path.stat()
    return _remembered(path, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=4096)
def _remembered(path: Path, size: int, changed: int, inode: int) -> str:
    return sha256_of(path)

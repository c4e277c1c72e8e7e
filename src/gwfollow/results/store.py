"""The results store: each content once, under its SHA-256, in a folder that any number of processes may write to.

    sha256/ab/abcdef...     the objects, read-only, never altered
    incoming/               what is being copied; a writer holds a file lock on its own, so that what a dead one left is known

A content is copied (never hard-linked: the other name could alter it; a file system that can share extents does so by itself),
flushed to the disk, and only then renamed to its name.  Two writers of one content both rename the same bytes there.

A folder is stored as one tar file, made so that the same names and contents give the same bytes: a folder of PESummary's pages would else be
hundreds of rows and inodes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import tarfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

from gwfollow.errors import InputError, PermanentError, TransientError

_PIECE = 1 << 20  # bytes
#: the kernel cannot copy these two files by itself
_BY_HAND = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM, errno.ETXTBSY})
#: seconds for which a file without a writer's lock, or an object without a row in the ledger, may still be somebody's
GRACE = 3600.0


class StoreFault(TransientError):
    """The store could not be written or read (a full disk, no leave); nothing half has stayed."""


class Altered(PermanentError):
    """An object of the store is missing or is no longer what its name says."""


@dataclass(frozen=True)
class Stored:
    sha256: str
    size: int  # bytes


class Store:
    """The store in one folder, which is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the content of that checksum is, or would be.  Raises `InputError` for what is no checksum."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise InputError("SHA-256", sha256, "64 hexadecimal digits")
        return self.folder / "sha256" / sha256[:2] / sha256

    # ---- in ------------------------------------------------------------------------------------------------------------
    def put(self, source: Path, without: Collection[Path] = (), *, anew: bool = False) -> Stored:
        """Ensure that a file, or a folder as a tar (but for the files `without`), is in the store.

        `anew` writes it also where the store has a file of that name and size, which may have been altered.

        Raises
        ------
        InputError : the source is neither a file nor a folder, or cannot be read
        StoreFault : the store cannot be written
        """
        if source.is_dir():
            return self._put(lambda stream: write_tar(source, stream, without))
        if not source.is_file():
            raise InputError(str(source), "nothing, or no ordinary file", "a file or a folder to store")
        known = None if anew else self._known(source)
        return known or self._put(lambda stream: _copy(source, stream))

    def _known(self, source: Path) -> Stored | None:
        """A content that is there already is not copied again; its time says that it is somebody's."""
        try:
            with source.open("rb") as stream:
                found = Stored(hashlib.file_digest(stream, "sha256").hexdigest(), os.fstat(stream.fileno()).st_size)
        except OSError as error:
            raise InputError(f"{source}: {error.strerror}") from error
        target = self.path(found.sha256)
        try:
            if target.stat().st_size != found.size:
                return None  # cut short by somebody: it is written anew
            os.utime(target)
        except OSError:
            return None
        return found

    def _put(self, write: Callable[[BinaryIO], None]) -> Stored:
        try:
            with self._draft() as (draft, stream):
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
                # what lies in the store is what is hashed: the source may change while it is read
                stream.seek(0)
                stored = Stored(hashlib.file_digest(stream, "sha256").hexdigest(), os.fstat(stream.fileno()).st_size)
                os.fchmod(stream.fileno(), 0o444)
                target = self.path(stored.sha256)
                target.parent.mkdir(parents=True, exist_ok=True)
                draft.rename(target)
                _flush_folder(target.parent)
                return stored
        except OSError as error:
            raise self.fault(error) from error

    @contextmanager
    def _draft(self) -> Iterator[tuple[Path, BufferedRandom]]:
        """A file of our own in ``incoming``, locked as long as we live, gone when the block ends."""
        incoming = self.folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        draft = incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        with draft.open("x+b") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield draft, stream
            finally:
                with suppress(FileNotFoundError):
                    draft.unlink()

    # ---- out -----------------------------------------------------------------------------------------------------------
    def fetch(self, sha256: str, target: Path, *, overwrite: bool = False) -> None:
        """Copy an object to `target`, whole and checked or not at all.

        Raises `Altered` for one that is not what its name says, `InputError` where `target` is there and may not be overwritten.
        """
        if target.exists() and not overwrite:
            raise InputError(str(target), "a file", "nothing there, or --force")
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._open(sha256) as source, draft.open("xb") as out:
                digest = hashlib.sha256()
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != sha256:
                raise Altered(f"{self.path(sha256)} has been altered: its SHA-256 is {digest.hexdigest()}")
            if overwrite:
                draft.replace(target)
            else:
                os.link(draft, target)  # unlike a rename, never over a file that somebody has just made
        except FileExistsError:
            raise InputError(str(target), "a file", "nothing there, or --force") from None
        except OSError as error:
            raise PermanentError(f"{target} cannot be written: {error.strerror or error}") from error
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _open(self, sha256: str) -> Iterator[BinaryIO]:
        path = self.path(sha256)
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            raise Altered(f"{path} is missing from the results store") from None
        with stream:
            yield stream

    def check(self, sha256: str, size: int) -> str:
        """Read an object to its end; what is wrong with it, or nothing."""
        path = self.path(sha256)
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
                length = os.fstat(stream.fileno()).st_size
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return f"unreadable: {error.strerror or error}"
        if found != sha256:
            return f"altered: {length} bytes with SHA-256 {found}, expected {size} bytes"
        return ""

    # ---- housekeeping --------------------------------------------------------------------------------------------------
    def objects(self) -> Iterator[Path]:
        """Every file among the objects, in the order of the names, whatever it is called."""
        top = self.folder / "sha256"
        if top.is_dir():
            for shelf in sorted(top.iterdir()):
                yield from sorted(shelf.iterdir()) if shelf.is_dir() else [shelf]

    def sweep(self, grace: float = GRACE) -> int:
        """Remove what dead writers left: older than `grace` seconds, and nobody's lock on it.  The number removed."""
        removed = 0
        for file in self._incoming():
            with suppress(OSError), file.open("rb") as stream:
                if time.time() - os.fstat(stream.fileno()).st_mtime >= grace:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: its writer lives
                    file.unlink()
                    removed += 1
        return removed

    def discard(self, path: Path, grace: float = GRACE) -> bool:
        """Remove an object that the ledger does not know, unless it is younger than `grace` seconds: then it may be about to be known.

        It is taken aside first: who is about to use it (`put` sets its time) either came before, which its time tells, or misses it.
        """
        aside = self.folder / "incoming" / f"discarded-{secrets.token_hex(8)}"
        try:
            if time.time() - path.stat().st_mtime < grace:
                return False
            aside.parent.mkdir(exist_ok=True)
            path.rename(aside)
            if time.time() - aside.stat().st_mtime < grace:
                aside.rename(path)
                return False
            aside.unlink()
        except OSError as error:
            raise self.fault(error) from error
        return True

    def _incoming(self) -> list[Path]:
        try:
            return list((self.folder / "incoming").iterdir())
        except OSError:  # not made yet, or not ours to read: who puts something there is told
            return []

    def fault(self, error: OSError) -> StoreFault:
        return StoreFault(f"results store {self.folder}: {error.strerror or error}; nothing was stored")


def write_tar(folder: Path, stream: BinaryIO, without: Collection[Path] = ()) -> None:
    """The folder's files, but for those of `without` (resolved), as an uncompressed tar: in the order of their names, no times, no owners.

    Raises `InputError` for a symbolic link that leads out of the folder, so that nothing else is stored under a harmless name.
    """
    top = folder.resolve()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            if not path.resolve().is_relative_to(top):
                raise InputError(str(path), f"a symbolic link to {path.resolve()}", "files of that folder alone")
            if path.resolve() in without:
                continue
            with path.open("rb") as source:
                about = tarfile.TarInfo(path.relative_to(folder).as_posix())
                about.size, about.mode = os.fstat(source.fileno()).st_size, 0o644
                tar.addfile(about, source)


def _copy(source: Path, out: BinaryIO) -> None:
    with source.open("rb") as stream:
        try:
            while os.copy_file_range(stream.fileno(), out.fileno(), 1 << 30):
                pass
        except OSError as error:
            if error.errno not in _BY_HAND:
                raise
            out.seek(0)
            stream.seek(0)
            while piece := stream.read(_PIECE):
                out.write(piece)


def _flush_folder(folder: Path) -> None:
    """So that a power cut leaves the name too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = ["GRACE", "Altered", "Store", "StoreFault", "Stored", "write_tar"]

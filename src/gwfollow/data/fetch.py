"""A file into a folder: linked or copied from this machine, or downloaded; it appears under its name only when it is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlparse

from gwfollow.data.discovery import TIMEOUT, translated
from gwfollow.data.names import local_path
from gwfollow.errors import InputError, PipelineError, RemoteSilent

#: how files of this machine are taken
WAYS = ("link", "copy")


def fetch(url: str, folder: Path, *, way: str = "link", name: str | None = None) -> Path:
    """Ensure that the file is in `folder`, under its own name unless another is given; its path there.

    A link is symbolic: the file stays its owner's.  What is there already is kept.

    Raises
    ------
    InputError : a file that is not there or empty, a URL of a kind that cannot be fetched
    RemoteSilent, RemoteRefused : as in `discovery`
    """
    source = local_path(url)
    target = folder / (name or Path(urlparse(url).path if source is None else source).name)
    folder.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.stat().st_size:
        return target
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    if source is None:
        _download(url, draft)
    else:
        _take(source, draft, way)
    draft.replace(target)
    return target


def _take(source: Path, draft: Path, way: str) -> None:
    try:
        size = source.stat().st_size
    except OSError as error:
        raise InputError(str(source), error.strerror, "a file that can be read") from error
    if not size or not source.is_file():
        raise InputError(str(source), "empty", "a file that is not empty")
    if way == "link":
        draft.symlink_to(source.resolve())
        return
    shutil.copyfile(source, draft)
    if draft.stat().st_size != size:
        raise PipelineError(f"{source}: {draft.stat().st_size} of {size} bytes were copied; is it still being written?")


def _download(url: str, draft: Path) -> None:
    import requests
    import urllib3
    from igwn_auth_utils import Session

    scheme = urlparse(url).scheme
    if scheme not in {"http", "https"}:
        raise InputError("frames", url, "a file of this machine, or an address that begins with https:// or http://")
    try:
        with Session() as session, session.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            length = answer.headers.get("Content-Length")
            with draft.open("wb") as stream:
                shutil.copyfileobj(answer.raw, stream, 2**20)
                stream.flush()
                os.fsync(stream.fileno())
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise translated(url, error) from error
    size = draft.stat().st_size
    if not size or (length is not None and size != int(length)):
        raise RemoteSilent(f"{url}: {size} of {length or 'some'} bytes came")

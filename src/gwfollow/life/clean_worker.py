"""``python -m gwfollow.life.clean_worker``: cleans attempts of one analysis for the outbox (`gwfollow.life.disk`).

It says ``{}`` when it can be asked.  A pickled question comes by standard input from the process that started it; the answer is one line
of JSON: ``{"files", "bytes"}``,
``{"silent": why}`` where the same may succeed later, ``{"refused": why}`` where a person must look.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from gwfollow.errors import GWFollowError, InputError, TransientError, explain
from gwfollow.ledger.store import Ledger
from gwfollow.life.clean import clean
from gwfollow.life.site import Site
from gwfollow.pipelines import pipe
from gwfollow.settings import Settings

#: of a disk that answers, and says no
_NO = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def main() -> None:
    questions, answers = sys.stdin.buffer, pipe.answers()
    question = pickle.load(questions)  # noqa: S301  from the process that started this one, through its own pipe
    threading.Thread(target=_end_with_the_other, args=(questions,), daemon=True).start()
    pipe.say(answers, answer(*question))


def _end_with_the_other(questions: Any) -> None:
    questions.read()  # nobody writes: it returns when the process that asked is gone, and its successor may be at work already
    os.killpg(os.getpid(), signal.SIGKILL)  # with what a hook may have started: we were made the leader of a group


def answer(url: str, settings: Settings, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What became of it; never raises."""
    try:
        ledger = Ledger.open(url)
        try:
            return _cleaned(Site(ledger, settings, who=payload["who"]), payload)
        finally:
            ledger.close()
    except Exception as error:
        if isinstance(error, TransientError) or _disk_is_silent(error):
            return {"silent": explain(error)}
        return {"refused": explain(error)}


def _cleaned(site: Site, payload: Mapping[str, Any]) -> dict[str, Any]:
    files = size = 0
    for number in payload["attempts"]:
        (done,) = clean(site, payload["event"], payload["analysis"], attempt=number)
        if not done.folder.parent.is_dir():  # not one that was thrown away: the disk is not mounted here
            raise InputError(f"{payload['event']}/{payload['analysis']}: {done.folder.parent} is not there")
        files, size = files + len(done.files), size + done.size
    return {"files": files, "bytes": size}


def _disk_is_silent(error: BaseException) -> bool:
    """An error of the file system that may be over later, also where the pipeline's hook met it."""
    cause = error.__cause__ if isinstance(error, GWFollowError) else error
    return isinstance(cause, OSError) and cause.errno is not None and cause.errno not in _NO


if __name__ == "__main__":
    main()

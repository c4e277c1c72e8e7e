"""The outbox' way to the folders of attempts: what a blueprint asked to clean goes once that change is committed.

Folders lie on file systems that hang, and a pipeline's hook says which files go: both are somebody else's.  So the work is done by a
process of its own (`gwfollow.life.clean_worker`), which is killed when it takes too long: announcements must not wait behind a disk.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from typing import Any

from gwfollow.errors import PermanentError, RemoteSilent
from gwfollow.ledger.outbox import Message
from gwfollow.ledger.store import Ledger
from gwfollow.pipelines import pipe
from gwfollow.settings import Settings

#: s for one message; what has been deleted until then stays deleted, and the next try goes on
SECONDS = 60.0
#: s that the process may take to start on a machine that is busy
START_SECONDS = 30.0


class DiskCleaner:
    """Messages ``clean``: {"event", "analysis", "attempts": [number], "who": the person who asked}."""

    claim_seconds = START_SECONDS + SECONDS + 60.0

    def __init__(self, ledger: Ledger, settings: Settings, *, seconds: float = SECONDS) -> None:
        self.ledger, self.settings, self.seconds = ledger, settings, seconds

    def send(self, message: Message) -> dict[str, Any]:
        if message.kind != "clean":
            raise PermanentError(f"folders take messages of the kind clean, not {message.kind!r}")
        answer = self._ask(message.payload)
        if "silent" in answer:
            raise RemoteSilent(answer["silent"])
        if "refused" in answer:
            raise PermanentError(answer["refused"])
        return answer

    def already(self, message: Message) -> dict[str, Any] | None:
        """Nobody can tell, and it need not be told: a second time there is nothing left to delete."""
        return None

    def _ask(self, payload: Any) -> dict[str, Any]:
        url = self.ledger.engine.url.render_as_string(hide_password=False)  # through the pipe, where nobody else reads it
        question = pickle.dumps((url, self.settings, dict(payload)))
        with subprocess.Popen(
            [sys.executable, "-m", "gwfollow.life.clean_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        ) as process:
            try:
                return self._answer(process, question)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _answer(self, process: subprocess.Popen[bytes], question: bytes) -> dict[str, Any]:
        """Its standard input stays open: the process ends when we do."""
        try:
            pipe.line(process, START_SECONDS, "the process that deletes did not start")
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(question)
                process.stdin.flush()
            return pipe.line(process, self.seconds, "the files of its attempts did not answer")
        except pipe.NoAnswer as error:
            raise RemoteSilent(str(error)) from None
        except EOFError:
            raise PermanentError(
                "the process that deletes ended without a word: was it killed, or has the pipeline's hook ended it?"
            ) from None


__all__ = ["DiskCleaner"]
